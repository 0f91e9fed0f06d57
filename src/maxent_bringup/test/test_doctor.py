# SPDX-License-Identifier: Apache-2.0
"""The doctor's judgement of machines, good and bad."""

from dataclasses import replace

import pytest

from maxent_bringup import doctor
from maxent_bringup.doctor import Status, examine
from maxent_bringup.machine import INTERFACES, LIBRARIES, OWN_PACKAGES, Machine

HEALTHY = Machine(
    python=(3, 11),
    environment={
        'ROS_DOMAIN_ID': '7',
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp',
    },
    missing_tools=(),
    rclpy_prefixes=('/home/me/maxent/.venv',),
    rclpy_error=None,
    middleware='rmw_fastrtps_cpp',
    interface_errors=dict.fromkeys(INTERFACES),
    library_errors=dict.fromkeys(LIBRARIES),
    library_versions=dict.fromkeys(LIBRARIES, '1.0'),
    package_errors=dict.fromkeys(OWN_PACKAGES),
    has_ros2_launch=True,
    has_egl=True,
    disk_free=50 * doctor.GIB,
    shared_memory_free=1000 * doctor.MIB,
)


def finding_of(subject, **changes):
    """Judge the healthy machine with something changed; return the finding on a subject."""
    found = [f for f in examine(replace(HEALTHY, **changes)) if f.subject == subject]
    assert len(found) == 1
    return found[0]


def test_a_healthy_machine_gets_nothing_but_ok():
    assert {finding.status for finding in examine(HEALTHY)} == {Status.OK}


@pytest.mark.parametrize('python', [(3, 10), (3, 13)])
def test_a_python_that_jazzy_does_not_exist_for_is_refused(python):
    finding = finding_of('python', python=python)
    assert finding.status is Status.MISSING
    assert 'make setup' in finding.remedy


def test_a_missing_compiler_is_only_a_note_because_what_is_built_still_runs():
    finding = finding_of('compiler', missing_tools=('g++',))
    assert finding.status is Status.NOTE
    assert 'g++' in finding.text
    assert 'build-essential' in finding.remedy


def test_missing_ros_names_the_error_and_the_way_to_get_it():
    finding = finding_of('ROS 2', rclpy_error="ModuleNotFoundError: No module named 'rclpy'")
    assert finding.status is Status.MISSING
    assert 'rclpy' in finding.text
    assert 'make setup' in finding.remedy


def test_two_ros_installations_in_one_shell_are_refused_with_both_named():
    finding = finding_of('ROS 2', rclpy_prefixes=('/home/me/maxent/.venv', '/opt/ros/jazzy'))
    assert finding.status is Status.MISSING
    assert '/home/me/maxent/.venv, /opt/ros/jazzy' in finding.text


def test_a_middleware_that_does_not_load_is_missing_and_another_one_is_a_note():
    assert finding_of('middleware', middleware=None).status is Status.MISSING
    assert finding_of('middleware', middleware='rmw_cyclonedds_cpp').status is Status.NOTE


@pytest.mark.parametrize(
    ('field', 'name', 'subject'),
    [
        ('interface_errors', 'maxent_msgs.msg.Step', 'maxent_msgs'),
        ('library_errors', 'torch', 'torch'),
        ('package_errors', 'sim_bridge', 'sim_bridge'),
    ],
)
def test_a_module_that_cannot_be_imported_is_missing_with_its_error(field, name, subject):
    errors = {**getattr(HEALTHY, field), name: 'ImportError: libx.so'}
    finding = finding_of(subject, **{field: errors})
    assert finding.status is Status.MISSING
    assert finding.text == 'ImportError: libx.so'
    assert finding.remedy


@pytest.mark.parametrize(
    ('domain', 'status'),
    [('0', Status.OK), ('101', Status.OK), ('102', Status.NOTE), ('233', Status.MISSING),
     ('-1', Status.MISSING), ('one', Status.MISSING), ('', Status.MISSING)],
)  # fmt: skip
def test_the_domain_must_be_a_number_that_dds_can_use(domain, status):
    assert finding_of('ROS_DOMAIN_ID', environment={'ROS_DOMAIN_ID': domain}).status is status


def test_an_unset_domain_is_domain_zero():
    finding = finding_of('ROS_DOMAIN_ID', environment={})
    assert (finding.status, finding.text) == (Status.OK, '0')


@pytest.mark.parametrize(
    ('free', 'status'), [(3.0, Status.OK), (1.0, Status.NOTE), (0.1, Status.MISSING)]
)
def test_disk_space_is_judged_by_what_a_run_writes(free, status):
    assert finding_of('disk', disk_free=int(free * doctor.GIB)).status is status


@pytest.mark.parametrize('free', [None, 64 * doctor.MIB])
def test_little_shared_memory_is_a_note_since_dds_falls_back(free):
    assert finding_of('shared memory', shared_memory_free=free).status is Status.NOTE


def test_what_is_optional_is_never_missing():
    assert finding_of('ros2 launch', has_ros2_launch=False).status is Status.NOTE
    assert finding_of('EGL', has_egl=False).status is Status.NOTE


def test_every_finding_that_is_not_ok_says_what_to_do():
    sick = replace(
        HEALTHY, python=(3, 9), missing_tools=('gcc',), rclpy_error='no', middleware=None,
        interface_errors=dict.fromkeys(INTERFACES, 'no'), environment={'ROS_DOMAIN_ID': 'x'},
        library_errors=dict.fromkeys(LIBRARIES, 'no'), disk_free=0, shared_memory_free=None,
        package_errors=dict.fromkeys(OWN_PACKAGES, 'no'), has_ros2_launch=False, has_egl=False,
    )  # fmt: skip
    bad = [finding for finding in examine(sick) if finding.status is not Status.OK]
    assert len(bad) > len(INTERFACES) + len(LIBRARIES) + len(OWN_PACKAGES)
    assert all(finding.remedy for finding in bad)


@pytest.mark.ros
def test_this_machine_passes_with_a_real_round_trip(ros, monkeypatch, capsys):
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros.domain))
    assert doctor.main([]) == 0
    output = capsys.readouterr().out
    assert '200 between two processes: median' in output
    assert output.endswith('everything that is needed is there\n')


def test_something_missing_gives_exit_code_1_and_is_named_last(monkeypatch, capsys):
    monkeypatch.setattr(doctor, 'inspect_machine', lambda: replace(HEALTHY, python=(3, 9)))
    monkeypatch.setattr(
        doctor, 'examine_round_trip', lambda: doctor.Finding(Status.OK, 'DDS round trip', 'fine')
    )
    assert doctor.main([]) == 1
    assert capsys.readouterr().out.endswith('missing: python\n')
