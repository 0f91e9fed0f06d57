# SPDX-License-Identifier: Apache-2.0
"""Several Q-functions or policies of the same shape, evaluated together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from maxent_rl.image_encoder import ImageEncoder, encode_together
from maxent_rl.linear import linear
from maxent_rl.networks import load_prefixed_state

# Multiplications in one layer of one network up to which a single batched product of all
# networks is the faster one; above, oneDNN's product of each network by itself is twice as fast.
_SMALL = 1_500_000


class StackedQ:
    """E perceptrons like `QFunction`, without gradients of their parameters.

    What the observation adds to the first layer is computed once per state, not per action.
    """

    def __init__(
        self,
        networks: Sequence[Mapping[str, Tensor]],
        obs_dim: int,
        image: Sequence[int] = (),
    ) -> None:
        """Copy the networks' parameters.

        Args:
            networks: `state_dict` of each `QFunction`.
            obs_dim: n, numbers of an observation.
            image: shape (h, w, c) of the image that ends an observation, () without one.

        Raises:
            ValueError: the networks have different shapes.
        """
        if not same_shapes(networks):
            raise ValueError('Q-functions of different shapes cannot be stacked')
        stack = {
            name: torch.stack([network[name].detach() for network in networks])
            for name in networks[0]
        }
        count = sum(name.endswith('weight') for name in stack if name.startswith('layers.'))
        first = stack['layers.0.weight']
        self._count = len(networks)
        self._encoders = [_encoder(net, obs_dim, image) for net in networks] if image else []
        seen = self._encoders[0].encoded_dim if image else obs_dim  # the other inputs are action
        self._obs_weight = first[:, :, :seen].flatten(0, 1).contiguous()
        self._action_weight = first[:, :, seen:].flatten(0, 1).t().contiguous()
        self._first_bias = stack['layers.0.bias'].flatten()
        self._norms = [
            (stack[f'norms.{i}.weight'], stack[f'norms.{i}.bias'])
            if f'norms.{i}.weight' in stack
            else None
            for i in range(count - 1)
        ]
        self._weights = [stack[f'layers.{i}.weight'] for i in range(1, count)]
        self._biases = [stack[f'layers.{i}.bias'] for i in range(1, count)]

    def __call__(self, obs: Tensor, actions: Tensor) -> Tensor:
        """Values (E, b, k) of obs (b, n) and k actions (b, k, m) in each state."""
        b, k, m = actions.shape
        first = self._first(obs).unsqueeze(1)
        # One product for the first layer of all networks: their inputs are the same.
        x = (actions.reshape(b * k, m) @ self._action_weight).view(b, k, -1) + first
        x = x.view(b * k, self._count, -1)
        widest = max((weight[0].numel() for weight in self._weights), default=0)
        if b * k * widest <= _SMALL:
            values = self._together(x.transpose(0, 1))
        else:
            values = self._one_by_one(x)
        return values.view(self._count, b, k)

    def _first(self, obs: Tensor) -> Tensor:
        """What obs (b, n) add to the first layers of all networks, (b, E * h)."""
        if not self._encoders:
            return functional.linear(obs, self._obs_weight, self._first_bias)
        seen = torch.stack(encode_together(self._encoders, obs))  # each network sees its own
        weight = self._obs_weight.view(self._count, -1, seen.shape[-1]).transpose(1, 2)
        first = torch.baddbmm(self._first_bias.view(self._count, 1, -1), seen, weight)
        return first.transpose(0, 1).flatten(1)

    def _together(self, x: Tensor) -> Tensor:
        """Values (E, rows) of outputs (E, rows, h) of the first layer."""
        for norm, weight, bias in zip(self._norms, self._weights, self._biases, strict=True):
            if norm is not None:
                scale, offset = norm[0].unsqueeze(1), norm[1].unsqueeze(1)
                x = torch.addcmul(offset, functional.layer_norm(x, x.shape[-1:]), scale)
            x = x.relu_()
            if weight is self._weights[-1]:  # one output: a product of matrices is slower
                return (x * weight).sum(dim=-1) + bias
            x = torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))
        return x

    def _one_by_one(self, first: Tensor) -> Tensor:
        """Values (E, rows) of outputs (rows, E, h) of the first layer."""
        values = []
        for e in range(self._count):
            x = first[:, e]
            for norm, weight, bias in zip(self._norms, self._weights, self._biases, strict=True):
                if norm is not None:
                    x = functional.layer_norm(x, x.shape[-1:], norm[0][e], norm[1][e])
                x = linear(functional.relu(x), weight[e], bias[e])
            values.append(x.squeeze(-1))
        return torch.stack(values)


class StackedPerceptrons:
    """E policies' perceptrons `layers.*`, each with inputs of its own, without gradients."""

    def __init__(self, networks: Sequence[Mapping[str, Tensor]]) -> None:
        """Copy the parameters of each policy's `state_dict`.

        Raises:
            ValueError: the networks have different shapes.
        """
        if not same_shapes(networks):
            raise ValueError('policies of different shapes cannot be stacked')
        count = sum(name.endswith('weight') for name in networks[0])
        self._layers = [
            tuple(
                torch.stack([network[f'layers.{i}.{part}'].detach() for network in networks])
                for part in ('weight', 'bias')
            )
            for i in range(count)
        ]

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs (E, rows, o) of inputs (E, rows, i)."""
        for i, (weight, bias) in enumerate(self._layers):
            if i > 0:
                x = x.relu_()
            x = torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))
        return x


def _encoder(network: Mapping[str, Tensor], obs_dim: int, image: Sequence[int]) -> ImageEncoder:
    """Copy the encoder out of the `state_dict` of a `QFunction`."""
    encoder = ImageEncoder(obs_dim, image, torch.Generator().manual_seed(0))
    load_prefixed_state('encoder', encoder, dict(network))
    return encoder.requires_grad_(False)


def same_shapes(networks: Sequence[Mapping[str, Tensor]]) -> bool:
    """Whether all networks have the same tensors by name and shape."""
    shapes = [{name: tensor.shape for name, tensor in net.items()} for net in networks]
    return all(other == shapes[0] for other in shapes)
