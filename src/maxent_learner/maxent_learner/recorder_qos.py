# SPDX-License-Identifier: Apache-2.0
"""Quality of service with which a recorder hears all publishers of a topic."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

from maxent_ros import qos


def matching_qos(publishers: Sequence[TopicEndpointInfo]) -> QoSProfile:
    """Return the strictest profile that still hears every one of the publishers."""
    reliable = all(
        each.qos_profile.reliability == ReliabilityPolicy.RELIABLE for each in publishers
    )
    latched = is_latched(publishers)
    return QoSProfile(
        depth=qos.EXPERIENCE.depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def is_latched(publishers: Sequence[TopicEndpointInfo]) -> bool:
    """Whether all of them keep their newest messages for who comes late."""
    return all(
        each.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in publishers
    )


def is_stricter(used: QoSProfile, needed: QoSProfile) -> bool:
    """Whether a subscription with one profile does not hear what the other one would."""
    is_too_reliable = needed.reliability == ReliabilityPolicy.BEST_EFFORT != used.reliability
    is_too_durable = needed.durability == DurabilityPolicy.VOLATILE != used.durability
    return bool(is_too_reliable or is_too_durable)


def to_rosbags(profile: QoSProfile) -> Qos:
    """Return a profile as `rosbags` has it."""
    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        _to_time(profile.deadline),
        _to_time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        _to_time(profile.liveliness_lease_duration),
        profile.avoid_ros_namespace_conventions,
    )


def _to_time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 1_000_000_000))
