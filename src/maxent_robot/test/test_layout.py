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


CAMERA = Field('camera', 24, 255.0, shape=(3, 4, 2))
SEEING = ObservationLayout((POSITION, CAMERA))


def test_a_layout_tells_the_shape_of_the_image_that_ends_it():
    assert SEEING.image == (3, 4, 2)
    assert LAYOUT.image == POSITION.shape == ()


def test_the_shape_of_an_image_changes_the_hash_and_no_other_hash_is_changed_by_shapes():
    fields = (CAMERA, replace(CAMERA, shape=(4, 3, 2)), replace(CAMERA, shape=()))
    assert len({ObservationLayout((POSITION, field)).hash for field in fields}) == 3
    assert LAYOUT.hash == 'a3ce301851fe35e7'  # from before there were images


def test_pixels_are_packed_as_fractions_of_255_and_come_back():
    levels = np.arange(0, 240, 10, dtype=np.uint8)
    packed = SEEING.pack({'position': VALUES['position'], 'camera': levels})
    np.testing.assert_array_equal(packed[2:], (levels / 255.0).astype(np.float32))
    np.testing.assert_allclose(SEEING.unpack(packed)['camera'], levels, rtol=1e-6)


@pytest.mark.parametrize('odd', [0.5, -1.0, 256.0])
def test_an_image_of_anything_but_bytes_is_refused_by_name(odd):
    pixels = np.zeros(24)
    pixels[5] = odd
    with pytest.raises(LayoutError, match="'camera' must hold whole numbers 0 to 255"):
        SEEING.pack({'position': VALUES['position'], 'camera': pixels})


@pytest.mark.parametrize(
    'shape', [(24,), (3, 8), (3, 4, 3), (3, 4, -2), (3, 4, 2.0), (1, 3, 4, 2)]
)
def test_a_shape_that_does_not_fit_its_field_is_refused_by_name(shape):
    with pytest.raises(LayoutError, match="shape of field 'camera'"):
        replace(CAMERA, shape=shape)


@pytest.mark.parametrize('change', [{'scale': 1.0}, {'offset': 127.5}])
def test_an_image_of_another_scale_is_refused(change):
    with pytest.raises(LayoutError, match="image 'camera' must have scale"):
        replace(CAMERA, **change)


def test_an_image_before_other_fields_is_refused():
    with pytest.raises(LayoutError, match=r"must be the last field, \['camera'\]"):
        ObservationLayout((CAMERA, POSITION))
