# SPDX-License-Identifier: Apache-2.0
"""Affine map for training batches on CPU: oneDNN's matrix product where torch has it.

torch's own linear layer calls MKL, which uses only AVX2 on AMD processors; oneDNN generates
AVX-512 code on both makes and is about twice as fast there at 256x256x256. Same numbers up to
rounding, same result on every run.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

# Below this size a call costs more than it saves (batch-of-one inference, Q-function heads).
_MIN_ROWS = 32
_MIN_OUTPUTS = 8

_AVAILABLE: bool = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, '_linear_pointwise')


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Compute `x @ weight.T + bias` for x (..., i), weight (o, i), bias (o,), differentiably."""
    large = x.dim() == 2 and x.shape[0] >= _MIN_ROWS and weight.shape[0] >= _MIN_OUTPUTS
    if _AVAILABLE and large and x.dtype == torch.float32:
        if not torch.is_grad_enabled():
            return _product(x, weight, bias)
        result: Tensor = _OneDnnLinear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return result
    return functional.linear(x, weight, bias)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, 'none', [], '')
    return result


class _OneDnnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        wants = ctx.needs_input_grad  # type: ignore[attr-defined]
        return (
            _product(grad, weight.t(), None) if wants[0] else None,
            _product(grad.t(), x.t(), None) if wants[1] else None,
            grad.sum(dim=0) if wants[2] else None,
        )
