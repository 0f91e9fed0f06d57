# SPDX-License-Identifier: Apache-2.0
"""NAF against its equations, a bandit whose Q-function it can hold, and itself after a resume."""

import copy
import math

import numpy as np
import pytest
import torch

from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.diverged import DivergedError
from maxent_rl.naf import NAF, NAFConfig
from maxent_rl.naf_network import NAFNetwork
from maxent_rl.networks import aligned_pieces, load_prefixed_state
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.runner import PolicyRunner, configure_torch

SMALL = NAFConfig(hidden=(32, 32), batch_size=64, learning_rate=3e-3)


@pytest.fixture(autouse=True, scope='module')
def _one_thread():
    configure_torch()


def with_options(config, **options):
    return NAFConfig(**{**config.__dict__, **options})


def random_batch(size=64, obs_dim=3, act_dim=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        obs=torch.randn(size, obs_dim, generator=generator),
        action=torch.rand(size, act_dim, generator=generator) * 2.0 - 1.0,
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, obs_dim, generator=generator),
        terminated=(torch.rand(size, generator=generator) < 0.2).float(),
    )


def trained(updates, config=SMALL, seed=0):
    naf = NAF(3, 2, config, seed)
    for i in range(updates):
        naf.update(random_batch(seed=i))
    return naf


def same(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


def gradients_by_the_equations(tensors, batch):
    """Gu et al. 2016, Algorithm 1: Q = V - |L'(a - mu)|^2 / 2 against r + discount V'."""
    policy = DeterministicPolicy(3, 2, SMALL.hidden)
    network, target = (NAFNetwork(3, 2, SMALL.hidden) for _ in range(2))
    modules = (('policy', policy), ('q1', network), ('q1_target', target))
    for name, module in modules:
        load_prefixed_state(name, module, tensors)
    with torch.no_grad():
        next_value, _ = target(batch.next_obs)
        wanted = batch.reward + SMALL.discount * (1.0 - batch.terminated) * next_value
    value, precision = network(batch.obs)
    lower = torch.linalg.cholesky(precision)
    offset = (batch.action - policy.mode(batch.obs)).unsqueeze(-1)
    q = value - 0.5 * (lower.transpose(-2, -1) @ offset).square().sum(dim=(-2, -1))
    loss = 0.5 * (q - wanted).square().mean()
    return torch.autograd.grad(loss, [*network.parameters(), *policy.parameters()])


def test_an_update_makes_adams_step_down_the_gradient_of_the_papers_equation():
    naf = trained(3)  # away from the start, so that the target differs from its source
    before, _ = naf.state()
    batch = random_batch(seed=9)
    gradients = gradients_by_the_equations(before, batch)
    naf.update(batch)
    after, _ = naf.state()
    flat = torch.zeros_like(after['adam.exp_avg'])
    for piece, gradient in zip(aligned_pieces(flat, gradients), gradients, strict=True):
        piece.copy_(gradient)
    first = 0.9 * before['adam.exp_avg'] + 0.1 * flat
    second = 0.999 * before['adam.exp_avg_sq'] + 0.001 * flat**2
    torch.testing.assert_close(after['adam.exp_avg'], first, rtol=1e-4, atol=1e-6)
    step = 3e-3 * (first / (1 - 0.9**4)) / ((second / (1 - 0.999**4)).sqrt() + 1e-8)
    for name, piece in (('q1.layers.0.weight', 0), ('policy.layers.0.weight', -6)):
        moved = before[name] - after[name]
        wanted = aligned_pieces(step, gradients)[piece]
        torch.testing.assert_close(moved, wanted, rtol=1e-2, atol=1e-5)


def test_the_target_moves_by_its_share_towards_the_new_parameters():
    naf = trained(1, with_options(SMALL, target_smoothing=0.25))
    before, _ = naf.state()
    naf.update(random_batch(seed=1))
    after, _ = naf.state()
    targets = [name for name in before if name.startswith('q1_target.')]
    assert len(targets) == 2 * 3 + 2 * 2
    for name in targets:
        new = after[name.replace('_target', '')]
        torch.testing.assert_close(after[name], 0.75 * before[name] + 0.25 * new)
    assert not torch.equal(after['q1.layers.0.weight'], before['q1.layers.0.weight'])


@pytest.mark.parametrize(('terminated', 'value'), [(1.0, 1.0), (0.0, 2.0)])
def test_a_terminated_state_is_worth_nothing_and_a_truncated_one_goes_on(terminated, value):
    """Reward 1 at each step, discount 0.5: worth 1 if each step is the last, else 2."""
    config = with_options(
        SMALL, hidden=(16, 16), learning_rate=1e-2, discount=0.5, target_smoothing=0.1
    )
    naf = NAF(1, 1, config, seed=0)
    buffer = ReplayBuffer(200, 1, 1)
    rng = np.random.default_rng(0)
    for _ in range(99):
        buffer.begin([0.0])
        buffer.add(rng.uniform(-1, 1, 1), 1.0, [0.0], terminated == 1.0, terminated == 0.0)
    for _ in range(200):
        metrics = naf.update(buffer.sample(32, rng))
    assert metrics['q_mean'] == pytest.approx(value, abs=0.03)


def test_a_bandit_with_quadratic_reward_is_learned_exactly():
    """NAF can hold this Q-function: value, best action and precision are those of the reward."""
    mean, precision = torch.tensor([0.3, -0.2]), torch.tensor([[4.0, 1.0], [1.0, 2.0]])

    def reward(action):
        offset = action - mean
        return 1.0 - 0.5 * (offset @ precision * offset).sum(dim=-1)

    naf = NAF(1, 2, with_options(SMALL, learning_rate=1e-2), seed=0)
    generator, obs = torch.Generator().manual_seed(1), torch.zeros(64, 1)
    for _ in range(300):
        action = torch.rand(64, 2, generator=generator) * 2.0 - 1.0
        naf.update(Batch(obs, action, reward(action), obs, torch.ones(64)))
    with torch.no_grad():
        learned = naf.q_function.quadratic(obs[0])
    assert learned.value.item() == pytest.approx(1.0, abs=1e-3)
    torch.testing.assert_close(learned.mean, mean, atol=1e-3, rtol=0.0)
    torch.testing.assert_close(learned.precision, precision, atol=0.01, rtol=0.0)


def run_point(act, rng, buffer=None, learn=None):
    """One episode: move a point on a line to the origin; returns its final distance."""
    position = rng.uniform(-1.0, 1.0, 1)
    if buffer is not None:
        act.begin_episode()
        buffer.begin(position)
    for step in range(15):
        action = act(position.astype(np.float32))
        position = np.clip(position + 0.2 * action, -1.5, 1.5)
        if buffer is not None:
            buffer.add(action, -float(abs(position[0])), position, False, step == 14)
            learn()
    return float(abs(position[0]))


def test_it_learns_to_move_a_point_to_the_origin():
    naf = NAF(1, 1, with_options(SMALL, discount=0.9, target_smoothing=0.02), seed=0)
    buffer, rng = ReplayBuffer(5000, 1, 1), np.random.default_rng(0)
    act = PolicyRunner(naf.policy, seed=0, deterministic=False)

    def learn():
        if len(buffer) > 64:
            naf.update(buffer.sample(64, rng))

    best = PolicyRunner(naf.policy, seed=0, deterministic=True)
    untrained = np.mean([run_point(best, np.random.default_rng(i)) for i in range(20)])
    for _ in range(40):
        run_point(act, rng, buffer, learn)
    learned = np.mean([run_point(best, np.random.default_rng(i)) for i in range(20)])
    assert untrained > 0.3
    assert learned < 0.08


def test_a_resumed_run_is_bitwise_the_run_that_was_never_interrupted(tmp_path):
    straight = trained(40)
    tensors, scalars = trained(20).state()
    save_checkpoint(tmp_path, 20, tensors, scalars)
    saved = load_newest_checkpoint(tmp_path)
    resumed = NAF(3, 2, SMALL, seed=99)
    resumed.load_state(saved.tensors, saved.scalars)
    for i in range(20, 40):
        resumed.update(random_batch(seed=i))
    assert same(resumed.state()[0], straight.state()[0]) == []
    assert resumed.state()[1] == straight.state()[1] == {'algorithm': 'naf', 'updates': 40}


def test_a_learner_that_has_not_learned_yet_can_be_saved_and_resumed():
    source, copied = trained(0), trained(1, seed=1)
    copied.load_state(*source.state())
    for naf in (source, copied):
        naf.update(random_batch(seed=3))
    assert same(source.state()[0], copied.state()[0]) == []


def test_the_same_seed_learns_the_same_and_torchs_global_generator_is_not_used():
    runs = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        runs.append(trained(1, seed=4).state()[0])
    assert same(*runs) == []
    assert same(runs[0], trained(1, seed=5).state()[0]) != []


@pytest.mark.parametrize('field', ['reward', 'obs', 'next_obs', 'action'])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), 1e30])
def test_an_update_that_is_not_finite_raises_and_changes_nothing(field, bad):
    naf = trained(1, with_options(SMALL, layer_norm=False))
    before, scalars = copy.deepcopy(naf.state())
    batch = random_batch(seed=1)
    poisoned = getattr(batch, field).clone()
    poisoned.view(-1)[5] = bad
    poisoned_batch = batch._replace(terminated=torch.zeros(64), **{field: poisoned})
    with pytest.raises(DivergedError, match='update 2 was not made'):
        naf.update(poisoned_batch)
    after, after_scalars = naf.state()
    assert same(before, after) == []
    assert scalars == after_scalars
    assert math.isfinite(naf.update(random_batch(seed=2))['q_loss'])


def test_metrics_say_what_happened():
    naf, batch = trained(1), random_batch(seed=1)
    with torch.no_grad():
        q_mean = naf.q_function(batch.obs, batch.action).mean().item()
    metrics = naf.update(batch)
    assert set(metrics) == {'q_loss', 'q_mean', 'temperature'}
    assert all(type(figure) is float for figure in metrics.values())
    assert metrics['q_mean'] == pytest.approx(q_mean, rel=1e-4)
    assert metrics['temperature'] == naf.temperature == 0.0


def test_a_batch_of_another_size_is_refused_by_name():
    with pytest.raises(ValueError, match='action'):
        trained(0).update(random_batch(act_dim=1))


def test_the_state_of_another_learner_is_refused():
    naf = trained(0)
    tensors, scalars = NAF(3, 1, SMALL, seed=0).state()
    with pytest.raises(ValueError, match='policy'):
        naf.load_state(tensors, scalars)
    tensors, scalars = trained(0).state()
    with pytest.raises(ValueError, match='not the state'):
        naf.load_state(tensors, {'algorithm': 'sac', 'updates': 0})
    with pytest.raises(ValueError, match=r'adam\.exp_avg'):
        naf.load_state(tensors, {**scalars, 'updates': 3})


def test_copied_tensors_do_not_follow_the_learner():
    naf = trained(1)
    copies = [naf.policy_tensors(), naf.skill_tensors(), naf.state()[0]]
    before = copy.deepcopy(copies)
    naf.update(random_batch(seed=1))
    for kept, value in zip(copies, before, strict=True):
        assert same(kept, value) == []
    assert {name.partition('.')[0] for name in naf.skill_tensors()} == {'policy', 'q1'}
