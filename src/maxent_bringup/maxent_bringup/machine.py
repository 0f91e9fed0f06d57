# SPDX-License-Identifier: Apache-2.0
"""Facts about the machine that `maxent doctor` judges: gathered here, judged in doctor.py."""

from __future__ import annotations

from collections.abc import Mapping
import ctypes.util
from dataclasses import dataclass
import importlib
import importlib.metadata
import os
from pathlib import Path
import shutil
import sys

# A representative of every package of interfaces that the system speaks.
INTERFACES = (
    'sensor_msgs.msg.JointState',
    'geometry_msgs.msg.PoseStamped',
    'std_msgs.msg.Empty',
    'std_srvs.srv.Trigger',
    'trajectory_msgs.msg.JointTrajectory',
    'lifecycle_msgs.srv.ChangeState',
    'diagnostic_msgs.msg.DiagnosticArray',
    'rosgraph_msgs.msg.Clock',
    'control_msgs.action.FollowJointTrajectory',
    'intera_core_msgs.msg.JointCommand',
    'maxent_msgs.msg.Step',
)
LIBRARIES = (
    'numpy',
    'torch',
    'mujoco',
    'gymnasium',
    'safetensors',
    'rosbags',
    'mcap',
    'rich',
    'matplotlib',
    'tensorboard',
    'psutil',
)
OWN_PACKAGES = (
    'maxent_rl',
    'maxent_robot',
    'maxent_ros',
    'maxent_policy_node',
    'maxent_learner',
    'sim_bridge',
)
BUILD_TOOLS = ('gcc', 'g++', 'make')


@dataclass(frozen=True)
class Machine:
    """What was found; a mapping to None means that the thing works."""

    python: tuple[int, int]
    environment: Mapping[str, str]
    missing_tools: tuple[str, ...]
    rclpy_prefixes: tuple[str, ...]  # ament prefixes that hold rclpy, the one in use first
    rclpy_error: str | None
    middleware: str | None  # the one that rclpy loaded
    interface_errors: Mapping[str, str | None]
    library_errors: Mapping[str, str | None]
    library_versions: Mapping[str, str]
    package_errors: Mapping[str, str | None]
    has_ros2_launch: bool
    has_egl: bool
    disk_free: int  # bytes, where runs are written
    shared_memory_free: int | None  # bytes of /dev/shm; None: there is none


def inspect_machine() -> Machine:
    """Look at this machine; imports what the system needs, so it takes some seconds."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    rclpy_error = _import_error('rclpy')
    shared_memory = Path('/dev/shm')
    return Machine(
        python=sys.version_info[:2],
        environment=dict(os.environ),
        missing_tools=tuple(tool for tool in BUILD_TOOLS if shutil.which(tool) is None),
        rclpy_prefixes=tuple(p for p in prefixes if p and Path(p, 'share/rclpy').is_dir()),
        rclpy_error=rclpy_error,
        middleware=None if rclpy_error else _middleware(),
        interface_errors={name: _interface_error(name) for name in INTERFACES},
        library_errors={name: _import_error(name) for name in LIBRARIES},
        library_versions={name: _version(name) for name in LIBRARIES},
        package_errors={name: _import_error(name) for name in OWN_PACKAGES},
        has_ros2_launch=_import_error('launch_ros') is None,
        has_egl=ctypes.util.find_library('EGL') is not None,
        disk_free=shutil.disk_usage(Path.cwd()).free,
        shared_memory_free=(
            shutil.disk_usage(shared_memory).free if shared_memory.is_dir() else None
        ),
    )


def _import_error(module: str) -> str | None:
    """Return why a module cannot be imported, on one line, or None."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a broken library may raise anything
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def _interface_error(name: str) -> str | None:
    """Return why an interface cannot be used, its C type support included, or None."""
    module, _, type_name = name.rpartition('.')
    try:
        interface = getattr(importlib.import_module(module), type_name)
        type(interface).__import_type_support__()
        if type(interface)._TYPE_SUPPORT is None:
            return 'its type support does not load; see the log above'
    except Exception as error:  # a broken library may raise anything
        return f'{type(error).__name__}: {error}'.splitlines()[0]
    return None


def _middleware() -> str | None:
    from rclpy.utilities import get_rmw_implementation_identifier

    try:
        return str(get_rmw_implementation_identifier())
    except RuntimeError:
        return None


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return '?'
