# SPDX-License-Identifier: Apache-2.0
"""Joint samples are handed on with the signals that belong to them, or not at all."""

from itertools import permutations

import numpy as np
import pytest

from maxent_robot.state_assembly import StateAssembler
from maxent_robot.types import JointSample

MS = 1_000_000
AGES = {'imu': 18 * MS, 'odometry': 30 * MS}


def joints(stamp_ns):
    return JointSample(stamp_ns, ('a',), np.array([stamp_ns / MS]), np.zeros(1))


def value(stamp_ns):
    return np.array([stamp_ns / MS])


class Listener:
    """An assembler and what it handed on: stamps, and the stamps that the signals tell."""

    def __init__(self, exact, ages=AGES):
        self.samples = []
        self.assembler = StateAssembler(ages, self.samples.append, exact=exact)

    def take(self, name, stamp_ns):
        if name == 'joints':
            self.assembler.on_joints(joints(stamp_ns))
        else:
            self.assembler.on_signal(name, stamp_ns, value(stamp_ns))

    def stamps(self):
        return [
            (s.stamp_ns, *(round(s.signals[name][0] * MS) for name in AGES)) for s in self.samples
        ]


@pytest.mark.parametrize('order', [*permutations(['joints', 'imu', 'odometry'])])
def test_where_time_waits_a_sample_gets_the_signals_of_its_stamp_in_any_order(order):
    listener = Listener(exact=True)
    for stamp in (6 * MS, 12 * MS, 18 * MS):
        for name in order:
            listener.take(name, stamp)
    assert listener.stamps() == [(t, t, t) for t in (6 * MS, 12 * MS, 18 * MS)]
    assert listener.assembler.incomplete == 0


def test_where_time_waits_a_signal_of_another_stamp_is_not_taken():
    listener = Listener(exact=True)
    listener.take('imu', 6 * MS)
    listener.take('odometry', 5 * MS)
    listener.take('joints', 6 * MS)
    assert listener.samples == []
    listener.take('odometry', 6 * MS)
    assert listener.stamps() == [(6 * MS, 6 * MS, 6 * MS)]


def test_where_time_waits_a_newer_sample_takes_the_place_of_one_that_waits():
    listener = Listener(exact=True)
    for name, stamp in [('joints', 6), ('joints', 12), ('imu', 12), ('odometry', 12)]:
        listener.take(name, stamp * MS)
    assert listener.stamps() == [(12 * MS, 12 * MS, 12 * MS)]


def test_a_repeated_sample_is_repeated_though_its_signals_are_not():
    listener = Listener(exact=True)
    for name in ('imu', 'odometry', 'joints', 'joints'):
        listener.take(name, 6 * MS)
    assert len(listener.samples) == 2


def test_signals_that_are_repeated_alone_repeat_no_sample():
    listener = Listener(exact=True)
    for name in ('imu', 'odometry', 'joints', 'imu', 'odometry'):
        listener.take(name, 6 * MS)
    assert len(listener.samples) == 1


def test_on_a_running_robot_a_sample_goes_on_at_once_with_the_newest_signals():
    listener = Listener(exact=False)
    for name, stamp in [('imu', 1), ('odometry', 2), ('imu', 4), ('joints', 6), ('joints', 12)]:
        listener.take(name, stamp * MS)
    assert listener.stamps() == [(6 * MS, 4 * MS, 2 * MS), (12 * MS, 4 * MS, 2 * MS)]


@pytest.mark.parametrize(('age_ms', 'handed_on'), [(18, True), (18.001, False), (-19, False)])
def test_on_a_running_robot_a_signal_too_old_or_from_another_clock_withholds_the_sample(
    age_ms, handed_on
):
    listener = Listener(exact=False)
    stamp = 100 * MS
    listener.take('odometry', stamp)
    listener.take('imu', stamp - round(age_ms * MS))
    listener.take('joints', stamp)
    assert len(listener.samples) == handed_on
    assert listener.assembler.incomplete == (not handed_on)


def test_on_a_running_robot_what_was_withheld_is_not_handed_on_later():
    listener = Listener(exact=False)
    listener.take('joints', 6 * MS)
    listener.take('imu', 6 * MS)
    listener.take('odometry', 6 * MS)
    assert listener.samples == []
    assert listener.assembler.incomplete == 1
    listener.take('joints', 12 * MS)
    assert len(listener.samples) == 1


@pytest.mark.parametrize('exact', [True, False])
def test_who_wants_no_signals_gets_every_sample_as_it_is(exact):
    listener = Listener(exact, ages={})
    sample = joints(6 * MS)
    listener.assembler.on_joints(sample)
    assert listener.samples == [sample]
    assert listener.samples[0] is sample
