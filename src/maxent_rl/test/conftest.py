# SPDX-License-Identifier: Apache-2.0
"""One thread for torch; untrained skills and known densities for the tests of composition."""

from dataclasses import replace
import math

import pytest
import torch

from maxent_rl.algorithms import make_algorithm
from maxent_rl.composition import Constituent
from maxent_rl.networks import TanhGaussianPolicy
from maxent_rl.pixels import pixel_count
from maxent_rl.runner import configure_torch
from maxent_rl.skill import Skill, SkillMetadata

configure_torch()  # on a busy machine, threads that wait for each other take minutes


def _untrained_skill(
    name, algorithm='sac', seed=0, hidden=(16, 16), layer_norm=True, image=(), **changes
):
    options = {'hidden': hidden, 'layer_norm': layer_norm}
    pixels = pixel_count(image)
    learner = make_algorithm(algorithm, 5 + pixels, 2, options, seed, image)
    camera = ({'name': 'camera', 'size': pixels, 'shape': image},) if image else ()
    tensors = learner.skill_tensors()
    generator = torch.Generator().manual_seed(seed)
    for key in tensors:  # fresh last layers are next to zero: all skills would be the same
        if key.startswith('q') and '.layers.2.' in key:
            tensors[key] = torch.randn(tensors[key].shape, generator=generator) * 0.3
    metadata = SkillMetadata(
        name=name,
        robot='sawyer',
        task='reach',
        algorithm=algorithm,
        temperature=learner.temperature,
        discount=0.98,
        layout=({'name': 'position', 'size': 2}, {'name': 'tip', 'size': 3}, *camera),
        layout_hash='0123456789abcdef',
        action_mode='torque',
        action_joints=('j0', 'j1'),
        action_scale=(4.0, 3.5),
        hidden=hidden,
        layer_norm=layer_norm,
        limits={'effort': [80.0, 40.0], 'velocity': [1.5, 2.0]},
        metrics={},
        provenance={'seed': seed},
        created='2026-11-23T14:00:00+00:00',
    )
    return Skill(replace(metadata, **changes), tensors)


def _gaussian_policy(mean, std, obs_dim=1):
    """A tanh-Gaussian of the same mean and standard deviation (before tanh) in every state."""
    policy = TanhGaussianPolicy(obs_dim, len(mean), (4,)).requires_grad_(False)
    policy.layers[-1].weight.zero_()
    policy.layers[-1].bias.copy_(torch.tensor([*mean, *(math.log(s) for s in std)]))
    return policy


def _gaussian_constituent(name, mean, std, temperature=1.0):
    """A skill whose Q, up to a constant, is its temperature times a Gaussian's log-density."""
    mean, std = torch.tensor(mean), torch.tensor(std)

    def q(obs, action):
        return -0.5 * temperature * ((action - mean) / std).square().sum(dim=-1)

    return Constituent(name, _gaussian_policy(mean.tolist(), std.tolist()), q, temperature)


@pytest.fixture
def untrained_skill():
    """Make a skill of 5 observations, an image or none, and 2 actions: (name, ...) -> Skill."""
    return _untrained_skill


@pytest.fixture
def gaussian_policy():
    """Make a tanh-Gaussian policy that disregards its observation: (mean, std) -> policy."""
    return _gaussian_policy


@pytest.fixture
def gaussian_constituent():
    """Make a constituent with a quadratic Q: (name, mean, std, temperature) -> Constituent."""
    return _gaussian_constituent
