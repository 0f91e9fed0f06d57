# SPDX-License-Identifier: Apache-2.0
"""NAF's Q-function: concave in the action, largest at the policy's action."""

import math

import pytest
import torch

from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.naf_network import LOG_DIAGONAL_MAX, NAFNetwork, NAFQuadratic, Quadratic

OBS_DIM, ACT_DIM = 4, 3


def make_quadratic(act_dim=ACT_DIM, seed=0):
    """Far from its first parameters, with which P is the unit matrix everywhere."""
    generator = torch.Generator().manual_seed(seed)
    policy = DeterministicPolicy(OBS_DIM, act_dim, (16, 16), generator)
    network = NAFNetwork(OBS_DIM, act_dim, (16, 16), True, generator)
    with torch.no_grad():
        for module in (policy, network):
            module.layers[-1].weight.uniform_(-0.5, 0.5, generator=generator)
    return NAFQuadratic(policy, network)


def draw(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_q_is_largest_at_the_policys_action_where_it_is_the_value():
    q, obs = make_quadratic(), draw(50, OBS_DIM)
    with torch.no_grad():
        value, _ = q.network(obs)
        best = q(obs, q.policy.mode(obs))
        others = q(obs.expand(200, 50, OBS_DIM), draw(200, 50, ACT_DIM, seed=2))
    torch.testing.assert_close(best, value)
    assert (others < value).all()
    assert (value.max() - value.min()).item() > 0.5


def test_q_is_concave_along_every_line_of_actions():
    q, obs = make_quadratic(), draw(50, OBS_DIM)
    first, second = draw(50, ACT_DIM, seed=2), draw(50, ACT_DIM, seed=3)
    with torch.no_grad():
        ends = 0.5 * (q(obs, first) + q(obs, second))
        middle = q(obs, 0.5 * (first + second))
    assert (middle > ends).all()


def test_the_slope_in_the_action_is_minus_precision_times_offset():
    q, obs = make_quadratic(), draw(5, OBS_DIM)
    action = draw(5, ACT_DIM, seed=2).requires_grad_(True)
    (slope,) = torch.autograd.grad(q(obs, action).sum(), action)
    quadratic = q.quadratic(obs)
    wanted = -(quadratic.precision @ (action - quadratic.mean).unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(slope, wanted)


def test_precision_is_symmetric_positive_definite_with_entries_of_any_sign():
    _, precision = make_quadratic().network(draw(200, OBS_DIM))
    assert torch.equal(precision, precision.transpose(-2, -1))
    assert (torch.linalg.eigvalsh(precision.double()) > 0.0).all()
    assert precision[:, 1, 0].min() < -0.05
    assert precision[:, 1, 0].max() > 0.05
    assert precision[:, 2, 1].abs().max() > 0.05


def test_the_outputs_are_the_value_the_logarithm_of_the_diagonal_and_what_is_below_it():
    network = make_quadratic(act_dim=2).network
    with torch.no_grad():
        network.layers[-1].weight.zero_()
        network.layers[-1].bias.copy_(torch.tensor([7.0, math.log(2.0), math.log(3.0), 5.0]))
    value, precision = network(draw(OBS_DIM))
    assert value.item() == 7.0
    torch.testing.assert_close(precision, torch.tensor([[4.0, 10.0], [10.0, 34.0]]))


def test_extreme_outputs_give_a_precision_that_can_be_inverted():
    network = make_quadratic(act_dim=2).network
    with torch.no_grad():
        network.layers[-1].weight.zero_()
        network.layers[-1].bias.copy_(torch.tensor([0.0, -500.0, 500.0, 0.0]))
    _, precision = network(draw(OBS_DIM))
    assert torch.isfinite(torch.linalg.inv(precision)).all()
    assert precision[1, 1].item() == pytest.approx(math.exp(2.0 * LOG_DIAGONAL_MAX), rel=1e-5)


@pytest.mark.parametrize('lead', [(), (6,), (2, 3)])
def test_any_leading_dimensions_give_the_same_values(lead):
    q, obs, action = make_quadratic(), draw(6, OBS_DIM), draw(6, ACT_DIM, seed=2)
    each = torch.stack([q(o, a) for o, a in zip(obs, action, strict=True)])
    count = math.prod(lead)
    some = q(obs[:count].view(*lead, OBS_DIM), action[:count].view(*lead, ACT_DIM))
    assert some.shape == lead
    torch.testing.assert_close(some.reshape(-1), each[:count])


def test_a_quadratic_evaluates_its_formula():
    quadratic = Quadratic(
        torch.tensor(3.0), torch.tensor([0.5, -1.0]), torch.tensor([[2.0, 1.0], [1.0, 4.0]])
    )
    # offset (1, 2): 3 - (2 + 2 * 1 * 2 + 4 * 4) / 2
    assert quadratic.at(torch.tensor([1.5, 1.0])).item() == 3.0 - 11.0


def test_without_layer_normalisation_there_are_no_such_tensors():
    plain = NAFNetwork(OBS_DIM, 1, (8,), layer_norm=False)
    normed = NAFNetwork(OBS_DIM, 1, (8,), layer_norm=True)
    assert set(plain.state_dict()) < set(normed.state_dict())
    assert {name for name in normed.state_dict() if 'norm' in name} == {
        'norms.0.weight',
        'norms.0.bias',
    }
