# SPDX-License-Identifier: Apache-2.0
"""Logs of several nodes on one terminal."""

from __future__ import annotations

import io
from pathlib import Path

from maxent_bringup.log_follower import LogFollower


def test_new_lines_are_shown_whole_with_the_name_of_their_node(tmp_path: Path) -> None:
    logs = {'guard': tmp_path / 'guard.log', 'sim_bridge': tmp_path / 'sim_bridge.log'}
    logs['guard'].write_text('of an earlier run\n')
    out = io.StringIO()
    follower = LogFollower(logs, out)
    with logs['guard'].open('a') as log:
        log.write('one\ntw')
    follower.poll()
    assert out.getvalue() == 'guard      | one\n'
    with logs['guard'].open('a') as log:
        log.write('o\n')
    logs['sim_bridge'].write_bytes(b'\xff broken\n')
    follower.poll()
    assert 'guard      | two\n' in out.getvalue()
    assert 'sim_bridge | \ufffd broken\n' in out.getvalue()
