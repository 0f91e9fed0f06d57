# SPDX-License-Identifier: Apache-2.0
"""Maximum-entropy reinforcement learning: SAC, replay, skills. Knows no robot and no ROS."""

from maxent_rl.acceptance import PolicySpec, VersionGate, accept_policy
from maxent_rl.algorithms import ALGORITHMS, make_algorithm
from maxent_rl.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_newest_checkpoint,
    save_checkpoint,
)
from maxent_rl.networks import QFunction, TanhGaussianPolicy
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.sac import SAC, DivergedError, SACConfig
from maxent_rl.skill import (
    Skill,
    SkillError,
    SkillMetadata,
    list_skills,
    load_skill,
    save_skill,
    skill_folder,
)
from maxent_rl.weights import MAX_PAYLOAD_BYTES, WeightsRejected, decode, encode

__all__ = [
    'ALGORITHMS',
    'MAX_PAYLOAD_BYTES',
    'SAC',
    'Batch',
    'Checkpoint',
    'CheckpointError',
    'DivergedError',
    'PolicyRunner',
    'PolicySpec',
    'QFunction',
    'ReplayBuffer',
    'SACConfig',
    'Skill',
    'SkillError',
    'SkillMetadata',
    'TanhGaussianPolicy',
    'VersionGate',
    'WeightsRejected',
    'accept_policy',
    'configure_torch',
    'decode',
    'encode',
    'list_skills',
    'load_newest_checkpoint',
    'load_skill',
    'make_algorithm',
    'save_checkpoint',
    'save_skill',
    'skill_folder',
]
