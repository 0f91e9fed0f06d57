# SPDX-License-Identifier: Apache-2.0
"""Skills that differ: where, and with which values."""

import pytest

from maxent_rl.compatibility import differences


@pytest.mark.parametrize(
    ('changes', 'lines'),
    [
        ({'robot': 'minitaur'}, ['robot: reach sawyer, push minitaur']),
        ({'discount': 0.99}, ['discount: reach 0.98, push 0.99']),
        (
            {
                'layout': ({'name': 'position', 'size': 2}, {'name': 'disk', 'size': 3}),
                'layout_hash': 'ffff',
            },
            [
                'layout_hash: reach 0123456789abcdef, push ffff',
                'layout[1]: reach tip (3), push disk (3)',
            ],
        ),
        ({'action_mode': 'velocity'}, ['action_mode: reach torque, push velocity']),
        ({'action_joints': ('j0', 'j9')}, ['action_joints[1]: reach j1, push j9']),
        ({'action_scale': (4.0, 3.0)}, ['action_scale[1]: reach 3.5, push 3.0']),
        (
            {'limits': {'effort': [80.0, 30.0]}},
            [
                'limits.effort[1]: reach 40.0, push 30.0',
                'limits.velocity[0]: reach 1.5, push absent',
                'limits.velocity[1]: reach 2.0, push absent',
            ],
        ),
    ],
)
def test_what_differs_is_named_with_its_values(untrained_skill, changes, lines):
    skills = [untrained_skill('reach'), untrained_skill('push', **changes)]
    assert differences([skill.metadata for skill in skills]) == lines


def test_a_part_that_only_one_skill_has_is_absent_in_the_others(untrained_skill):
    changed = {'limits': {'effort': [80.0, 40.0], 'velocity': [1.5, 2.0], 'jerk': 9.0}}
    skills = [untrained_skill('a'), untrained_skill('b'), untrained_skill('c', **changed)]
    lines = differences([skill.metadata for skill in skills])
    assert lines == ['limits.jerk: a absent, b absent, c 9.0']


def test_tasks_algorithms_temperatures_and_networks_may_differ(untrained_skill):
    other = untrained_skill(
        'push', 'soft_q', hidden=(8,), layer_norm=False, task='push', temperature=3.0
    )
    assert differences([untrained_skill('reach').metadata, other.metadata]) == []


def test_images_of_other_shapes_are_named_with_their_lengths(untrained_skill):
    skills = [
        untrained_skill('reach', image=(4, 3, 2)),
        untrained_skill('push', image=(3, 4, 2), layout_hash='ffff'),
    ]
    assert differences([skill.metadata for skill in skills]) == [
        'layout_hash: reach 0123456789abcdef, push ffff',
        'layout[2]: reach camera (4x3x2), push camera (3x4x2)',
    ]
