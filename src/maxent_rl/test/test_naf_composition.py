# SPDX-License-Identifier: Apache-2.0
"""The composed quadratic and its best action, against search by brute force."""

import itertools

import pytest
import torch

from maxent_rl.naf_composition import best_action, compose_quadratics
from maxent_rl.naf_network import Quadratic


def random_quadratic(act_dim, seed, spread=0.5, mean=1.0, lead=()):
    """Precision L L' whose diagonal of L varies by exp(+-spread)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*lead, *shape, generator=generator, dtype=torch.float64)

    lower = normal(act_dim, act_dim).tril(-1)
    lower = lower + torch.diag_embed((spread * normal(act_dim)).exp())
    precision = lower @ lower.transpose(-2, -1)
    return Quadratic(normal(1).squeeze(-1), mean * normal(act_dim), precision)


def grid(points):
    axis = torch.linspace(-1.0, 1.0, points, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis)


def best_by_faces(quadratic):
    """Exact maximum in the box: the best stationary point of all 3^m faces that lies in it."""
    mean, precision = quadratic.mean, quadratic.precision
    found = []
    for face in itertools.product((-1.0, 0.0, 1.0), repeat=len(mean)):
        action = torch.tensor(face, dtype=torch.float64)
        free, held = (action == 0.0).nonzero()[:, 0], action.nonzero()[:, 0]
        pull = precision[free][:, held] @ (action - mean)[held]
        action[free] = mean[free] - torch.linalg.solve(precision[free][:, free], pull)
        if (action.abs() <= 1.0).all():
            found.append(action)
    return max(found, key=quadratic.at)


def test_the_composed_quadratic_is_the_weighted_sum_at_every_action():
    parts, weights = [random_quadratic(3, seed) for seed in range(3)], (0.5, 2.0, 1.0)
    composed = compose_quadratics(parts, weights)
    actions = 3.0 * torch.randn(100, 3, generator=torch.Generator().manual_seed(9)).double()
    wanted = sum(w * part.at(actions) for w, part in zip(weights, parts, strict=True))
    torch.testing.assert_close(composed.at(actions), wanted)


def test_the_composed_mean_is_the_best_of_all_actions_on_a_grid():
    parts = [random_quadratic(2, seed, mean=0.4) for seed in (0, 3)]
    composed = compose_quadratics(parts, (1.0, 1.5))
    assert composed.mean.abs().max() < 0.9  # nothing to clip
    actions = grid(401)
    values = parts[0].at(actions) + 1.5 * parts[1].at(actions)
    assert values.max() < composed.value
    assert (actions[values.argmax()] - composed.mean).abs().max() < 0.005
    assert torch.equal(best_action(composed), composed.mean)


def test_each_skill_decides_the_direction_in_which_it_is_particular():
    across = torch.diag(torch.tensor([100.0, 0.01]))
    along = torch.diag(torch.tensor([0.01, 100.0]))
    left = Quadratic(torch.tensor(0.0), torch.tensor([-0.5, 0.9]), across)
    up = Quadratic(torch.tensor(0.0), torch.tensor([0.8, 0.6]), along)
    mean = compose_quadratics([left, up], (1.0, 1.0)).mean
    torch.testing.assert_close(mean, torch.tensor([-0.5, 0.6]), atol=1e-3, rtol=0.0)


def test_composing_a_skill_with_itself_changes_nothing_but_the_scale():
    part = random_quadratic(3, 1)
    composed = compose_quadratics([part, part], (0.25, 0.75))
    for mine, wanted in zip(composed, part, strict=True):
        torch.testing.assert_close(mine, wanted)


@pytest.mark.parametrize('act_dim', [1, 2, 3, 5])
@pytest.mark.parametrize('spread', [0.3, 3.0])
def test_the_best_action_in_the_box_is_that_of_the_best_face(act_dim, spread):
    """Spread 3 makes precisions whose eigenvalues differ by up to ten orders of magnitude."""
    clipped = 0
    for seed in range(15):
        quadratic = random_quadratic(act_dim, seed, spread, mean=2.0)
        action, wanted = best_action(quadratic), best_by_faces(quadratic)
        assert action.abs().max() <= 1.0
        assert quadratic.at(action) >= quadratic.at(wanted) - 1e-9 * quadratic.at(wanted).abs()
        clipped += (quadratic.mean.abs() > 1.0).any().item()
    assert clipped >= 5


def test_clipping_the_mean_would_not_do():
    """Held at x = 1 instead of 3, the second action has to give way from 0 to 0.9."""
    precision = torch.tensor([[1.0, 0.9], [0.9, 2.0]])
    quadratic = Quadratic(torch.tensor(0.0), torch.tensor([3.0, 0.0]), precision)
    action = best_action(quadratic)
    torch.testing.assert_close(action, torch.tensor([1.0, 0.9]))
    values = quadratic.at(torch.stack((action, torch.tensor([1.0, 0.0]))))
    torch.testing.assert_close(values, torch.tensor([-1.19, -2.0]))


def test_a_batch_gives_what_each_of_it_gives():
    batch = random_quadratic(3, 0, mean=2.0, lead=(4, 5))
    actions = best_action(batch)
    assert actions.shape == (4, 5, 3)
    for i, j in itertools.product(range(4), range(5)):
        one = best_action(Quadratic(*(part[i, j] for part in batch)))
        torch.testing.assert_close(actions[i, j], one)


def test_single_precision_stays_single_and_survives_a_nearly_flat_sum():
    flat = torch.diag(torch.tensor([1e4, 1e-8]))
    parts = [Quadratic(torch.tensor(0.0), torch.tensor([m, m]), flat) for m in (0.3, 0.5)]
    composed = compose_quadratics(parts, (1.0, 1.0))
    assert {part.dtype for part in composed} == {torch.float32}
    torch.testing.assert_close(composed.mean, torch.tensor([0.4, 0.4]))
    torch.testing.assert_close(best_action(composed), torch.tensor([0.4, 0.4]))


@pytest.mark.parametrize('weights', [(), (1.0,), (1.0, 0.0), (1.0, -1.0), (1.0, float('nan'))])
def test_weights_that_do_not_make_a_maximum_are_refused(weights):
    with pytest.raises(ValueError, match='weight'):
        compose_quadratics([random_quadratic(2, 0), random_quadratic(2, 1)], weights)


def test_composing_nothing_is_refused():
    with pytest.raises(ValueError, match='at least one'):
        compose_quadratics([], [])
