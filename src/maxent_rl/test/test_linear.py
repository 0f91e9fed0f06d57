# SPDX-License-Identifier: Apache-2.0
"""The fast affine map gives what torch's own gives, gradients included."""

import pytest
import torch
from torch.nn import functional

from maxent_rl import linear as module
from maxent_rl.linear import linear


def tensors(rows, inputs, outputs, dtype=torch.float32):
    generator = torch.Generator().manual_seed(rows)
    shapes = ((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs))
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


@pytest.mark.parametrize('sizes', [(256, 27, 256), (256, 256, 14), (33, 5, 8), (256, 256, 1)])
def test_values_and_gradients_are_those_of_torch(sizes):
    *inputs, weights = tensors(*sizes)
    results = []
    for function in (linear, functional.linear):
        leaves = [t.clone().requires_grad_() for t in inputs]
        value = function(*leaves)
        results.append((value, *torch.autograd.grad((value * weights).sum(), leaves)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_gradients_pass_through_frozen_weights():
    x, weight, bias, g = tensors(64, 10, 16)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad((linear(x, weight, bias) * g).sum(), [x])
    torch.testing.assert_close(gradient, g @ weight, rtol=1e-4, atol=1e-4)


def test_no_gradient_is_computed_for_an_input_that_needs_none():
    x, weight, bias, g = tensors(64, 10, 16)
    weight.requires_grad_()
    (gradient,) = torch.autograd.grad((linear(x, weight, bias) * g).sum(), [weight])
    torch.testing.assert_close(gradient, g.t() @ x, rtol=1e-4, atol=1e-4)


def test_small_inputs_and_other_dtypes_take_torchs_path_and_agree():
    for rows, dtype in ((1, torch.float32), (64, torch.float64)):
        x, weight, bias, _ = tensors(rows, 10, 16, dtype)
        torch.testing.assert_close(linear(x, weight, bias), functional.linear(x, weight, bias))


def test_the_result_is_the_same_without_onednn(monkeypatch):
    x, weight, bias, _ = tensors(256, 27, 256)
    fast = linear(x, weight, bias)
    monkeypatch.setattr(module, '_AVAILABLE', False)
    torch.testing.assert_close(linear(x, weight, bias), fast, rtol=1e-4, atol=1e-4)
