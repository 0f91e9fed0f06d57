# SPDX-License-Identifier: Apache-2.0
"""Films of recorded motion show every robot as it moved, at its own pace."""

from pathlib import Path

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
import numpy as np
import pytest
from sensor_msgs.msg import JointState

from maxent_learner.bag_film import film_bag
from maxent_learner.bag_reader import BagError, BagReader
from maxent_robot.robots import get_robot
from maxent_ros import topics
from maxent_ros.conversions import to_doubles, to_stamp
from maxent_ros.robot_topics import ROBOT_TOPICS
from sim_bridge.rendering import RenderingUnavailableError
from sim_bridge.simulations import make_simulation

RECORDED = Path(__file__).parents[3] / 'test' / 'data' / 'sawyer_lockstep'
SIZE = 96, 72


@pytest.fixture(autouse=True)
def opengl():
    simulation = make_simulation('sawyer', {})
    try:
        simulation.render(*SIZE)
    except RenderingUnavailableError as error:
        pytest.skip(str(error))
    finally:
        simulation.close()


def states(robot, count, period_ns=10_000_000, begin_ns=0):
    """Joint states at rest in the start pose."""
    spec, found = get_robot(robot), []
    for number in range(count):
        message = JointState(name=list(spec.joint_names), position=to_doubles(spec.start))
        message.velocity = to_doubles(np.zeros(len(spec.joint_names)))
        message.header.stamp = to_stamp(begin_ns + number * period_ns)
        found.append((f'/{ROBOT_TOPICS[robot].joint_states}', message))
    return found


def changed(first, second):
    return int((np.abs(first.astype(np.int16) - second) > 40).any(axis=2).sum())


def test_the_recorded_arm_is_seen_to_move_at_real_speed():
    film = film_bag(BagReader(RECORDED), 'sawyer', SIZE)
    # Two episodes of 2.1 s at 20 frames a second; the time of the resets is nobody's.
    assert 2 * 42 <= len(film.frames) <= 2 * 42 + 6
    assert (film.period_s, film.whole) == (0.05, True)
    assert changed(film.frames[2], film.frames[40]) > 50


def test_repeated_states_and_gaps_of_time_give_no_frames(write_bag):
    first = states('sawyer', 11)
    later = states('sawyer', 11, begin_ns=5_000_000_000)
    film = film_bag(BagReader(write_bag([*first, *first[-1:] * 3, *later])), 'sawyer', SIZE)
    assert len(film.frames) == 2 * 3  # at 0, 50 and 100 ms each


def test_a_walking_robot_is_where_its_odometry_says(write_bag):
    def odometry(z):
        message = Odometry()
        message.pose.pose.position.z = z
        message.pose.pose.orientation.w = 1.0
        return f'/{topics.MINITAUR_ODOMETRY}', message

    low, high = states('minitaur', 1), states('minitaur', 1, begin_ns=100_000_000)
    film = film_bag(
        BagReader(write_bag([odometry(0.2), *low, odometry(0.4), *high])), 'minitaur', SIZE
    )
    assert len(film.frames) == 2
    assert changed(*film.frames) > 20


def test_a_valve_and_its_goal_are_seen_to_turn(write_bag):
    def valve(angle):
        return f'/{topics.DCLAW_VALVE}', JointState(position=[angle], velocity=[0.0])

    goal = PoseStamped()
    goal.pose.position.x, goal.pose.position.z = 0.1, 0.1
    scenes = [states('dclaw', 1, begin_ns=begin) for begin in (0, 10**8, 2 * 10**8)]
    messages = [valve(0.0), *scenes[0], valve(1.0), *scenes[1], (f'/{topics.GOAL}', goal)]
    film = film_bag(BagReader(write_bag([*messages, *scenes[2]])), 'dclaw', SIZE)
    before, turned, with_goal = film.frames
    assert changed(before, turned) > 20
    assert 0 < changed(turned, with_goal) < 60


def test_a_bag_without_states_of_the_robot_is_refused(write_bag):
    with pytest.raises(BagError, match='no joint states of a dclaw'):
        film_bag(BagReader(write_bag(states('sawyer', 3))), 'dclaw', SIZE)
