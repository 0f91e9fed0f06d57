# SPDX-License-Identifier: Apache-2.0
"""Flags travel in messages: their values must stay."""

from maxent_robot.safety.flags import INTERVENTIONS, Flag


def test_every_flag_is_one_bit_of_its_own_and_fits_the_message():
    values = [flag.value for flag in Flag]
    assert values == [1 << i for i in range(len(values))]
    assert max(values) < 1 << 32


def test_an_ordinary_step_of_the_policy_is_no_intervention():
    assert not INTERVENTIONS & (Flag.SLEW | Flag.BLEND | Flag.ACTION_LATE)
    assert INTERVENTIONS & Flag.WALL
