# SPDX-License-Identifier: Apache-2.0
"""Maximum-entropy reinforcement learning and composition of skills. Knows no robot and no ROS."""

from maxent_rl.acceptance import PolicySpec, VersionGate, accept_policy
from maxent_rl.algorithms import ALGORITHMS, make_algorithm
from maxent_rl.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_newest_checkpoint,
    save_checkpoint,
)
from maxent_rl.composition import Composition, CompositionError, compose
from maxent_rl.composition_report import CompositionReport, report
from maxent_rl.ddpg import DDPG, DDPGConfig
from maxent_rl.diverged import DivergedError
from maxent_rl.divergence import divergences, estimate_gap
from maxent_rl.extraction import EXTRACTORS
from maxent_rl.extraction_config import ExtractionConfig
from maxent_rl.immediate import immediate_policy
from maxent_rl.naf import NAF, NAFConfig
from maxent_rl.networks import QFunction, TanhGaussianPolicy
from maxent_rl.policy import Policy
from maxent_rl.replay_buffer import Batch, ReplayBuffer
from maxent_rl.runner import PolicyRunner, configure_torch
from maxent_rl.sac import SAC, SACConfig
from maxent_rl.skill import (
    Skill,
    SkillError,
    SkillMetadata,
    list_skills,
    load_skill,
    save_skill,
    skill_folder,
)
from maxent_rl.soft_q import SoftQ, SoftQConfig
from maxent_rl.weights import MAX_PAYLOAD_BYTES, WeightsRejected, decode, encode

__all__ = [
    'ALGORITHMS',
    'DDPG',
    'EXTRACTORS',
    'MAX_PAYLOAD_BYTES',
    'NAF',
    'SAC',
    'Batch',
    'Checkpoint',
    'CheckpointError',
    'Composition',
    'CompositionError',
    'CompositionReport',
    'DDPGConfig',
    'DivergedError',
    'ExtractionConfig',
    'NAFConfig',
    'Policy',
    'PolicyRunner',
    'PolicySpec',
    'QFunction',
    'ReplayBuffer',
    'SACConfig',
    'Skill',
    'SkillError',
    'SkillMetadata',
    'SoftQ',
    'SoftQConfig',
    'TanhGaussianPolicy',
    'VersionGate',
    'WeightsRejected',
    'accept_policy',
    'compose',
    'configure_torch',
    'decode',
    'divergences',
    'encode',
    'estimate_gap',
    'immediate_policy',
    'list_skills',
    'load_newest_checkpoint',
    'load_skill',
    'make_algorithm',
    'report',
    'save_checkpoint',
    'save_skill',
    'skill_folder',
]
