# SPDX-License-Identifier: Apache-2.0
from sim_bridge.assembly_state import AssemblyState, EstopSource


def test_a_robot_starts_enabled_and_homed():
    state = AssemblyState()
    assert state.can_move
    assert state.homed
    assert state.why_not == ''


def test_a_stopped_robot_needs_reset_and_enable():
    stopped = AssemblyState().stop()
    assert (stopped.stopped, stopped.enabled, stopped.ready) == (True, False, False)
    assert stopped.estop_source == EstopSource.UNKNOWN
    assert 'stopped' in stopped.why_not
    reset = stopped.reset()
    assert (reset.stopped, reset.enabled, reset.ready) == (False, False, True)
    assert not reset.can_move
    assert reset.enable().can_move


def test_enable_clears_everything():
    assert AssemblyState().stop().enable() == AssemblyState()
    assert AssemblyState().fault().enable() == AssemblyState()


def test_disable_keeps_a_stop():
    assert AssemblyState().stop().disable().stopped
    disabled = AssemblyState().disable()
    assert disabled.ready
    assert not disabled.can_move
    assert 'disabled' in disabled.why_not


def test_a_fault_is_an_error_that_stops():
    fault = AssemblyState().fault()
    assert fault.error
    assert fault.estop_source == EstopSource.FAULT
    assert 'error' in fault.why_not


def test_reset_of_a_running_robot_leaves_it_running():
    assert AssemblyState().reset().can_move
