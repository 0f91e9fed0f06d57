# SPDX-License-Identifier: Apache-2.0
"""Soft Q-learning against problems whose soft values are known, and itself after a resume."""

import copy
import math

import numpy as np
import pytest
import torch

from maxent_rl.checkpoint import load_newest_checkpoint, save_checkpoint
from maxent_rl.diverged import DivergedError
from maxent_rl.networks import QFunction, aligned_pieces, load_prefixed_state
from maxent_rl.replay_buffer import Batch
from maxent_rl.sampling_network import SamplingPolicy
from maxent_rl.soft_q import SoftQ, SoftQConfig
from maxent_rl.soft_value import mixed_proposal, soft_value
from maxent_rl.svgd import svgd_direction

SMALL = SoftQConfig(
    hidden=(32, 32), batch_size=64, particles=16, value_samples=16, learning_rate=3e-3
)


def with_options(**options):
    return SoftQConfig(**{**SMALL.__dict__, **options})


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
    learner = SoftQ(3, 2, config, seed)
    for i in range(updates):
        learner.update(random_batch(seed=i))
    return learner


def same(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if not torch.equal(first[name], second[name])]


def by_the_equations(learner, batch):
    """Gradients of `update` with torch's own parts, each pair of state and action a row."""
    config, k, draws = learner.config, learner.config.particles, learner.config.value_samples
    tensors, _ = learner.state()
    noise = torch.Generator()
    noise.set_state(tensors['generator'])
    policy = SamplingPolicy(3, 2, config.hidden)
    load_prefixed_state('policy', policy, tensors)
    q = {name: QFunction(3, 2, config.hidden) for name in ('q1', 'q2', 'q1_target', 'q2_target')}
    for name, network in q.items():
        load_prefixed_state(name, network, tensors)

    def smaller(suffix, obs, actions):
        rows = obs.repeat_interleave(actions.shape[1], 0), actions.flatten(0, 1)
        return torch.minimum(*(q[i + suffix](*rows) for i in ('q1', 'q2'))).view(len(obs), -1)

    def particles(obs):
        xi = torch.randn((len(obs) * k, 2), generator=noise)
        return policy.unsquashed(obs.repeat_interleave(k, 0), xi).view(len(obs), k, 2)

    with torch.no_grad():
        centres = particles(batch.next_obs).tanh()
        actions, density = mixed_proposal(centres, draws, config.value_width, noise)
        value = soft_value(
            smaller('_target', batch.next_obs, actions), density, config.temperature
        )
        target = batch.reward + config.discount * (1.0 - batch.terminated) * value
    wanted = []
    for network in (q['q1'], q['q2']):
        loss = 0.5 * (network(batch.obs, batch.action) - target).square().mean()
        wanted += torch.autograd.grad(loss, [*network.parameters()])
    u = particles(batch.obs)
    moved = u.detach().requires_grad_(True)
    # log-density of u: Q / t and the Jacobian of tanh, whose gradient autograd takes here
    energy = smaller('', batch.obs, moved.tanh())
    energy = energy + config.temperature * torch.log(1.0 - moved.tanh() ** 2).sum(-1)
    (score,) = torch.autograd.grad(energy.sum(), moved)
    direction = svgd_direction(u.detach(), score, config.temperature, own=False)
    loss = -(direction * u).sum(-1).mean()
    return wanted, torch.autograd.grad(loss, [*policy.parameters()])


def test_an_update_follows_the_gradients_of_the_thesiss_equations() -> None:
    learner, batch = trained(3), random_batch(seed=9)
    before, _ = learner.state()
    wanted = by_the_equations(learner, batch)
    learner.update(batch)
    after, _ = learner.state()
    for name, gradients in zip(('adam_q', 'adam_policy'), wanted, strict=True):
        flat = torch.zeros_like(after[f'{name}.exp_avg'])
        for piece, gradient in zip(aligned_pieces(flat, gradients), gradients, strict=True):
            piece.copy_(gradient)
        found = (after[f'{name}.exp_avg'] - 0.9 * before[f'{name}.exp_avg']) / 0.1
        torch.testing.assert_close(found, flat, rtol=1e-3, atol=1e-4 * flat.abs().max().item())


def bandit(generator, terminated=1.0, size=64):
    """One state, reward -(a - 0.3)^2 / 2 at temperature 0.02: a Gaussian of width 0.141."""
    action = torch.rand((size, 1), generator=generator) * 2.0 - 1.0
    obs = torch.zeros(size, 1)
    reward = -0.5 * (action[:, 0] - 0.3) ** 2
    return Batch(obs, action, reward, obs, torch.full((size,), terminated))


def learned_bandit(terminated, updates, **options):
    learner = SoftQ(1, 1, with_options(temperature=0.02, target_smoothing=0.05, **options), 0)
    generator = torch.Generator().manual_seed(1)
    for _ in range(updates):
        learner.update(bandit(generator, terminated))
    return learner


def test_a_bandits_q_is_its_reward_and_its_policy_the_boltzmann_density() -> None:
    learner = learned_bandit(1.0, 600)
    line = torch.linspace(-1.0, 1.0, 41).unsqueeze(1)
    noise = torch.randn((20_000, 1), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        q = learner.q_function(torch.zeros(41, 1), line)
        actions = learner.policy.act(torch.zeros(20_000, 1), noise)
    assert (q + 0.5 * (line[:, 0] - 0.3) ** 2).abs().max() < 0.03
    assert actions.mean().item() == pytest.approx(0.3, abs=0.03)
    assert actions.std().item() == pytest.approx(math.sqrt(0.02), rel=0.2)


def test_a_state_that_goes_on_is_worth_its_soft_value_too() -> None:
    learner = learned_bandit(0.0, 900, discount=0.5)
    line = torch.linspace(-1.0, 1.0, 2001)
    own = 0.02 * torch.logsumexp(-0.5 * (line - 0.3) ** 2 / 0.02, dim=0)
    own = own.item() + 0.02 * math.log(2.0 / 2001)  # soft value of the reward alone
    value = own / (1.0 - 0.5)  # V = own + discount V, for every state is the same one
    with torch.no_grad():
        q = learner.q_function(torch.zeros(1, 1), torch.tensor([[0.3]])).item()
    assert q == pytest.approx(0.5 * value, abs=0.01)
    assert abs(0.5 * value) > 0.02  # so that ignoring the next state would be noticed


def test_a_hotter_policy_is_wider() -> None:
    noise = torch.randn((5_000, 1), generator=torch.Generator().manual_seed(2))
    stds = []
    for temperature in (0.005, 0.05):
        learner = SoftQ(1, 1, with_options(temperature=temperature), 0)
        generator = torch.Generator().manual_seed(1)
        for _ in range(300):
            learner.update(bandit(generator))
        with torch.no_grad():
            stds.append(learner.policy.act(torch.zeros(5_000, 1), noise).std().item())
    assert stds[1] > 1.5 * stds[0]


def test_the_temperature_is_annealed_by_updates() -> None:
    config = with_options(temperature=0.1, final_temperature=0.001, annealing_updates=4)
    learner = SoftQ(3, 2, config, 0)
    seen = [learner.update(random_batch(seed=i))['temperature'] for i in range(5)]
    assert seen == pytest.approx([0.1, 0.1**1.5, 0.01, 0.1**2.5, 0.001])
    assert learner.temperature == pytest.approx(0.001)


def test_the_target_moves_only_when_its_period_is_over() -> None:
    learner = SoftQ(3, 2, with_options(target_period=3, target_smoothing=1.0), 0)
    first = copy.deepcopy(learner.state()[0])
    for updates in range(1, 4):
        learner.update(random_batch(seed=updates))
        tensors, _ = learner.state()
        names = [name for name in tensors if name.startswith('q1_target')]
        moved = [name for name in names if not torch.equal(tensors[name], first[name])]
        assert bool(moved) == (updates == 3)
    for name in names:
        assert torch.equal(tensors[name], tensors[name.replace('_target', '')])


@pytest.mark.parametrize('width', [0.0, 0.1])
def test_a_resumed_learner_equals_one_that_never_stopped(tmp_path, width) -> None:
    config = with_options(value_width=width)
    first = trained(10, config)
    tensors, scalars = first.state()
    save_checkpoint(tmp_path, 10, tensors, {'soft_q': scalars})
    saved = load_newest_checkpoint(tmp_path)
    second = SoftQ(3, 2, config, seed=9)
    second.load_state(saved.tensors, saved.scalars['soft_q'])
    for i in range(10, 20):
        assert first.update(random_batch(seed=i)) == second.update(random_batch(seed=i))
    assert same(first.state()[0], second.state()[0]) == []
    assert second.state()[1] == {'algorithm': 'soft_q', 'updates': 20}


def test_a_reward_that_is_not_finite_changes_nothing() -> None:
    learner = trained(3)
    before = copy.deepcopy(learner.state()[0])
    batch = random_batch()._replace(reward=torch.full((64,), float('inf')))
    with pytest.raises(DivergedError, match='update 4'):
        learner.update(batch)
    after = learner.state()[0]
    for tensors in (before, after):
        del tensors['generator']  # noise was drawn
    assert same(before, after) == []
    assert learner.updates == 3


def test_a_batch_of_other_dimensions_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r'batch action must have shape \(64, 2\)'):
        SoftQ(3, 2, SMALL, 0).update(random_batch(act_dim=1))


def test_a_state_of_another_algorithm_is_refused() -> None:
    learner = trained(1)
    tensors, scalars = learner.state()
    with pytest.raises(ValueError, match='not the state of a soft_q learner'):
        learner.load_state(tensors, {**scalars, 'algorithm': 'sac'})
    del tensors['adam_q.exp_avg']
    with pytest.raises(ValueError, match=r'adam_q\.exp_avg'):
        learner.load_state(tensors, scalars)


def test_the_same_seed_learns_the_same() -> None:
    assert same(trained(5).state()[0], trained(5).state()[0]) == []
    assert same(trained(5).skill_tensors(), trained(5, seed=1).skill_tensors()) != []


def test_a_skill_holds_policy_and_both_q_functions() -> None:
    prefixes = {name.partition('.')[0] for name in trained(1).skill_tensors()}
    assert prefixes == {'policy', 'q1', 'q2'}
    assert np.all([torch.isfinite(t).all() for t in trained(2).skill_tensors().values()])
