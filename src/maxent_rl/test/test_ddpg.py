# SPDX-License-Identifier: Apache-2.0
"""DDPG against its equations, a bandit whose values are known, and itself after a resume."""

import copy
import math

import numpy as np
import pytest
import torch

from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.ddpg import DDPG, DDPGConfig
from maxent_rl.deterministic_policy import DeterministicPolicy
from maxent_rl.diverged import DivergedError
from maxent_rl.networks import QFunction, aligned_pieces, load_prefixed_state
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.runner import PolicyRunner, configure_torch

SMALL = DDPGConfig(
    hidden=(32, 32), batch_size=64, critic_learning_rate=3e-3, actor_learning_rate=1e-3
)
NETWORKS = ('policy', 'q1', 'q2', 'policy_target', 'q1_target', 'q2_target')


@pytest.fixture(autouse=True, scope='module')
def _one_thread():
    configure_torch()


def with_options(config, **options):
    return DDPGConfig(**{**config.__dict__, **options})


def random_batch(size=64, obs_dim=3, act_dim=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        obs=torch.randn(size, obs_dim, generator=generator),
        action=torch.rand(size, act_dim, generator=generator) * 2.0 - 1.0,
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, obs_dim, generator=generator),
        terminated=(torch.rand(size, generator=generator) < 0.2).float(),
    )


def trained(updates, config=SMALL, seed=0, first_batch=0):
    ddpg = DDPG(3, 2, config, seed)
    for i in range(updates):
        ddpg.update(random_batch(seed=first_batch + i))
    return ddpg


def same(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


def gradients_by_the_equations(tensors, batch):
    """Lillicrap et al. 2016, eqs. 5 and 6, with the smaller of two Q-functions in both."""
    modules = {
        name: QFunction(3, 2, SMALL.hidden) if 'q' in name else DeterministicPolicy(3, 2, (32, 32))
        for name in NETWORKS
    }
    for name, module in modules.items():
        load_prefixed_state(name, module, tensors)
    policy, q1, q2, policy_target, q1_target, q2_target = modules.values()
    with torch.no_grad():
        action = policy_target(batch.next_obs)
        value = torch.minimum(q1_target(batch.next_obs, action), q2_target(batch.next_obs, action))
        target = batch.reward + SMALL.discount * (1.0 - batch.terminated) * value
    q_gradients = []
    for q in (q1, q2):
        loss = 0.5 * (q(batch.obs, batch.action) - target).square().mean()
        q_gradients += torch.autograd.grad(loss, [*q.parameters()])
    action = policy(batch.obs)
    value = torch.minimum(q1(batch.obs, action), q2(batch.obs, action)).mean()
    return q_gradients, torch.autograd.grad(-value, [*policy.parameters()])


def test_an_update_makes_adams_step_down_the_gradients_of_the_papers_equations():
    ddpg = trained(3)  # away from the start, so that targets differ from their sources
    before, _ = ddpg.state()
    batch = random_batch(seed=9)
    gradients = gradients_by_the_equations(before, batch)
    ddpg.update(batch)
    after, _ = ddpg.state()
    for adam, network, rate, pieces in (
        ('adam_q', 'q1', SMALL.critic_learning_rate, gradients[0]),
        ('adam_policy', 'policy', SMALL.actor_learning_rate, gradients[1]),
    ):
        flat = torch.zeros_like(after[f'{adam}.exp_avg'])
        for piece, gradient in zip(aligned_pieces(flat, pieces), pieces, strict=True):
            piece.copy_(gradient)
        first = 0.9 * before[f'{adam}.exp_avg'] + 0.1 * flat
        second = 0.999 * before[f'{adam}.exp_avg_sq'] + 0.001 * flat**2
        torch.testing.assert_close(after[f'{adam}.exp_avg'], first, rtol=1e-4, atol=1e-6)
        step = rate * (first / (1 - 0.9**4)) / ((second / (1 - 0.999**4)).sqrt() + 1e-8)
        name = f'{network}.layers.0.weight'
        moved = before[name] - after[name]
        wanted = step[: moved.numel()].view_as(moved)
        torch.testing.assert_close(moved, wanted, rtol=1e-2, atol=1e-5)


def test_the_targets_move_by_their_share_towards_the_new_parameters():
    ddpg = trained(1, with_options(SMALL, target_smoothing=0.25))
    before, _ = ddpg.state()
    ddpg.update(random_batch(seed=1))
    after, _ = ddpg.state()
    targets = [name for name in before if '_target.' in name]
    assert len(targets) == 2 * (2 * 3 + 2 * 2) + 2 * 3
    for name in targets:
        new = after[name.replace('_target', '')]
        torch.testing.assert_close(after[name], 0.75 * before[name] + 0.25 * new)
    assert not torch.equal(after['policy.layers.0.weight'], before['policy.layers.0.weight'])


@pytest.mark.parametrize(('terminated', 'value'), [(1.0, 1.0), (0.0, 2.0)])
def test_a_terminated_state_is_worth_nothing_and_a_truncated_one_goes_on(terminated, value):
    """Reward 1 at each step, discount 0.5: worth 1 if each step is the last, else 2."""
    config = with_options(
        SMALL, hidden=(16, 16), critic_learning_rate=1e-2, discount=0.5, target_smoothing=0.1
    )
    ddpg = DDPG(1, 1, config, seed=0)
    buffer = ReplayBuffer(200, 1, 1)
    rng = np.random.default_rng(0)
    for _ in range(99):
        buffer.begin([0.0])
        buffer.add(rng.uniform(-1, 1, 1), 1.0, [0.0], terminated == 1.0, terminated == 0.0)
    for _ in range(200):
        metrics = ddpg.update(buffer.sample(32, rng))
    assert metrics['q_mean'] == pytest.approx(value, abs=0.03)


def test_a_bandit_is_valued_right_and_its_best_arm_found():
    """r(a) = 1 - 2 (a - 0.3)^2, by actions drawn uniformly."""

    def reward(action):
        return 1.0 - 2.0 * (action[:, 0] - 0.3).square()

    config = with_options(SMALL, layer_norm=False, actor_learning_rate=3e-3)
    ddpg = DDPG(1, 1, config, seed=0)
    generator, obs = torch.Generator().manual_seed(1), torch.zeros(64, 1)
    for _ in range(800):
        action = torch.rand(64, 1, generator=generator) * 2.0 - 1.0
        ddpg.update(Batch(obs, action, reward(action), obs, torch.ones(64)))
    action = torch.linspace(-0.9, 0.9, 64).unsqueeze(-1)
    with torch.no_grad():
        q = ddpg.q_function(obs, action)
    assert (q - reward(action)).abs().max().item() < 0.05
    assert ddpg.policy.mode(obs[0]).item() == pytest.approx(0.3, abs=0.05)


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
    ddpg = DDPG(1, 1, with_options(SMALL, discount=0.9, target_smoothing=0.02), seed=0)
    buffer, rng = ReplayBuffer(5000, 1, 1), np.random.default_rng(0)
    act = PolicyRunner(ddpg.policy, seed=0, deterministic=False)

    def learn():
        if len(buffer) > 64:
            ddpg.update(buffer.sample(64, rng))

    best = PolicyRunner(ddpg.policy, seed=0, deterministic=True)
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
    resumed = DDPG(3, 2, SMALL, seed=99)
    resumed.load_state(saved.tensors, saved.scalars)
    for i in range(20, 40):
        resumed.update(random_batch(seed=i))
    assert same(resumed.state()[0], straight.state()[0]) == []
    assert resumed.state()[1] == straight.state()[1] == {'algorithm': 'ddpg', 'updates': 40}


def test_a_learner_that_has_not_learned_yet_can_be_saved_and_resumed():
    source, copied = trained(0), trained(1, seed=1)
    copied.load_state(*source.state())
    for ddpg in (source, copied):
        ddpg.update(random_batch(seed=3))
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
    ddpg = trained(1, with_options(SMALL, layer_norm=False))
    before, scalars = copy.deepcopy(ddpg.state())
    batch = random_batch(seed=1)
    poisoned = getattr(batch, field).clone()
    poisoned.view(-1)[5] = bad
    with pytest.raises(DivergedError, match='update 2 was not made'):
        ddpg.update(batch._replace(**{field: poisoned}))
    after, after_scalars = ddpg.state()
    assert same(before, after) == []
    assert scalars == after_scalars
    assert math.isfinite(ddpg.update(random_batch(seed=2))['q_loss'])


def test_metrics_say_what_happened():
    ddpg, batch = trained(1), random_batch(seed=1)
    with torch.no_grad():
        q_mean = ddpg.q1(batch.obs, batch.action).mean().item()
        value = ddpg.q_function(batch.obs, ddpg.policy(batch.obs)).mean().item()
    metrics = ddpg.update(batch)
    assert set(metrics) == {'q_loss', 'policy_loss', 'q_mean', 'temperature'}
    assert all(type(figure) is float for figure in metrics.values())
    assert metrics['q_mean'] == pytest.approx(q_mean, rel=1e-4)
    assert metrics['policy_loss'] == pytest.approx(-value, rel=1e-4)
    assert metrics['temperature'] == ddpg.temperature == 0.0


def test_the_q_function_is_the_smaller_of_both_and_has_a_slope_in_the_action():
    ddpg, batch = trained(3), random_batch(seed=1)
    action = batch.action.clone().requires_grad_(True)
    q = ddpg.q_function(batch.obs, action)
    assert (q <= ddpg.q1(batch.obs, action)).all()
    assert (q <= ddpg.q2(batch.obs, action)).all()
    (slope,) = torch.autograd.grad(q.sum(), action)
    assert (slope != 0.0).any(dim=-1).all()


def test_a_batch_of_another_size_is_refused_by_name():
    with pytest.raises(ValueError, match='action'):
        trained(0).update(random_batch(act_dim=1))


def test_the_state_of_another_learner_is_refused():
    ddpg = trained(0)
    tensors, scalars = DDPG(3, 1, SMALL, seed=0).state()
    with pytest.raises(ValueError, match='policy'):
        ddpg.load_state(tensors, scalars)
    tensors, scalars = trained(0).state()
    with pytest.raises(ValueError, match='not the state'):
        ddpg.load_state(tensors, {'algorithm': 'sac', 'updates': 0})
    with pytest.raises(ValueError, match=r'adam_q\.exp_avg'):
        ddpg.load_state(tensors, {**scalars, 'updates': 3})


def test_copied_tensors_do_not_follow_the_learner():
    ddpg = trained(1)
    copies = [ddpg.policy_tensors(), ddpg.skill_tensors(), ddpg.state()[0]]
    before = copy.deepcopy(copies)
    ddpg.update(random_batch(seed=1))
    for kept, value in zip(copies, before, strict=True):
        assert same(kept, value) == []
    assert {name.partition('.')[0] for name in ddpg.skill_tensors()} == {'policy', 'q1', 'q2'}
