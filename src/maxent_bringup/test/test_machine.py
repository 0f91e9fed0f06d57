# SPDX-License-Identifier: Apache-2.0
"""The facts that the doctor gathers are those of the machine it runs on."""

import sys

import pytest

from maxent_bringup import machine


@pytest.fixture(scope='module')
def facts():
    return machine.inspect_machine()


def test_the_test_environment_itself_is_complete(facts):
    assert facts.python == sys.version_info[:2]
    assert facts.rclpy_error is None
    assert facts.middleware == 'rmw_fastrtps_cpp'
    for errors in (facts.interface_errors, facts.library_errors, facts.package_errors):
        assert {name: error for name, error in errors.items() if error is not None} == {}
    assert facts.library_versions['torch'].startswith('2.')


def test_a_missing_interface_is_told_by_its_name(monkeypatch):
    monkeypatch.setattr(machine, 'INTERFACES', ('no_such_msgs.msg.Nothing', 'std_msgs.msg.No'))
    errors = machine.inspect_machine().interface_errors
    assert 'no_such_msgs' in errors['no_such_msgs.msg.Nothing']
    assert 'No' in errors['std_msgs.msg.No']
