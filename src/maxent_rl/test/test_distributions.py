# SPDX-License-Identifier: Apache-2.0
"""The tanh-Gaussian's density against quadrature, its own CDF and extreme arguments."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
import pytest
import torch

from maxent_rl.distributions import (
    log_det_tanh,
    sample_tanh_gaussian,
    tanh_gaussian_log_density,
)

means = st.floats(-1.5, 1.5)
log_stds = st.floats(-1.5, 0.0)


def density(action, mean, log_std):
    return tanh_gaussian_log_density(torch.atanh(action), mean, log_std).exp()


@settings(max_examples=30, deadline=None)
@given(means, log_stds)
def test_the_density_integrates_to_one(mean, log_std):
    action = torch.linspace(-1.0, 1.0, 200_001, dtype=torch.float64)[1:-1]
    values = density(action[:, None], torch.tensor([mean]), torch.tensor([log_std]))
    assert torch.trapezoid(values, action).item() == pytest.approx(1.0, abs=2e-4)


def test_the_density_of_two_dimensions_integrates_to_one():
    axis = torch.linspace(-1.0, 1.0, 1201, dtype=torch.float64)[1:-1]
    grid = torch.cartesian_prod(axis, axis)
    values = density(grid, torch.tensor([0.4, -0.2]), torch.tensor([-0.7, -0.3]))
    total = torch.trapezoid(torch.trapezoid(values.view(len(axis), -1), axis), axis)
    assert total.item() == pytest.approx(1.0, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(means, log_stds, st.floats(-0.99, 0.99))
def test_the_density_is_the_slope_of_the_distribution_function(mean, log_std, action):
    def cumulative(a):
        return 0.5 * (1.0 + math.erf((math.atanh(a) - mean) / math.exp(log_std) / math.sqrt(2.0)))

    h = 1e-5
    slope = (cumulative(action + h) - cumulative(action - h)) / (2.0 * h)
    at = torch.tensor([action], dtype=torch.float64)
    value = density(at, torch.tensor([mean]).double(), torch.tensor([log_std]).double()).item()
    assert value == pytest.approx(slope, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize('u', [-100.0, -20.0, 0.0, 20.0, 100.0])
def test_the_jacobian_stays_finite_where_tanh_saturates(u):
    at = torch.tensor([u], requires_grad=True)
    value = log_det_tanh(at)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(at.grad).all()
    if abs(u) < 30:  # here the plain formula still has digits in float64
        plain = math.log(4.0) - 2.0 * abs(u) - 2.0 * math.log1p(math.exp(-2.0 * abs(u)))
        assert value.item() == pytest.approx(plain, rel=1e-5, abs=1e-6)


def test_a_samples_log_density_is_the_density_at_that_sample():
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(1000, 3, generator=generator, dtype=torch.float64)
    log_std = torch.randn(1000, 3, generator=generator, dtype=torch.float64) - 1.0
    noise = torch.randn(1000, 3, generator=generator, dtype=torch.float64)
    action, log_density = sample_tanh_gaussian(mean, log_std, noise)
    u = mean + log_std.exp() * noise
    torch.testing.assert_close(action, torch.tanh(u))
    torch.testing.assert_close(log_density, tanh_gaussian_log_density(u, mean, log_std))


def test_the_gradient_of_a_sample_matches_finite_differences():
    mean = torch.tensor([[0.3, -0.5]], dtype=torch.float64, requires_grad=True)
    log_std = torch.tensor([[-0.4, 0.2]], dtype=torch.float64, requires_grad=True)
    noise = torch.tensor([[0.7, -1.1]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda m, s: sample_tanh_gaussian(m, s, noise), (mean, log_std)
    )
