# SPDX-License-Identifier: Apache-2.0
"""Options survive the way through texts."""

import pytest

from maxent_robot.option_texts import format_options, parse_options


def test_values_are_json_where_they_can_be_and_text_where_not():
    texts = ('axis=x', 'value=0.6', 'target=[0.5, 0.1, 0.2]', 'on=true', 'count=3')
    assert parse_options(texts) == {
        'axis': 'x',
        'value': 0.6,
        'target': [0.5, 0.1, 0.2],
        'on': True,
        'count': 3,
    }


def test_formatted_options_can_be_parsed_again():
    options = {'axis': 'x', 'value': 0.6, 'text': '3', 'hidden': [256, 256]}
    texts = format_options(options)
    assert parse_options(texts) == options
    assert parse_options(' '.join(texts).split()) == options  # as a launch argument gives them


def test_empty_texts_are_no_options():
    assert parse_options(['']) == {}


@pytest.mark.parametrize(
    ('texts', 'reason'),
    [(['axis'], 'form'), (['=3'], 'form'), (['axis=x', 'axis=y'], "'axis' is given twice")],
)
def test_what_is_no_option_is_refused(texts, reason):
    with pytest.raises(ValueError, match=reason):
        parse_options(texts)
