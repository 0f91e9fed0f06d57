# SPDX-License-Identifier: Apache-2.0
"""Observation layouts: what is packed, and that a different layout has a different hash."""

from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.layout import Field, LayoutError, ObservationLayout

POSITION = Field('position', 2, 0.5, (1.0, 2.0))
TIP = Field('tip', 3, (1.0, 2.0, 4.0))
LAYOUT = ObservationLayout((POSITION, TIP))
VALUES = {'position': np.array([1.5, 2.0]), 'tip': np.array([1.0, 2.0, 2.0])}


def test_fields_are_shifted_scaled_and_joined_in_the_order_of_the_layout():
    packed = LAYOUT.pack(dict(reversed(VALUES.items())))
    assert packed.dtype == np.float32
    assert LAYOUT.size == 5
    np.testing.assert_allclose(packed, [1.0, 0.0, 1.0, 1.0, 0.5])


def test_what_was_packed_is_unpacked_of_one_observation_and_of_many():
    packed = LAYOUT.pack(VALUES)
    for observations, shape in ((packed, ()), (np.stack([packed, packed]), (2,))):
        fields = LAYOUT.unpack(observations)
        assert list(fields) == ['position', 'tip']
        for name, values in fields.items():
            np.testing.assert_allclose(
                values, np.broadcast_to(VALUES[name], (*shape, values.shape[-1]))
            )
    with pytest.raises(LayoutError, match=r'holds 5 numbers, got shape \(4,\)'):
        LAYOUT.unpack(packed[:4])


def test_equal_layouts_have_equal_hashes_of_16_hexadecimal_digits():
    same = ObservationLayout((Field('position', 2, (0.5, 0.5), (1.0, 2.0)), TIP))
    assert same.hash == LAYOUT.hash
    assert same == LAYOUT
    assert len(LAYOUT.hash) == 16
    int(LAYOUT.hash, 16)


@pytest.mark.parametrize(
    'fields',
    [
        (TIP, POSITION),
        (POSITION,),
        (replace(POSITION, name='angle'), TIP),
        (replace(POSITION, scale=0.25), TIP),
        (replace(POSITION, offset=(1.0, 2.5)), TIP),
        (POSITION, Field('tip', 2, (1.0, 2.0))),
    ],
)
def test_order_names_sizes_scales_and_offsets_all_change_the_hash(fields):
    assert ObservationLayout(fields).hash != LAYOUT.hash


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'tip': np.zeros(2)}, "'tip' must hold 3 numbers"),
        ({'tip': np.zeros((3, 1))}, "'tip' must hold 3 numbers"),
        ({'tip': np.array([0.0, np.nan, 0.0])}, r"\['tip'\] are not finite"),
        ({'position': np.array([np.inf, 0.0])}, r"\['position'\] are not finite"),
        ({'force': np.zeros(1)}, "got .*'force'"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(change, message):
    with pytest.raises(LayoutError, match=message):
        LAYOUT.pack(VALUES | change)


def test_a_missing_field_is_refused():
    with pytest.raises(LayoutError, match='the layout has the fields'):
        LAYOUT.pack({'tip': np.zeros(3)})


def test_a_finite_value_too_large_for_float32_is_refused():
    with pytest.raises(LayoutError, match=r"'tip'.* float32"):
        LAYOUT.pack(VALUES | {'tip': np.array([0.0, 1e300, 0.0])})


@pytest.mark.parametrize(
    'arguments',
    [
        ('tip', 0),
        ('two words', 1),
        ('tip', 2, 0.0),
        ('tip', 2, -1.0),
        ('tip', 2, float('nan')),
        ('tip', 2, (1.0,)),
        ('tip', 2, 1.0, (0.0, float('inf'))),
    ],
)
def test_fields_that_cannot_be_are_refused(arguments):
    with pytest.raises(LayoutError):
        Field(*arguments)


def test_a_name_given_twice_is_refused():
    with pytest.raises(LayoutError, match='unique'):
        ObservationLayout((TIP, TIP))
