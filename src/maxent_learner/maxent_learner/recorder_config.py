# SPDX-License-Identifier: Apache-2.0
"""What the recorder may be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maxent_ros import qos, topics

SYSTEM_TOPICS = (
    topics.CLOCK,
    topics.JOINT_STATES,
    topics.JOINT_STATE_PUBLISH_RATE,
    topics.ENDPOINT_STATE,
    topics.ROBOT_STATE,
    topics.JOINT_LIMITS,
    topics.JOINT_COMMAND,
    topics.SET_SPEED_RATIO,
    topics.JOINT_COMMAND_TIMEOUT,
    topics.SET_SUPER_ENABLE,
    topics.SET_SUPER_STOP,
    topics.SET_SUPER_RESET,
    topics.MINITAUR_JOINT,
    topics.MINITAUR_JOINT_URDF,
    topics.MINITAUR_IMU,
    topics.MINITAUR_ODOMETRY,
    topics.MINITAUR_POSE,
    topics.MINITAUR_COMMAND,
    topics.MINITAUR_LEG_COMMAND,
    topics.MINITAUR_CMD_VEL,
    topics.MINITAUR_SET_BEHAVIOR_ID,
    topics.MINITAUR_SET_BEHAVIOR_MODE,
    topics.MINITAUR_BEHAVIOR_ID,
    topics.MINITAUR_BEHAVIOR_MODE,
    topics.MINITAUR_BATTERY,
    topics.DCLAW_JOINT_STATES,
    topics.DCLAW_VALVE,
    topics.DCLAW_VALVE_GOAL,
    topics.DCLAW_IMAGE,
    topics.DCLAW_CAMERA_INFO,
    topics.DCLAW_COMMAND,
    topics.POLICY_ACTION,
    topics.STEP,
    topics.APPLIED_COMMAND,
    topics.SAFETY_STATUS,
    topics.EMERGENCY_STOP,
    topics.LEARNER_STATUS,
    topics.POLICY_CHUNK,
    topics.GOAL,
    topics.DIAGNOSTICS,
    '/rosout',
)
# A latched topic holds its publisher's newest message. DDS does not say where that are more.
LATCHED_DEPTHS = {topics.POLICY_CHUNK: qos.WEIGHTS.depth}
MEGABYTE = 1e6


def setting(default: Any, doc: str, minimum: float | None = None) -> Any:
    """Return a dataclass field with the metadata that becomes the ROS parameter's description."""
    return field(default=default, metadata={'doc': doc, 'minimum': minimum})


@dataclass(frozen=True)
class RecorderConfig:
    """Settings of the recorder. Raises ValueError naming the one that cannot be."""

    folder: str = setting('bag', 'rosbag2 folder to make; if it exists, a number is added')
    topics: tuple[str, ...] = setting(
        SYSTEM_TOPICS, 'topics to record once somebody publishes them, relative to the namespace'
    )
    about: tuple[str, ...] = setting(
        (), "what is recorded as 'name=value', such as 'robot=sawyer'; about.json keeps it"
    )
    split_megabytes: float = setting(
        0.0, 'a new file is begun when one has so many; 0: never', 0.0
    )
    split_seconds: float = setting(
        0.0, 'a new file is begun when one holds so many; 0: never', 0.0
    )
    minimum_free_megabytes: float = setting(
        1000.0, 'the bag is closed when less than this is left on the disk', 0.0
    )
    queue_megabytes: float = setting(
        64.0, 'messages that may await writing; what comes beyond them is dropped and counted', 0.0
    )

    def __post_init__(self) -> None:
        for text in self.about:
            if text and not text.partition('=')[1]:
                raise ValueError(f"about is {text!r}; it must have the form 'name=value'")

    @property
    def about_values(self) -> dict[str, str]:
        """What is recorded, value by name."""
        parts = (text.partition('=') for text in self.about if text)
        return {name: value for name, _, value in parts}
