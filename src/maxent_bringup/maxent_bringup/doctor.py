# SPDX-License-Identifier: Apache-2.0
"""`maxent doctor`: what is there, what is missing and how to get it, and does DDS work.

`examine` judges the facts of machine.py and prints nothing; `main` prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from maxent_bringup.machine import Machine, inspect_machine

GIB = 2**30
MIB = 2**20
SETUP = 'run `make setup` in the checkout, then `. ./setup.bash`'
TESTED_MIDDLEWARE = 'rmw_fastrtps_cpp'


class Status(Enum):
    """How a finding bears on the system; the value is what is printed."""

    OK = 'ok'
    NOTE = 'note'  # works, but worth knowing
    MISSING = 'MISSING'  # does not work without it


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    status: Status
    subject: str
    text: str
    remedy: str = ''


def examine(machine: Machine) -> list[Finding]:
    """Judge a machine by its facts."""
    return [
        *_python(machine),
        *_build_tools(machine),
        *_ros(machine),
        *_middleware(machine),
        *_modules(machine),
        *_domain(machine),
        *_space(machine),
        *_optional(machine),
    ]


def _python(machine: Machine) -> Iterator[Finding]:
    text = '.'.join(map(str, machine.python))
    if machine.python in {(3, 11), (3, 12)}:
        yield Finding(Status.OK, 'python', text)
    else:
        yield Finding(
            Status.MISSING,
            'python',
            f'{text}, but ROS 2 Jazzy needs 3.11 or 3.12',
            'make clean && make setup PYTHON=python3.12',
        )


def _build_tools(machine: Machine) -> Iterator[Finding]:
    if machine.missing_tools:
        text = f'no {", ".join(machine.missing_tools)}: message types cannot be built anew'
        yield Finding(Status.NOTE, 'compiler', text, 'sudo apt install build-essential')
    else:
        yield Finding(Status.OK, 'compiler', 'gcc, g++, make')


def _ros(machine: Machine) -> Iterator[Finding]:
    if machine.rclpy_error is not None:
        yield Finding(Status.MISSING, 'ROS 2', machine.rclpy_error, SETUP)
    elif not machine.rclpy_prefixes:
        text = 'AMENT_PREFIX_PATH names no ROS installation'
        yield Finding(Status.MISSING, 'ROS 2', text, SETUP)
    elif len(machine.rclpy_prefixes) > 1:
        text = f'two installations in one shell: {", ".join(machine.rclpy_prefixes)}'
        remedy = 'open a shell with one of them; `make setup` follows the one that is sourced'
        yield Finding(Status.MISSING, 'ROS 2', text, remedy)
    else:
        prefix = machine.rclpy_prefixes[0]
        kind = 'wheels in' if prefix.endswith('.venv') else 'installation'
        yield Finding(Status.OK, 'ROS 2', f'{kind} {prefix}')


def _middleware(machine: Machine) -> Iterator[Finding]:
    if machine.middleware is None:
        wanted = machine.environment.get('RMW_IMPLEMENTATION', 'the default')
        yield Finding(Status.MISSING, 'middleware', f'{wanted} does not load', SETUP)
    elif machine.middleware == TESTED_MIDDLEWARE:
        yield Finding(Status.OK, 'middleware', machine.middleware)
    else:
        text = f'{machine.middleware}; {TESTED_MIDDLEWARE} is what is tested'
        remedy = f'export RMW_IMPLEMENTATION={TESTED_MIDDLEWARE}'
        yield Finding(Status.NOTE, 'middleware', text, remedy)


def _modules(machine: Machine) -> Iterator[Finding]:
    for name, error in machine.interface_errors.items():
        package, _, type_name = name.partition('.')
        status = Status.OK if error is None else Status.MISSING
        yield Finding(status, package, type_name if error is None else error, SETUP)
    for name, error in machine.library_errors.items():
        status = Status.OK if error is None else Status.MISSING
        text = machine.library_versions[name] if error is None else error
        yield Finding(status, name, text, SETUP)
    for name, error in machine.package_errors.items():
        status = Status.OK if error is None else Status.MISSING
        yield Finding(status, name, 'importable' if error is None else error, SETUP)


def _domain(machine: Machine) -> Iterator[Finding]:
    text = machine.environment.get('ROS_DOMAIN_ID', '0')
    # Linux takes ports above domain 101's for outgoing connections (ROS 2 documentation,
    # 'The ROS_DOMAIN_ID'): two programs may then want one port.
    if not text.isdecimal() or int(text) > 232:
        text = f'{text!r} is not a number from 0 to 232'
        yield Finding(Status.MISSING, 'ROS_DOMAIN_ID', text, 'export ROS_DOMAIN_ID=0')
    elif int(text) > 101:
        text = f'{text}: above 101, ports may be taken by other programs'
        yield Finding(Status.NOTE, 'ROS_DOMAIN_ID', text, 'export ROS_DOMAIN_ID=0')
    else:
        yield Finding(Status.OK, 'ROS_DOMAIN_ID', text)
    reach = machine.environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    if reach == 'LOCALHOST':
        text = 'LOCALHOST: a robot elsewhere in the network is not seen'
        remedy = 'for a robot: export ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET'
        yield Finding(Status.OK, 'discovery', text, remedy)
    else:
        yield Finding(Status.OK, 'discovery', reach)


def _space(machine: Machine) -> Iterator[Finding]:
    free = machine.disk_free / GIB
    status = Status.OK if free >= 2 else Status.NOTE if free >= 0.2 else Status.MISSING
    remedy = 'a training run takes up to 0.2 GiB, a recorded one more: make room'
    yield Finding(status, 'disk', f'{free:.1f} GiB free here', remedy)
    if machine.shared_memory_free is None:
        text = 'there is no /dev/shm: DDS falls back to UDP, large messages are slower'
        yield Finding(Status.NOTE, 'shared memory', text, 'mount a tmpfs there')
        return
    free = machine.shared_memory_free / MIB
    status = Status.OK if free >= 128 else Status.NOTE
    remedy = 'DDS needs some MiB for each process; in a container: --shm-size=512m'
    yield Finding(status, 'shared memory', f'{free:.0f} MiB free in /dev/shm', remedy)


def _optional(machine: Machine) -> Iterator[Finding]:
    if machine.has_ros2_launch:
        yield Finding(Status.OK, 'ros2 launch', 'installed')
    else:
        text = 'not installed (no wheels exist): `maxent up` does the same'
        yield Finding(Status.NOTE, 'ros2 launch', text, 'to have it: ROS 2 Jazzy from apt')
    if machine.has_egl:
        yield Finding(Status.OK, 'EGL', 'found: MuJoCo can draw without a screen')
    else:
        text = 'not found: MuJoCo cannot draw without a screen; learning does not need it'
        yield Finding(Status.NOTE, 'EGL', text, 'sudo apt install libegl1')


def examine_round_trip() -> Finding:
    """Make round trips over DDS to a second process."""
    remedy = (
        'look for a firewall on the loopback device, a full /dev/shm, or a wrong '
        'RMW_IMPLEMENTATION'
    )
    try:
        from maxent_bringup import round_trip

        result = round_trip.measure()
    except Exception as error:  # whatever ails ROS is a finding, not a crash
        text = f'{type(error).__name__}: {error}'
        return Finding(Status.MISSING, 'DDS round trip', text, remedy)
    text = (
        f'{result.count} between two processes: median {1e3 * result.median:.2f} ms, '
        f'worst {1e3 * result.worst:.2f} ms, found each other in {result.discovery:.1f} s'
    )
    return Finding(Status.OK, 'DDS round trip', text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print all findings; returns 0 if nothing is missing, else 1."""
    argparse.ArgumentParser(prog='maxent doctor', description=__doc__).parse_args(arguments)
    findings = []
    for finding in examine(inspect_machine()):
        findings.append(finding)
        _print(finding)
    findings.append(examine_round_trip())
    _print(findings[-1])
    missing = [finding.subject for finding in findings if finding.status is Status.MISSING]
    print(f'missing: {", ".join(missing)}' if missing else 'everything that is needed is there')
    return 1 if missing else 0


def _print(finding: Finding) -> None:
    print(f'{finding.status.value:<8}{finding.subject:<20}{finding.text}', flush=True)
    if finding.remedy and finding.status is not Status.OK:
        print(f'{"":<28}-> {finding.remedy}', flush=True)
