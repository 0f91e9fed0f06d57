# SPDX-License-Identifier: Apache-2.0
"""SAC against its equations, known optimal policies, and itself after a resume."""

import copy
import math

import numpy as np
import pytest
import torch

from maxent_rl import losses
from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.diverged import DivergedError
from maxent_rl.networks import (
    QFunction,
    TanhGaussianPolicy,
    aligned_pieces,
    load_prefixed_state,
)
from maxent_rl.pixels import pixel_count
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.reward_unit import reward_unit
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.sac import SAC, SACConfig

SMALL = SACConfig(hidden=(32, 32), batch_size=64, learning_rate=3e-3)
FAST = SACConfig(hidden=(32, 32), learning_rate=6e-3, target_smoothing=0.02)


@pytest.fixture(autouse=True, scope='module')
def _one_thread():
    configure_torch()


def with_options(config, **options):
    return SACConfig(**{**config.__dict__, **options})


def random_batch(size=64, obs_dim=3, act_dim=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        obs=torch.randn(size, obs_dim, generator=generator),
        action=torch.rand(size, act_dim, generator=generator) * 2.0 - 1.0,
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, obs_dim, generator=generator),
        terminated=(torch.rand(size, generator=generator) < 0.2).float(),
    )


def scaled(batch, factor):
    return batch._replace(reward=factor * batch.reward)


def same(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


@pytest.mark.parametrize('image', [(), (4, 5, 2)], ids=['numbers', 'images'])
def test_an_update_makes_adams_step_down_the_gradients_of_the_papers_equations(image):
    """One update against the equations written out with torch's own parts, loss by loss."""
    obs_dim = 3 + pixel_count(image)
    sac = SAC(obs_dim, 2, SMALL, 0, image)
    for seed in range(3):  # away from the start, so that targets differ from their sources
        sac.update(random_batch(seed=seed, obs_dim=obs_dim))
    tensors, scalars = sac.state()
    noise = torch.Generator()
    noise.set_state(tensors['generator'])
    policy = TanhGaussianPolicy(obs_dim, 2, SMALL.hidden, image=image)
    q1, q2, q1_target, q2_target = (
        QFunction(obs_dim, 2, SMALL.hidden, image=image) for _ in range(4)
    )
    modules = (policy, q1, q2, q1_target, q2_target)
    names = ('policy', 'q1', 'q2', 'q1_target', 'q2_target')
    for name, module in zip(names, modules, strict=True):
        load_prefixed_state(name, module, tensors)
    log_temperature = tensors['log_temperature']
    batch, temperature = random_batch(seed=9, obs_dim=obs_dim), log_temperature.exp()
    with torch.no_grad():
        next_action, next_log_prob = policy.sample(batch.next_obs, noise)
        next_q = torch.minimum(
            q1_target(batch.next_obs, next_action), q2_target(batch.next_obs, next_action)
        )
        value = next_q - temperature * next_log_prob
        reward = batch.reward / scalars['reward_unit']
        target = reward + SMALL.discount * (1.0 - batch.terminated) * value
    action, log_prob = policy.sample(batch.obs, noise)
    q_min = torch.minimum(q1(batch.obs, action), q2(batch.obs, action))
    policy_gradients = torch.autograd.grad(
        (temperature * log_prob - q_min).mean(), [*policy.parameters()]
    )
    wanted = {'policy': policy_gradients}
    for name, q in (('q1', q1), ('q2', q2)):
        loss = 0.5 * (q(batch.obs, batch.action) - target).square().mean()
        wanted[name] = torch.autograd.grad(loss, [*q.parameters()])

    sac.update(batch)
    after, _ = sac.state()
    flat = torch.zeros_like(after['adam.exp_avg'])
    gradients = [g for name in ('q1', 'q2', 'policy') for g in wanted[name]]
    gradients.append(losses.log_temperature_gradient(log_prob.detach().mean(), -2.0))
    for piece, gradient in zip(aligned_pieces(flat, gradients), gradients, strict=True):
        piece.copy_(gradient)
    first = 0.9 * tensors['adam.exp_avg'] + 0.1 * flat
    second = 0.999 * tensors['adam.exp_avg_sq'] + 0.001 * flat**2
    torch.testing.assert_close(after['adam.exp_avg'], first, rtol=1e-4, atol=1e-6)
    step = 3e-3 * (first / (1 - 0.9**4)) / ((second / (1 - 0.999**4)).sqrt() + 1e-8)
    moved = log_temperature - after['log_temperature']
    torch.testing.assert_close(moved, aligned_pieces(step, gradients)[-1], rtol=1e-3, atol=1e-6)
    named = [name for name, _ in q1.named_parameters()]  # they come first
    for name, wanted_step in zip(named, aligned_pieces(step, gradients), strict=False):
        if name == 'layers.0.weight' or 'encoder' in name:
            moved = tensors[f'q1.{name}'] - after[f'q1.{name}']
            torch.testing.assert_close(moved, wanted_step, rtol=1e-2, atol=1e-5)


def test_the_targets_move_by_their_share_towards_the_new_parameters():
    sac = SAC(3, 2, with_options(SMALL, target_smoothing=0.25), seed=0)
    sac.update(random_batch())
    before, _ = sac.state()
    sac.update(random_batch(seed=1))
    after, _ = sac.state()
    targets = [name for name in before if name.startswith(('q1_target.', 'q2_target.'))]
    assert len(targets) == 2 * (2 * 3 + 2 * 2)
    for name in targets:
        new = after[name.replace('_target', '')]
        torch.testing.assert_close(after[name], 0.75 * before[name] + 0.25 * new)
    assert not torch.equal(after['q1.layers.0.weight'], before['q1.layers.0.weight'])


@pytest.mark.parametrize(('terminated', 'value'), [(1.0, 1.0), (0.0, 2.0)])
def test_a_terminated_state_is_worth_nothing_and_a_truncated_one_goes_on(terminated, value):
    """Reward 1 at each step, discount 0.5: worth 1 if each step is the last, else 2."""
    config = SACConfig(
        hidden=(16, 16),
        learning_rate=1e-2,
        discount=0.5,
        target_smoothing=0.05,
        initial_temperature=1e-8,
        automatic_temperature=False,
    )
    sac = SAC(1, 1, config, seed=0)
    buffer = ReplayBuffer(200, 1, 1)
    rng = np.random.default_rng(0)
    for _ in range(99):
        buffer.begin([0.0])
        buffer.add(rng.uniform(-1, 1, 1), 1.0, [0.0], terminated == 1.0, terminated == 0.0)
    for _ in range(400):
        metrics = sac.update(buffer.sample(32, rng))
    assert metrics['q_mean'] == pytest.approx(value, abs=0.05)


def bandit_batch(reward, generator, size=128):
    action = torch.rand(size, 1, generator=generator) * 2.0 - 1.0
    obs = torch.zeros(size, 1)
    return Batch(obs, action, reward(action[:, 0]), obs, torch.ones(size))


def train_bandit(config, reward, updates):
    sac = SAC(1, 1, config, seed=0)
    generator = torch.Generator().manual_seed(1)
    for _ in range(updates):
        sac.update(bandit_batch(reward, generator))
    with torch.no_grad():
        return sac, *sac.policy.sample(torch.zeros(20_000, 1), generator)


def test_a_bandit_is_solved_by_the_boltzmann_policy():
    """With r(a) = -t (a - m)^2 / (2 s^2) the best policy, exp(r / t), is Gaussian (m, s)."""
    mean, std, temperature = 0.2, 0.2, 0.2
    config = with_options(
        SMALL, initial_temperature=temperature, automatic_temperature=False, layer_norm=False
    )
    sac, action, log_prob = train_bandit(
        config, lambda a: -temperature * (a - mean) ** 2 / (2.0 * std**2), updates=2000
    )
    assert sac.temperature == pytest.approx(temperature)
    assert action.mean().item() == pytest.approx(mean, abs=0.03)
    assert action.std().item() == pytest.approx(std, rel=0.12)
    entropy = 0.5 * math.log(2.0 * math.pi * math.e * std**2)
    assert -log_prob.mean().item() == pytest.approx(entropy, abs=0.12)


@pytest.mark.parametrize('scale', [1.0, 30.0])
def test_the_automatic_temperature_drives_the_entropy_to_its_target(scale):
    """Whatever the scale of the reward: eq. 11's constraint is met, so t grows with it."""
    config = with_options(FAST, target_entropy_per_dim=-0.5)
    sac, _, log_prob = train_bandit(config, lambda a: -scale * (a + 0.2) ** 2, updates=1500)
    assert -log_prob.mean().item() == pytest.approx(-0.5, abs=0.15)
    # Entropy -0.5 is that of a Gaussian of standard deviation 0.147, the best for t = 2 scale s^2.
    assert sac.temperature == pytest.approx(2.0 * scale * 0.147**2, rel=0.4)


def run_point_mass(act, rng, buffer=None, learn=None):
    """One episode: move a point in the plane to the origin; returns its final distance."""
    position = rng.uniform(-1.0, 1.0, 2)
    if buffer is not None:
        buffer.begin(position)
    for step in range(20):
        action = act(position.astype(np.float32))
        position = np.clip(position + 0.2 * action, -1.5, 1.5)
        if buffer is not None:
            reward = -float(np.linalg.norm(position))
            buffer.add(action, reward, position, False, step == 19)
            learn()
    return float(np.linalg.norm(position))


def test_it_learns_to_move_a_point_mass():
    sac = SAC(2, 2, with_options(SMALL, discount=0.9), seed=0)
    buffer, rng = ReplayBuffer(5000, 2, 2), np.random.default_rng(0)
    act = PolicyRunner(sac.policy, seed=0, deterministic=False)

    def learn():
        if len(buffer) > 64:
            sac.update(buffer.sample(64, rng))

    best = PolicyRunner(sac.policy, seed=0, deterministic=True)
    untrained = np.mean([run_point_mass(best, np.random.default_rng(i)) for i in range(20)])
    for _ in range(60):
        run_point_mass(act, rng, buffer, learn)
    trained = np.mean([run_point_mass(best, np.random.default_rng(i)) for i in range(20)])
    assert untrained > 0.5
    assert trained < 0.1


def learn_from(buffer, sac, rng, updates):
    for _ in range(updates):
        sac.update(buffer.sample(32, rng))


def test_a_resumed_run_is_bitwise_the_run_that_was_never_interrupted(tmp_path):
    buffer = ReplayBuffer(500, 3, 2)
    source = np.random.default_rng(0)
    buffer.begin(source.normal(size=3))
    for _ in range(300):
        buffer.add(source.uniform(-1, 1, 2), source.normal(), source.normal(size=3), False, False)
    straight, rng = SAC(3, 2, SMALL, seed=0), np.random.default_rng(5)
    learn_from(buffer, straight, rng, 60)

    first, rng_first = SAC(3, 2, SMALL, seed=0), np.random.default_rng(5)
    learn_from(buffer, first, rng_first, 30)
    tensors, scalars = first.state()
    content = {f'buffer.{k}': torch.from_numpy(v) for k, v in buffer.state().items()}
    random = {'rng': rng_first.bit_generator.state, 'sac': scalars}
    save_checkpoint(tmp_path, 30, {**tensors, **content}, random)

    saved = load_newest_checkpoint(tmp_path)
    second, rng_second = SAC(3, 2, SMALL, seed=99), np.random.default_rng(99)
    restored = ReplayBuffer(500, 3, 2)
    mine = {k: v for k, v in saved.tensors.items() if not k.startswith('buffer.')}
    second.load_state(mine, saved.scalars['sac'])
    restored.load_state(
        {k[7:]: v.numpy() for k, v in saved.tensors.items() if k.startswith('buffer.')}
    )
    rng_second.bit_generator.state = saved.scalars['rng']
    learn_from(restored, second, rng_second, 30)

    assert same(second.state()[0], straight.state()[0]) == []
    assert second.state()[1] == straight.state()[1]
    assert second.state()[1]['updates'] == 60


def test_a_learner_that_has_not_learned_yet_can_be_saved_and_resumed():
    source, copied = SAC(3, 2, SMALL, seed=0), SAC(3, 2, SMALL, seed=1)
    copied.update(random_batch())
    copied.load_state(*source.state())
    for sac in (source, copied):
        sac.update(random_batch(seed=3))
    assert same(source.state()[0], copied.state()[0]) == []


def test_the_same_seed_learns_the_same_and_torchs_global_generator_is_not_used():
    runs = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        sac = SAC(3, 2, SMALL, seed=4)
        sac.update(random_batch())
        runs.append(sac.state()[0])
    assert same(*runs) == []


@pytest.mark.parametrize('field', ['reward', 'obs', 'next_obs', 'action'])
@pytest.mark.parametrize('bad', [float('nan'), float('inf'), 1e30])
def test_an_update_that_is_not_finite_raises_and_changes_nothing(field, bad):
    sac = SAC(3, 2, with_options(SMALL, layer_norm=False), seed=0)
    sac.update(random_batch())
    before, scalars = copy.deepcopy(sac.state())
    batch = random_batch(seed=1)
    poisoned = getattr(batch, field).clone()
    poisoned.view(-1)[5] = bad
    with pytest.raises(DivergedError, match='update 2 was not made'):
        sac.update(batch._replace(**{field: poisoned}))
    after, after_scalars = sac.state()
    assert same(before, after) == ['generator']
    assert scalars == after_scalars
    assert math.isfinite(sac.update(random_batch(seed=2))['q_loss'])


@pytest.mark.parametrize('factor', [1.0 / 64.0, 4.0, 64.0])
def test_the_scale_of_the_rewards_changes_nothing_but_the_unit_of_what_is_told(factor):
    plain, other = (SAC(3, 2, SMALL, seed=0) for _ in range(2))
    for seed in range(5):
        batch = random_batch(seed=seed)
        told, told_of_other = plain.update(batch), other.update(scaled(batch, factor))
    assert same(plain.policy_tensors(), other.policy_tensors()) == []
    powers = {'q_loss': 2, 'policy_loss': 1, 'temperature': 1, 'entropy': 0, 'q_mean': 1}
    assert told_of_other == {k: told[k] * factor**power for k, power in powers.items()}
    assert other.temperature == factor * plain.temperature
    obs, action = batch.obs, batch.action
    q, q_of_other = (QFunction(3, 2, SMALL.hidden) for _ in range(2))
    for network, sac in ((q, plain), (q_of_other, other)):
        load_prefixed_state('q1', network, sac.skill_tensors())
    torch.testing.assert_close(q_of_other(obs, action), factor * q(obs, action))
    torch.testing.assert_close(q(obs, action).mean().item(), told['q_mean'], rtol=0.5, atol=0.1)


def test_a_scale_that_is_no_power_of_two_changes_no_more_than_rounding_does():
    plain, other = (SAC(3, 2, SMALL, seed=0) for _ in range(2))
    for seed in range(5):
        batch = random_batch(seed=seed)
        plain.update(batch)
        other.update(scaled(batch, 10.0))
    for name, tensor in plain.policy_tensors().items():
        torch.testing.assert_close(other.policy_tensors()[name], tensor, rtol=1e-3, atol=1e-4)


def test_the_rewards_of_a_fixed_temperature_are_counted_as_they_are():
    sac = SAC(3, 2, with_options(SMALL, automatic_temperature=False), seed=0)
    sac.update(scaled(random_batch(), 100.0))
    assert sac.state()[1]['reward_unit'] == 1.0


def test_a_batch_that_was_refused_decides_no_unit():
    sac = SAC(3, 2, SMALL, seed=0)
    with pytest.raises(DivergedError):
        sac.update(scaled(random_batch(), math.nan))
    assert sac.state()[1]['reward_unit'] is None
    batch = scaled(random_batch(), 10.0)
    sac.update(batch)
    assert sac.state()[1]['reward_unit'] == reward_unit(batch.reward)


def test_metrics_say_what_happened():
    sac = SAC(3, 2, SMALL, seed=0)
    metrics = sac.update(scaled(random_batch(), 0.5))
    assert list(metrics) == ['q_loss', 'policy_loss', 'temperature', 'entropy', 'q_mean']
    assert all(type(value) is float for value in metrics.values())
    assert metrics['temperature'] == pytest.approx(0.05 * sac.state()[1]['reward_unit'])
    assert metrics['entropy'] == pytest.approx(2 * 0.64, abs=0.3)
    assert sac.temperature < metrics['temperature']  # entropy is above its target


def test_a_batch_of_another_size_is_refused_by_name():
    sac = SAC(3, 2, SMALL, seed=0)
    with pytest.raises(ValueError, match='action'):
        sac.update(random_batch(act_dim=1))


def test_the_state_of_another_learner_is_refused():
    sac = SAC(3, 2, SMALL, seed=0)
    tensors, scalars = SAC(3, 1, SMALL, seed=0).state()
    with pytest.raises(ValueError, match='policy'):
        sac.load_state(tensors, scalars)
    tensors, scalars = SAC(3, 2, SMALL, seed=0).state()
    with pytest.raises(ValueError, match='not the state'):
        sac.load_state(tensors, {'algorithm': 'sql', 'updates': 0})
    with pytest.raises(ValueError, match=r'adam\.exp_avg'):
        sac.load_state(tensors, {**scalars, 'updates': 3})


def test_copied_tensors_do_not_follow_the_learner():
    sac = SAC(3, 2, SMALL, seed=0)
    copies = [sac.policy_tensors(), sac.skill_tensors(), sac.state()[0]]
    before = copy.deepcopy(copies)
    sac.update(random_batch())
    for kept, value in zip(copies, before, strict=True):
        assert same(kept, value) == []
    assert {name.partition('.')[0] for name in sac.skill_tensors()} == {'policy', 'q1', 'q2'}
