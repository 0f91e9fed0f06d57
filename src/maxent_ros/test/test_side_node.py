# SPDX-License-Identifier: Apache-2.0
"""A companion node whose callbacks take their time without holding up the main node."""

import threading
import time

import pytest
from rclpy.node import Node
from std_srvs.srv import Trigger

from maxent_ros import side_node
from maxent_ros.side_node import SideNode


class Main(Node):
    """Counts how often its timer fires, and who does what in which thread."""

    def __init__(self, work, **kwargs) -> None:
        super().__init__('main', namespace='left', **kwargs)
        self.ticks = 0
        self.create_timer(0.01, self._tick)
        self.side = SideNode(self, 'main_side')
        self.side.node.create_service(Trigger, 'main/work', lambda q, r: work(self, r))
        self.side.start()

    def _tick(self) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.side.close()


def ask(ros, main):
    client = main.create_client(Trigger, '/left/main/work')
    ros.spin_until(client.service_is_ready)
    return client.call_async(Trigger.Request())


def test_a_slow_callback_does_not_hold_up_the_main_node(ros) -> None:
    def slow(main, response):
        before = main.ticks
        time.sleep(0.5)
        response.message = str(main.ticks - before)
        return response

    answer = ask(ros, ros.add(Main, slow))
    ros.spin_until(answer.done)
    assert int(answer.result().message) > 20


def test_a_job_for_the_main_thread_runs_there_and_its_result_comes_back(ros) -> None:
    def work(main, response):
        name = main.side.in_main_thread(lambda: threading.current_thread().name)
        response.message = f'{name}, asked from {threading.current_thread().name}'
        return response

    answer = ask(ros, ros.add(Main, work))
    ros.spin_until(answer.done)
    assert answer.result().message == 'MainThread, asked from main_side'


def test_what_a_job_raises_reaches_who_asked(ros) -> None:
    def work(main, response):
        with pytest.raises(ValueError, match='no'):
            main.side.in_main_thread(lambda: int('no'))
        response.success = True
        return response

    answer = ask(ros, ros.add(Main, work))
    ros.spin_until(answer.done)
    assert answer.result().success


def test_a_main_thread_that_is_too_busy_is_given_up_and_does_not_do_the_job_later(
    ros, monkeypatch
) -> None:
    monkeypatch.setattr(side_node, 'ANSWER_S', 0.1)
    done, given_up = [], threading.Event()

    def work(main, response):
        with pytest.raises(TimeoutError, match='main was busy'):
            main.side.in_main_thread(lambda: done.append(1))
        given_up.set()
        return response

    main = ros.add(Main, work)
    answer = ask(ros, main)
    assert given_up.wait(5.0)  # nobody spins meanwhile
    ros.spin_until(answer.done)
    assert done == []


def test_closing_lets_a_callback_that_waits_for_the_main_thread_end(ros) -> None:
    entered, results = threading.Event(), []

    def work(main, response):
        entered.set()
        results.append(main.side.in_main_thread(lambda: 'done'))
        return response

    main = ros.add(Main, work)
    ask(ros, main)
    assert entered.wait(5.0)
    main.close()
    assert results == ['done']
    main.close = lambda: None
