# SPDX-License-Identifier: Apache-2.0
"""Training on Gymnasium environments: exact resume for every algorithm, curve, roll-outs."""

import json

import gymnasium
import numpy as np
import pytest
import torch

from maxent_learner.gym_training import GymRunConfig, make_gym, roll_out, train_gym
from maxent_learner.trainer import ResumeError
from maxent_rl.algorithms import ALGORITHMS
from maxent_rl.diverged import DivergedError
from maxent_rl.runner import PolicyRunner
from maxent_robot import episode_seed
from maxent_robot.layout import Field, ObservationLayout

CART, STEPS = 'maxent_test/Cart-v0', 7  # of an episode
SEEN_CART = 'maxent_test/SeenCart-v0'
SMALL = {'hidden': [8, 8], 'batch_size': 4}


class Cart(gymnasium.Env):
    """A point on a line that the wind pushes; `guarded` halves the actions."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, guarded=False, poison=None, low=-1.0):
        self.guarded, self.poison = guarded, poison
        self.action_space = gymnasium.spaces.Box(low, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, self.count = self.np_random.normal(size=2), 0
        return self.state.copy(), {}

    def step(self, action):
        applied = action / 2 if self.guarded else action
        self.count += 1
        pushed = [0.1 * self.state[1], 0.1 * applied[0]]
        self.state = self.state + pushed + self.np_random.normal(scale=0.01, size=2)
        reward = -abs(self.state[0]) if self.poison is None else self.poison
        info = {'words': 'none', 'far': np.float32(self.state[0]), 'measures': {'speed': 3}}
        info['success'], info['state'] = bool(self.count > 3), self.state
        if self.guarded:
            info['applied_action'] = applied
        return self.state.copy(), reward, False, self.count >= STEPS, info


class SeenCart(Cart):
    """The same, with a picture of nine pixels as bright as the point is far."""

    layout = ObservationLayout((Field('state', 2), Field('camera', 9, 255.0, shape=(3, 3, 1))))
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (11,), np.float32)

    def seen(self, state):
        pixels = np.full(9, np.rint(255.0 * abs(np.sin(state[0]))))
        return self.layout.pack({'state': state, 'camera': pixels})

    def reset(self, *, seed=None, options=None):
        state, info = super().reset(seed=seed, options=options)
        return self.seen(state), info

    def step(self, action):
        state, *rest = super().step(action)
        return self.seen(state), *rest


@pytest.fixture(autouse=True)
def cart():
    entry_points = {CART: Cart, SEEN_CART: SeenCart}
    for name, entry_point in entry_points.items():
        gymnasium.register(id=name, entry_point=entry_point)
    yield
    for name in entry_points:
        del gymnasium.registry[name]


@pytest.fixture
def config():
    def make(**settings):
        usual = {
            'environment': CART,
            'algorithm_options': SMALL,
            'seed': 3,
            'steps': 50,
            'learning_starts': 10,
            'checkpoint_every': 10,
        }
        return GymRunConfig(**{**usual, **settings})

    return make


class KilledError(Exception):
    pass


def kill_at(episode):
    def on_episode(training, row):
        if row['episode'] == episode:
            raise KilledError

    return on_episode


def assert_equal_state(one, other):
    (ours, our_scalars), (theirs, their_scalars) = one.algorithm.state(), other.algorithm.state()
    assert our_scalars == their_scalars
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    ours, theirs = one.buffer.state(), other.buffer.state()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize('algorithm', sorted(ALGORITHMS))
def test_a_killed_run_goes_on_as_if_it_had_never_stopped_bit_by_bit(config, tmp_path, algorithm):
    settings = config(algorithm=algorithm)
    straight = train_gym(settings, tmp_path / 'straight')
    for episode in (1, 4, 5):  # the first before any checkpoint, the last one right after
        with pytest.raises(KilledError):
            train_gym(settings, tmp_path / 'parts', kill_at(episode))
    resumed = train_gym(settings, tmp_path / 'parts')
    assert_equal_state(resumed, straight)
    assert resumed.curve == straight.curve
    files = [tmp_path / name / 'progress.jsonl' for name in ('parts', 'straight')]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_that_sees_images_keeps_them_as_bytes_and_goes_on_bit_by_bit(config, tmp_path):
    settings = config(environment=SEEN_CART)
    straight = train_gym(settings, tmp_path / 'straight')
    with pytest.raises(KilledError):
        train_gym(settings, tmp_path / 'parts', kill_at(4))
    assert_equal_state(train_gym(settings, tmp_path / 'parts'), straight)
    state = straight.buffer.state()
    assert state['image'].dtype == np.uint8
    wanted = np.rint(255.0 * np.abs(np.sin(state['obs'][:, :1])))
    np.testing.assert_allclose(
        state['image'], np.broadcast_to(wanted, state['image'].shape), atol=1
    )
    assert straight.algorithm.policy.image == (3, 3, 1)


def test_a_run_makes_its_steps_and_updates_and_a_finished_one_is_not_run_again(config, tmp_path):
    training = train_gym(config(updates_per_step=0.5), tmp_path)
    assert (training.steps, training.algorithm.updates, training.episodes) == (50, 20, 8)
    assert [row['steps'] for row in training.curve] == [7, 14, 21, 28, 35, 42, 49]
    again = train_gym(config(updates_per_step=0.5), tmp_path, kill_at(0))
    assert_equal_state(again, training)


def test_more_steps_prolong_a_run_as_if_they_had_been_asked_for_at_first(config, tmp_path):
    train_gym(config(steps=28), tmp_path / 'parts')
    prolonged = train_gym(config(steps=42), tmp_path / 'parts')
    assert_equal_state(prolonged, train_gym(config(steps=42), tmp_path / 'straight'))


def test_the_first_steps_are_those_of_the_initial_policy(config, tmp_path):
    training = train_gym(config(learning_starts=50), tmp_path)
    assert training.algorithm.updates == 0
    policy = PolicyRunner(training.algorithm.policy, episode_seed(3, 0), deterministic=False)
    state = training.buffer.state()
    assert state['action'][1] == policy(state['obs'][0])


def test_episodes_start_as_their_seeds_say(config, tmp_path):
    state = train_gym(config(), tmp_path).buffer.state()
    starts = state['obs'][state['first']]
    environment = make_gym(config())
    expected = [environment.reset(seed=episode_seed(3, k))[0] for k in range(8)]
    assert np.array_equal(starts, np.asarray(expected, np.float32))


def test_what_is_stored_is_the_action_as_executed(config, tmp_path):
    free = train_gym(config(learning_starts=50), tmp_path / 'free')
    guarded = config(learning_starts=50, environment_options={'guarded': True})
    halved = train_gym(guarded, tmp_path / 'guarded')
    first = slice(1, 2)  # later ones answer other observations
    actions = [run.buffer.state()['action'][first] for run in (free, halved)]
    assert np.array_equal(actions[0] / 2, actions[1])
    assert actions[0].any()


def test_a_row_holds_the_numbers_of_the_last_step_and_what_the_callback_adds(config, tmp_path):
    def evaluate(training, row):
        row['tried'] = training.steps

    training = train_gym(config(), tmp_path, evaluate)
    lines = (tmp_path / 'progress.jsonl').read_text().splitlines()
    assert [json.loads(line) for line in lines] == training.curve
    row = training.curve[-1]
    assert row['measures'].keys() == {'far', 'speed', 'success'}
    assert row['measures']['speed'] == 3.0
    assert (row['tried'], row['episode'], row['length'], row['updates']) == (49, 6, 7, 39)
    assert all(np.isfinite(value) for value in row['metrics'].values())
    state = training.buffer.state()
    start = np.flatnonzero(state['first'])[6]
    assert row['return'] == pytest.approx(state['reward'][start + 1 : start + 8].sum(), rel=1e-6)


def test_another_seed_gives_another_run(config, tmp_path):
    runs = [train_gym(config(seed=seed), tmp_path / str(seed)) for seed in (1, 2)]
    assert runs[0].curve[0]['return'] != runs[1].curve[0]['return']


def test_divergence_is_reported_with_the_name_of_the_run(config, tmp_path):
    poisoned = config(environment_options={'poison': 1e38})
    with pytest.raises(DivergedError, match=r'sac on cart default, seed 3, step 1[0-9], in .*x:'):
        train_gym(poisoned, tmp_path / 'x')


def test_a_run_of_other_settings_is_not_gone_on_with(config, tmp_path):
    train_gym(config(), tmp_path)
    with pytest.raises(ResumeError, match='has seed 3, asked for is 4'):
        train_gym(config(seed=4), tmp_path)
    with pytest.raises(ResumeError, match=r"'batch_size': 4.*'batch_size': 5"):
        train_gym(config(algorithm_options={**SMALL, 'batch_size': 5}), tmp_path)


def test_a_roll_out_follows_the_policy_and_starts_as_the_seed_says(config, tmp_path):
    policy = train_gym(config(), tmp_path).algorithm.policy
    environment = make_gym(config())
    outcomes = roll_out(environment, PolicyRunner(policy, 0, deterministic=True), 3, seed=5)
    assert [outcome['length'] for outcome in outcomes] == [STEPS] * 3
    assert len({outcome['return'] for outcome in outcomes}) == 3
    outcome, runner = outcomes[2], PolicyRunner(policy, 9, deterministic=True)
    start, _ = environment.reset(seed=episode_seed(5, 2))
    assert np.array_equal(outcome['observations'][0], start.astype(np.float32))
    rewards = []
    for observation in outcome['observations'][:-1]:
        following, reward, *_, info = environment.step(runner(observation))
        rewards.append(reward)
    assert outcome['return'] == pytest.approx(sum(rewards))
    assert np.array_equal(outcome['observations'][-1], following.astype(np.float32))
    assert outcome['info']['far'] == info['far']
