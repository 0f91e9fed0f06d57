# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from maxent_rl.diverged import DivergedError, check_finite


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_told_with_all_others(value):
    with pytest.raises(DivergedError, match=r'update 7 .*q_loss.*q_mean'):
        check_finite({'q_loss': value, 'q_mean': 1.0}, 7)


def test_finite_figures_pass():
    check_finite({'q_loss': 1e30, 'q_mean': -3.0}, 1)
