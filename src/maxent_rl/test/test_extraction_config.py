# SPDX-License-Identifier: Apache-2.0
"""Settings of an extraction: ranges."""

import pytest

from maxent_rl.extraction_config import ExtractionConfig


@pytest.mark.parametrize(
    'wrong', [{'steps': 0}, {'particles': 1}, {'decay': 0.0}, {'hidden': ()}], ids=str
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=f'extraction option {next(iter(wrong))}'):
        ExtractionConfig(**wrong)
