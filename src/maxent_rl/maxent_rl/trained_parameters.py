# SPDX-License-Identifier: Apache-2.0
"""Parameters that are trained together: one flat storage and one Adam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from maxent_rl.networks import aligned_pieces, share_one_storage


class TrainedParameters:
    """Moves parameters into one flat storage `flat` and gives them an optimiser of their own."""

    def __init__(self, parameters: list[nn.Parameter], learning_rate: float) -> None:
        self._parameters = parameters
        self.flat = nn.Parameter(share_one_storage(parameters))
        self.flat.grad = torch.zeros_like(self.flat)
        self._gradients = aligned_pieces(self.flat.grad, parameters)
        self.optimiser = torch.optim.Adam([self.flat], lr=learning_rate, fused=True)

    def gradient(self, loss: Tensor) -> Tensor:
        """Write the gradient where the optimiser reads it, and return it."""
        torch._foreach_copy_(self._gradients, torch.autograd.grad(loss, self._parameters))
        assert self.flat.grad is not None
        return self.flat.grad

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let a gradient pass through the networks without reaching these parameters."""
        for parameter in self._parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self._parameters:
                parameter.requires_grad_(True)

    def state(self, prefix: str) -> dict[str, Tensor]:
        """Copy Adam's memory, named `<prefix>.<name>`."""
        memory = self.optimiser.state[self.flat]
        return {f'{prefix}.{name}': tensor.clone() for name, tensor in memory.items()}

    def load_state(self, prefix: str, tensors: Mapping[str, Tensor], started: bool) -> None:
        """Take Adam's memory back; ValueError if it is not there or does not fit."""
        memory: dict[str, Tensor] = {}
        shapes = {'exp_avg': self.flat.shape, 'exp_avg_sq': self.flat.shape, 'step': ()}
        for name, shape in shapes.items():
            if not started:
                continue
            tensor = tensors.get(f'{prefix}.{name}')
            if tensor is None or tensor.shape != shape or tensor.dtype != torch.float32:
                raise ValueError(f'state: {prefix}.{name} must be float32 of shape {shape}')
            memory[name] = tensor.clone()
        self.optimiser.state[self.flat] = memory
