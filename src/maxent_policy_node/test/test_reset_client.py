# SPDX-License-Identifier: Apache-2.0
"""A reset is asked for until it has happened."""

from maxent_msgs.srv import ResetSimulation
import pytest
from rclpy.node import Node

from maxent_policy_node.reset_client import ResetClient
from maxent_robot.episode import RequestReset
from maxent_robot.robots import DCLAW, SAWYER
from maxent_robot.robots.dclaw import VALVE
from maxent_ros import conversions, topics


@pytest.fixture
def done(ros):
    stamps: list[int] = []
    client = ResetClient(ros.add(Node, 'policy'), SAWYER.joint_names, stamps.append)
    yield client, stamps
    client.close()


class Simulation(Node):
    """Refuses the first reset and grants the next."""

    def __init__(self, **kwargs) -> None:
        super().__init__('sim_bridge', **kwargs)
        self.requests: list[ResetSimulation.Request] = []
        self.create_service(ResetSimulation, topics.RESET_SIMULATION, self._serve)

    def _serve(self, request, response):
        self.requests.append(request)
        response.success = len(self.requests) > 1
        response.message = 'busy'
        response.stamp = conversions.to_stamp(7)
        return response


def test_it_is_asked_for_again_when_refused_and_when_the_service_comes_late(ros, done) -> None:
    client, stamps = done
    client.request(RequestReset(SAWYER.start, 5))
    simulation = ros.add(Simulation)
    ros.spin_until(lambda: stamps)
    assert stamps == [7]
    assert len(simulation.requests) == 2
    assert simulation.requests[0].seed == 5
    assert tuple(simulation.requests[0].joint_names) == SAWYER.joint_names
    assert list(simulation.requests[0].joint_positions) == SAWYER.start.tolist()


def test_things_beside_the_robot_are_named_after_its_joints(ros) -> None:
    stamps: list[int] = []
    client = ResetClient(ros.add(Node, 'policy'), DCLAW.joint_names, stamps.append)
    simulation = ros.add(Simulation)
    client.request(RequestReset(DCLAW.start, 9, {VALVE: 0.5}))
    ros.spin_until(lambda: stamps)
    client.close()
    request = simulation.requests[-1]
    assert tuple(request.joint_names) == (*DCLAW.joint_names, VALVE)
    assert list(request.joint_positions) == [*DCLAW.start.tolist(), 0.5]
    assert request.seed == 9


def test_after_cancelling_the_answer_is_ignored(ros, done) -> None:
    client, stamps = done
    simulation = ros.add(Simulation)
    ros.spin_until(client._client.service_is_ready)
    client.request(RequestReset(SAWYER.start, 5))
    client.cancel()
    ros.spin_until(lambda: simulation.requests)
    client.request(RequestReset(SAWYER.start, 6))
    ros.spin_until(lambda: stamps)
    assert [request.seed for request in simulation.requests] == [5, 6]
    assert stamps == [7]
