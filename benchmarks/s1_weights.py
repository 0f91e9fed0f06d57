# SPDX-License-Identifier: Apache-2.0
"""S1: policy nodes that start long after the weights were published."""

from __future__ import annotations

from pathlib import Path
import time
from typing import Any

import numpy as np
from running_system import notes, running, wait

from maxent_bringup.system import SystemConfig

JOINERS = 100
IN_TIME_S = 1.0


def late_joiners() -> dict[str, Any]:
    """Start policy processes one after another; seconds from activation to the newest weights."""
    config = SystemConfig(
        purpose='train',
        pacing='realtime',
        name='s1_late_joiners',
        skills=Path('runs/s1/skills'),
    )
    times = []
    with running(config, start=False, instrumented='policy') as (system, monitor):
        system.start(['guard', 'learner'])
        wait(system, monitor, lambda: monitor.learner is not None, 60.0, 'the learner')
        log = system.logs['policy']
        for joiner in range(JOINERS):
            system.start(['policy'])
            deadline = time.monotonic() + 30.0
            while len(notes(log, 'version')) <= joiner and time.monotonic() < deadline:
                monitor.spin(0.05)
                system.check()
            rows = notes(log, 'version')
            times.append(rows[-1]['since_activation_s'] if len(rows) > joiner else np.inf)
            system.stop(['policy'])
    served = sum(t <= IN_TIME_S for t in times)
    return {
        'late_joiners': {'tried': len(times), 'served': served},
        'late_joiner_s_worst': round(float(max(times)), 3),
        'late_joiner_s_median': round(float(np.median(times)), 3),
    }
