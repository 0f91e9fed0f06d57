# SPDX-License-Identifier: Apache-2.0
"""Walking: 113 numbers of state, the signs of the reward, falling, and speed over the episode."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.robots import MINITAUR
from maxent_robot.robots.minitaur import motor_angles, toe_offset
from maxent_robot.tasks import make_task
from maxent_robot.tasks.walk import feet
from maxent_robot.types import CommandMode, RobotState

PERIOD = MINITAUR.policy_period_ns
ZERO = np.zeros(8, np.float32)


def orientation(roll=0.0, pitch=0.0):
    """Quaternion of one of both."""
    half = 0.5 * np.array([roll, pitch])
    return np.array([np.cos(half).prod(), *np.sin(half), 0.0])


def at(step, x=0.0, roll=0.0, pitch=0.0, rates=(0.0, 0.0, 0.0), q=MINITAUR.start):
    """State after so many policy periods."""
    turned = orientation(roll, pitch)
    imu = np.array([*turned, *rates, 0.0, 0.0, 9.81])
    odometry = np.array([x, 0.3, 0.2, *turned, *[0.0] * 6])
    signals = {'imu': imu, 'odometry': odometry}
    return RobotState(2_000_000_000 + step * PERIOD, np.asarray(q), np.zeros(8), signals)


def begun(**options):
    task = make_task(MINITAUR, 'walk', **options)
    task.reset(np.random.default_rng(0))
    task.begin(at(0))
    return task


def test_the_state_is_the_frame_then_the_past_newest_first_then_the_heading():
    task = begun()
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (7, 8)).astype(np.float32)
    for k, action in enumerate(actions):
        task.observe(at(k, q=MINITAUR.start + 0.01 * k, pitch=0.02 * k))
        task.acted(action)
    now = at(7, q=MINITAUR.start - 0.2, roll=0.1, rates=(0.4, -0.8, 99.0))
    observation = task.observe(now)
    assert observation.shape == (113,) == (task.layout.size,)
    fields = task.layout.unpack(observation)
    np.testing.assert_allclose(fields['frame'][:8], MINITAUR.start - 0.2, atol=1e-6)
    np.testing.assert_allclose(fields['frame'][8:], [0.1, 0.0, 0.4, -0.8], atol=1e-6)
    past = fields['past_frames'].reshape(5, 12)
    for row, k in zip(past, (6, 5, 4, 3, 2), strict=True):
        np.testing.assert_allclose(row[:8], MINITAUR.start + 0.01 * k, atol=1e-6)
        np.testing.assert_allclose(row[8:], [0.0, 0.02 * k, 0.0, 0.0], atol=1e-6)
    np.testing.assert_array_equal(fields['past_actions'].reshape(5, 8), actions[:1:-1])
    assert fields['heading'] == 0.0


def test_a_new_episode_remembers_nothing_of_the_one_before():
    task = begun()
    task.observe(at(0, pitch=0.3))
    task.acted(np.ones(8, np.float32))
    task.reset(np.random.default_rng(1))
    task.begin(at(100))
    fresh = begun()
    np.testing.assert_array_equal(task.observe(at(100)), fresh.observe(at(100)))


def turned(state, angle):
    """Return the state as if the world had been turned to the left about its origin."""
    half = 0.5 * angle
    spin = (np.cos(half), np.sin(half))

    def around(q):
        (w, x, y, z), (c, s) = q, spin
        return [c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w]

    imu, odometry = (np.array(state.signals[name]) for name in ('imu', 'odometry'))
    imu[:4], odometry[3:7] = around(imu[:4]), around(odometry[3:7])
    x, y = odometry[:2]
    c, s = np.cos(angle), np.sin(angle)
    odometry[:2] = c * x - s * y, s * x + c * y
    return replace(state, signals={'imu': imu, 'odometry': odometry})


@pytest.mark.parametrize('angle', [1.4, -3.0])
def test_where_the_robot_begins_and_where_it_looks_there_makes_no_difference(angle):
    states = [at(0, x=1.0, roll=0.1), at(1, x=1.02, pitch=0.1), at(2, x=1.05)]
    tasks = make_task(MINITAUR, 'walk'), make_task(MINITAUR, 'walk')
    for task, way in zip(tasks, (states, [turned(state, angle) for state in states]), strict=True):
        task.reset(np.random.default_rng(0))
        task.begin(way[0])
        task.seen = [task.observe(state) for state in way]
        task.judged = [task.evaluate(state, ZERO) for state in way[1:]]
    np.testing.assert_allclose(tasks[0].seen, tasks[1].seen, atol=1e-6)
    for one, other in zip(tasks[0].judged, tasks[1].judged, strict=True):
        assert one.reward == pytest.approx(other.reward)
        assert one.measures == pytest.approx(other.measures)


def test_the_first_state_may_be_observed_before_the_episode_begins_at_it():
    task, other = make_task(MINITAUR, 'walk'), make_task(MINITAUR, 'walk')
    first, later = turned(at(0), 0.5), turned(at(1), 0.8)
    task.begin(first)
    seen = [task.observe(first), task.observe(later)]
    np.testing.assert_array_equal(other.observe(first), seen[0])
    assert other.begin(first) == task.begin(first)
    np.testing.assert_array_equal(other.observe(later), seen[1])


@pytest.mark.parametrize('turn', [0.4, -0.4, 3.0, -3.0])
def test_the_heading_is_the_turn_to_the_left_since_the_episode_began(turn):
    task = make_task(MINITAUR, 'walk')
    task.reset(np.random.default_rng(0))
    task.begin(turned(at(0), 2.5))
    heading = task.layout.unpack(task.observe(turned(at(1), 2.5 + turn)))['heading']
    assert heading == pytest.approx(turn, abs=1e-5)


def test_observations_are_of_order_one_wherever_the_robot_may_be():
    rng = np.random.default_rng(0)
    for _ in range(100):
        q = rng.uniform(MINITAUR.soft_lower, MINITAUR.soft_upper)
        tilt = {rng.choice(['roll', 'pitch']): rng.uniform(-0.7, 0.7)}
        state = at(0, q=q, rates=rng.uniform(-10.0, 10.0, 3), **tilt)
        assert np.abs(begun().observe(state)).max() < 5.0


def test_actions_are_swing_and_extension_about_the_start_pose():
    mapping = begun(action_range=0.4).mapping
    assert mapping.mode is CommandMode.POSITION
    np.testing.assert_array_equal(mapping.to_values(ZERO), MINITAUR.start)
    swing, extension = np.array([1.0, -1.0, 0.5, 0.0]), np.array([0.0, 0.25, -1.0, 1.0])
    values = mapping.to_values(np.concatenate([swing, extension]))
    np.testing.assert_allclose(values, motor_angles(0.4 * swing, 2.0 + 0.4 * extension))


def test_the_start_pose_is_noisy_within_its_bound_and_repeats_with_its_seed():
    task = make_task(MINITAUR, 'walk', start_noise=0.1)
    starts = [task.reset(np.random.default_rng(seed)).positions for seed in range(30)]
    offsets = np.abs(np.array(starts) - MINITAUR.start)
    assert 0.09 < offsets.max() <= 0.1
    np.testing.assert_array_equal(starts[7], task.reset(np.random.default_rng(7)).positions)


def judged(state, action=ZERO, **options):
    return begun(**options).evaluate(state, action)


def test_the_reward_is_the_sum_of_its_terms():
    outcome = judged(at(1, x=0.02, roll=0.2))
    assert set(outcome.terms) == {'forward', 'acceleration', 'tilt', 'reach', 'drag', 'fall'}
    assert outcome.reward == sum(outcome.terms.values())


@pytest.mark.parametrize(
    ('speed', 'reward'),
    [(0.3, 0.3), (-0.3, -0.3), (0.0, 0.0), (0.4, 0.4), (0.5, 0.3), (1.0, -0.2)],
)
def test_forward_velocity_is_rewarded_up_to_the_top_speed_and_less_beyond(speed, reward):
    forward = judged(at(1, x=0.048 * speed), top_speed=0.4).terms['forward']
    assert forward == pytest.approx(reward)


@pytest.mark.parametrize('tilt', [{'roll': 0.2}, {'roll': -0.2}, {'pitch': 0.2}, {'pitch': -0.2}])
def test_roll_and_pitch_cost_to_either_side(tilt):
    assert judged(at(1)).terms['tilt'] == 0.0
    assert judged(at(1, **tilt), tilt_cost=0.5).terms['tilt'] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ('swing', 'cost'),
    [
        ([0.5, 0.0, 0.0, 0.0], 0.2),  # front left to the back, below the body
        ([0.0, 0.0, 0.4, 0.0], 0.1),  # front right
        ([0.5, 0.0, 0.5, 0.0], 0.4),
        ([-0.5, 0.0, -0.5, 0.0], 0.0),  # forward
        ([0.0, 0.5, 0.0, 0.5], 0.0),  # hind legs
        ([0.3, 0.0, 0.29, 0.0], 0.0),
    ],
)
def test_front_legs_that_reach_under_the_body_cost(swing, cost):
    q = motor_angles(np.array(swing), np.full(4, 2.0))
    terms = judged(at(1, q=q), reach_limit=0.3, reach_cost=1.0).terms
    assert terms['reach'] == pytest.approx(-cost, abs=1e-9)


def test_feet_that_are_dragged_cost_their_speed():
    assert judged(at(1)).terms['drag'] == 0.0
    for angle in (0.0, 1.0):  # of the way, in the world
        drag = judged(turned(at(1), angle), drag_cost=0.3).terms['drag']
        ways = np.hypot(*(feet(turned(at(1), angle)) - feet(at(0)))[:, :2].T)
        assert drag == pytest.approx(-0.3 * ways.sum() / 0.048)
    assert judged(at(1, x=0.048), drag_cost=0.3).terms['drag'] == pytest.approx(-0.3 * 4)


@pytest.mark.parametrize(('lift', 'dragged'), [(0.0, 4.0), (0.01, 3.25), (0.02, 3.0), (0.06, 3.0)])
def test_a_lifted_foot_costs_less_and_nothing_from_the_clearance_on(lift, dragged):
    extension = np.full(4, 2.0)
    while toe_offset(0.0, extension[1])[1] < toe_offset(0.0, extension[0])[1] + lift:
        extension[1] -= 1e-5
    q = motor_angles(np.zeros(4), extension)
    lifted = begun(drag_cost=1.0, clearance=0.02)
    lifted.begin(at(0, q=q))
    terms = lifted.evaluate(at(1, x=0.048, q=q), ZERO).terms
    assert terms['drag'] == pytest.approx(-dragged, abs=2e-3)


def test_the_angular_acceleration_of_the_last_three_executed_actions_costs():
    task = begun(acceleration_cost=2.0)
    ramp = [np.full(8, a, np.float32) for a in (-0.5, 0.0, 0.5, 1.0, 0.0)]
    costs = [task.evaluate(at(k + 1), a).terms['acceleration'] for k, a in enumerate(ramp)]
    assert costs[:4] == [0.0] * 4, 'a steady motion has no acceleration'
    assert costs[4] == pytest.approx(-2.0 * 1.5**2)


def test_a_segment_without_a_known_past_begins_without_acceleration():
    task = begun()
    for k, a in enumerate((1.0, -1.0, 1.0)):
        task.evaluate(at(k + 1), np.full(8, a, np.float32))
    task.begin(at(4))
    costs = [
        task.evaluate(at(5 + k), np.full(8, a, np.float32)).terms['acceleration']
        for k, a in enumerate((-1.0, 1.0, -1.0))
    ]
    assert costs[:2] == [0.0, 0.0]
    assert costs[2] < 0.0


@pytest.mark.parametrize('tilt', [{'roll': 0.71}, {'roll': -0.71}, {'pitch': 0.71}])
def test_tilting_too_far_ends_the_episode_and_costs_once(tilt):
    upright = judged(at(1, roll=0.69))
    assert not upright.terminated
    assert upright.terms['fall'] == 0.0
    fallen = judged(at(1, **tilt), fall_cost=3.0)
    assert fallen.terminated
    assert fallen.terms['fall'] == -3.0
    assert fallen.measures['fallen'] == 1.0


def test_speed_is_measured_over_the_whole_episode():
    task = begun()
    for k, x in enumerate((0.1, 0.1, 0.4, 0.3)):
        measures = task.evaluate(at(k + 1, x=x), ZERO).measures
    assert measures['way'] == pytest.approx(0.3)
    assert measures['speed'] == pytest.approx(0.3 / (4 * 0.048))
    # a lost transition in between does not begin the way anew
    measures = task.begin(at(5, x=0.5))
    assert measures['speed'] == pytest.approx(0.5 / (5 * 0.048))


def test_the_way_counts_from_where_the_episode_began():
    task = begun()
    task.evaluate(at(1, x=3.0), ZERO)
    task.reset(np.random.default_rng(1))
    assert task.begin(at(50, x=3.0)) == {'speed': 0.0, 'way': 0.0, 'fallen': 0.0}
    assert task.evaluate(at(51, x=3.024), ZERO).measures['speed'] == pytest.approx(0.5)


def test_success_is_a_good_speed_upright():
    task = begun(good_speed=0.2)
    assert task.success({'speed': 0.2, 'way': 5.0, 'fallen': 0.0})
    assert not task.success({'speed': 0.19, 'way': 5.0, 'fallen': 0.0})
    assert not task.success({'speed': 0.9, 'way': 5.0, 'fallen': 1.0})
    assert not task.success({'speed': float('nan'), 'way': 5.0, 'fallen': 0.0})


def test_a_robot_that_lies_there_has_fallen_even_if_it_is_not_known_how():
    assert begun().begin(at(3, x=2.0, roll=1.5))['fallen'] == 1.0


def test_nothing_is_judged_before_an_episode_has_begun():
    task = make_task(MINITAUR, 'walk')
    task.reset(np.random.default_rng(0))
    with pytest.raises(ValueError, match='before the episode began'):
        task.evaluate(at(1), ZERO)
