# SPDX-License-Identifier: Apache-2.0
"""Policy and soft Q-function networks: multi-layer perceptrons with named, checkable tensors."""

from __future__ import annotations

from collections.abc import Sequence
import itertools
import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from maxent_rl.distributions import sample_tanh_gaussian
from maxent_rl.image_encoder import ImageEncoder, encode_together
from maxent_rl.linear import linear
from maxent_rl.policy import Policy

# Bounds of the reference implementation (github.com/haarnoja/sac, LOG_SIG_CAP_MIN/MAX).
LOG_STD_MIN = -20.0
LOG_STD_MAX = 2.0

# Lillicrap et al. 2016 (DDPG), section 7: last layers start in +-3e-3 so that first outputs are
# near zero; here the first policy is then close to tanh(N(0, 1)), nearly uniform on [-1, 1].
_LAST_LAYER_BOUND = 3e-3

_CACHE_LINE = 16  # float32 numbers


class Linear(nn.Module):
    """Affine layer with weight (outputs, inputs) and bias (outputs,), uninitialised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return linear(x, self.weight, self.bias)


def linear_layers(
    inputs: int, hidden: Sequence[int], outputs: int, generator: Generator | None
) -> nn.ModuleList:
    """Return the affine layers of a perceptron with their first parameters.

    Hidden layers are uniform in +-1/sqrt(inputs) (LeCun et al. 1998), the last in +-3e-3.

    Raises:
        ValueError: a size below 1 or no hidden layer.
    """
    sizes = [inputs, *hidden, outputs]
    for size in sizes:
        if size < 1:
            raise ValueError(f'layer sizes must be at least 1, got {sizes}')
    if not hidden:
        raise ValueError('at least one hidden layer is needed, got none')
    layers = [Linear(a, b) for a, b in itertools.pairwise(sizes)]
    with torch.no_grad():
        for layer in layers:
            bound = 1.0 / math.sqrt(layer.weight.shape[1])
            if layer is layers[-1]:
                bound = _LAST_LAYER_BOUND
            layer.weight.uniform_(-bound, bound, generator=generator)
            layer.bias.uniform_(-bound, bound, generator=generator)
    return nn.ModuleList(layers)


def image_encoder(
    obs_dim: int, image: Sequence[int], generator: Generator | None
) -> tuple[ImageEncoder | None, int]:
    """Make the encoder of a network, if there is an image, and say how much its layers see."""
    if not image:
        return None, obs_dim
    encoder = ImageEncoder(obs_dim, image, generator)
    return encoder, encoder.encoded_dim


class TanhGaussianPolicy(Policy):
    """Diagonal Gaussian whose samples are squashed to [-1, 1] (Haarnoja et al. 2018, app. C)."""

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        hidden: Sequence[int] = (256, 256),
        generator: Generator | None = None,
        image: Sequence[int] = (),
    ) -> None:
        """Draw first parameters from `generator` (torch's global one when None).

        `image` is the shape (h, w, c) of the image that ends an observation, () without one.

        Raises:
            ValueError: a dimension below 1, no hidden layer, or an image that does not fit.
        """
        super().__init__()
        self.obs_dim = obs_dim
        self.act_dim = act_dim
        self.hidden = tuple(hidden)
        self.image = tuple(image)
        self.encoder, inputs = image_encoder(obs_dim, image, generator)
        self.layers = linear_layers(inputs, self.hidden, 2 * act_dim, generator)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation before squashing, each (..., m), for obs (..., n)."""
        return self.heads(perceive([self], obs)[0])

    def heads(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, for what `perceive` made of observations (..., f)."""
        x = seen
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x), inplace=True)
        mean, log_std = self.layers[-1](x).chunk(2, dim=-1)
        return mean, log_std.clamp(LOG_STD_MIN, LOG_STD_MAX)

    def sample(self, obs: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw actions (..., m) in [-1, 1] with their log-densities (...) for obs (..., n)."""
        return self.sample_at(perceive([self], obs)[0], generator)

    def sample_at(self, seen: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """As `sample`, for what `perceive` made of observations (..., f)."""
        mean, log_std = self.heads(seen)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        return sample_tanh_gaussian(mean, log_std, noise)

    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Draw a standard Gaussian (m,), independent of `previous`."""
        return torch.randn(self.act_dim, generator=generator)

    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for obs (..., n) and standard Gaussian noise (..., m)."""
        mean, log_std = self(obs)
        return torch.tanh(mean + torch.exp(log_std) * noise)

    def mode(self, obs: Tensor) -> Tensor:
        """Return the squashed mean (..., m) for obs (..., n): the action used in evaluation."""
        mean, _ = self(obs)
        return torch.tanh(mean)


class QFunction(nn.Module):
    """Soft Q-function of observation and action.

    With `layer_norm` each hidden layer is Linear, LayerNorm, ReLU: it bounds the values far from
    the data and allows more updates per step (Hiraoka et al. 2022, DroQ; Ball et al. 2023, RLPD).
    """

    def __init__(
        self,
        obs_dim: int,
        act_dim: int,
        hidden: Sequence[int] = (256, 256),
        layer_norm: bool = True,
        generator: Generator | None = None,
        image: Sequence[int] = (),
    ) -> None:
        """Draw first parameters from `generator` (torch's global one when None).

        `image` is the shape (h, w, c) of the image that ends an observation, () without one.

        Raises:
            ValueError: a dimension below 1, no hidden layer, or an image that does not fit.
        """
        super().__init__()
        self.encoder, inputs = image_encoder(obs_dim, image, generator)
        self.layers = linear_layers(inputs + act_dim, hidden, 1, generator)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in hidden) if layer_norm else None

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        """Values (...) of obs (..., n) and action (..., m)."""
        return self.value(perceive([self], obs)[0], action)

    def value(self, seen: Tensor, action: Tensor) -> Tensor:
        """As `forward`, for what `perceive` made of observations (..., f)."""
        x = torch.cat((seen, action), dim=-1)
        for i, layer in enumerate(self.layers[:-1]):
            x = layer(x)
            if self.norms is not None:
                x = self.norms[i](x)
            x = functional.relu(x, inplace=True)
        values: Tensor = self.layers[-1](x).squeeze(-1)
        return values


def perceive(networks: Sequence[TanhGaussianPolicy | QFunction], obs: Tensor) -> list[Tensor]:
    """What the layers of each network see of obs (..., n).

    Returns:
        One (..., f) per network: obs itself, or its vector part and what the network's own
        encoder makes of the image; all networks have one or none has.
    """
    encoders = [network.encoder for network in networks if network.encoder is not None]
    return encode_together(encoders, obs) if encoders else [obs] * len(networks)


def repeat_each(obs: Tensor, k: int) -> Tensor:
    """Rows (b * k, n) that hold each of the observations (b, n) k times in a row."""
    b, n = obs.shape
    return obs.unsqueeze(1).expand(b, k, n).reshape(b * k, n)


def aligned_pieces(flat: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Views into `flat`, shaped like the parameters, each starting on a cache line.

    Kernels round differently at other alignments, and a policy must act bitwise the same in the
    learner and where it was loaded from a message or file.
    """
    pieces, start = [], 0
    for parameter in parameters:
        pieces.append(flat[start : start + parameter.numel()].view_as(parameter))
        start += _padded(parameter)
    return pieces


def share_one_storage(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Move parameters into one flat tensor (returned), of which they become views.

    Optimiser and target smoothing then work on one tensor instead of some thirty small ones,
    which takes a fifth of the time.
    """
    flat = torch.zeros(sum(_padded(parameter) for parameter in parameters))
    for parameter, piece in zip(parameters, aligned_pieces(flat, parameters), strict=True):
        parameter.data = piece.copy_(parameter.detach())
    return flat


def _padded(parameter: Tensor) -> int:
    return -(-parameter.numel() // _CACHE_LINE) * _CACHE_LINE


def prefixed_state(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """Copy a module's tensors, named `<prefix>.<name>`."""
    return {f'{prefix}.{k}': v.detach().clone() for k, v in module.state_dict().items()}


def load_prefixed_state(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Set a module's tensors from those named `<prefix>.<name>`, in place.

    Raises:
        ValueError: a name is missing or unknown, or a shape or dtype differs.
    """
    start = f'{prefix}.'
    given = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    wanted = module.state_dict()
    if given.keys() != wanted.keys():
        names = sorted(given.keys() ^ wanted.keys())
        raise ValueError(f'tensors {prefix}.*: missing or unknown {names}')
    for name, tensor in given.items():
        want = wanted[name]
        if tensor.shape != want.shape or tensor.dtype != want.dtype:
            raise ValueError(
                f'tensor {start}{name}: expected {tuple(want.shape)} {want.dtype}, '
                f'got {tuple(tensor.shape)} {tensor.dtype}'
            )
    module.load_state_dict(given)
