# SPDX-License-Identifier: Apache-2.0
"""Rates are those of the last seconds; figures that an algorithm has not are no numbers."""

import math

import pytest
from rclpy.time import Time

from maxent_learner.learner_status import Rates, State, status_message
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig


def test_there_is_no_rate_before_two_samples():
    rates = Rates()
    assert rates.per_second() == (0.0, 0.0)
    rates.add(1.0, 10, 20)
    assert rates.per_second() == (0.0, 0.0)
    rates.add(1.0, 10, 20)
    assert rates.per_second() == (0.0, 0.0)


def test_rates_are_per_second_of_the_window():
    rates = Rates(window_s=2.0)
    for k in range(11):  # 1 step a second at first, 50 later
        rates.add(float(k), k, 2 * k)
    for k in range(1, 5):
        rates.add(10.0 + k, 10 + 50 * k, 20 + 100 * k)
    assert rates.per_second() == pytest.approx((50.0, 100.0))


def test_a_pause_brings_the_rate_down_to_zero():
    rates = Rates(window_s=2.0)
    rates.add(0.0, 0, 0)
    for k in range(1, 5):
        rates.add(float(k), 100, 200)
    assert rates.per_second() == (0.0, 0.0)


def test_what_an_algorithm_does_not_have_is_not_a_number(tmp_path, source, small_options):
    config = RunConfig(run_folder=str(tmp_path / 'run'))
    trainer_config = TrainerConfig(
        algorithm='ddpg', algorithm_options=small_options, learning_starts=5
    )
    run = Run(config, trainer_config, pytest.fail)
    for step in source.episode():
        run.trainer.observe(step)
    before = status_message(run, State.COLLECTING, '', Rates(), Time())
    run.trainer.update()
    after = status_message(run, State.TRAINING, '', Rates(), Time())
    run.close()
    assert after.algorithm == 'ddpg'
    assert math.isnan(before.q_loss)
    assert math.isfinite(after.q_loss)
    assert math.isnan(after.entropy)
    assert after.temperature == 0.0
