# SPDX-License-Identifier: Apache-2.0
"""SAC with images: it learns what only a picture shows, and goes on exactly."""

import numpy as np
import pytest
import torch

from maxent_rl.pixels import from_bytes
from maxent_rl.replay_buffer import ReplayBuffer
from maxent_rl.runner import configure_torch
from maxent_rl.sac import SAC, SACConfig

IMAGE, VECTOR = (12, 12, 3), 2
OBS_DIM = VECTOR + 12 * 12 * 3
CONFIG = SACConfig(hidden=(32, 32), batch_size=64, learning_rate=3e-3)


@pytest.fixture(autouse=True, scope='module')
def _one_thread():
    configure_torch()


def look(rng):
    """A view with a bright square somewhere, and the action it calls for: 0.6 to its side."""
    pixels = rng.integers(0, 90, IMAGE, dtype=np.uint8)
    row, column = rng.integers(0, 10), rng.choice([0, 1, 2, 7, 8, 9])
    pixels[row : row + 3, column : column + 3] = rng.integers(180, 256, 3)
    noise = rng.normal(size=VECTOR).astype(np.float32)  # which tells nothing
    obs = np.concatenate((noise, from_bytes(pixels).reshape(-1)))
    return obs, 0.6 if column > 4 else -0.6


def experience(count, seed=0):
    """Answers drawn at random, each rewarded by how near it comes to what is called for."""
    buffer, rng = ReplayBuffer(2 * count, OBS_DIM, 1, IMAGE), np.random.default_rng(seed)
    for _ in range(count):
        obs, wanted = look(rng)
        action = rng.uniform(-1.0, 1.0, 1)
        buffer.begin(obs)
        buffer.add(action, -float((action[0] - wanted) ** 2), look(rng)[0], True, False)
    return buffer


def test_it_learns_a_task_whose_reward_depends_only_on_what_the_image_shows():
    buffer, rng = experience(800), np.random.default_rng(1)
    sac = SAC(OBS_DIM, 1, CONFIG, 0, IMAGE)
    for _ in range(400):
        sac.update(buffer.sample(64, rng))
    views = [look(rng) for _ in range(300)]  # none of them seen before
    obs, wanted = torch.from_numpy(np.stack([v[0] for v in views])), [v[1] for v in views]
    with torch.no_grad():
        error = (sac.policy.mode(obs)[:, 0] - torch.tensor(wanted)).abs()
    assert error.mean() < 0.2  # without the image nothing is better than 0.6
    assert (error < 0.6).float().mean() > 0.95  # on the right side


def test_the_gradient_reaches_every_encoder_and_its_targets_follow():
    sac, rng = SAC(OBS_DIM, 1, CONFIG, 0, IMAGE), np.random.default_rng(0)
    before, _ = sac.state()
    buffer = experience(100)
    for _ in range(3):  # in the first, the last layers let next to nothing pass
        sac.update(buffer.sample(64, rng))
    after, _ = sac.state()
    names = [name for name in before if '.encoder.' in name]
    assert len(names) == 5 * 2 * 2  # policy, q1, q2 and targets: two layers, weight and bias
    assert all(not torch.equal(before[name], after[name]) for name in names)


def test_a_resumed_learner_is_bitwise_the_one_that_was_never_interrupted():
    buffer = experience(50)
    straight, rng = SAC(OBS_DIM, 1, CONFIG, 0, IMAGE), np.random.default_rng(5)
    for _ in range(10):
        straight.update(buffer.sample(64, rng))

    first, rng = SAC(OBS_DIM, 1, CONFIG, 0, IMAGE), np.random.default_rng(5)
    for _ in range(5):
        first.update(buffer.sample(64, rng))
    second, restored = SAC(OBS_DIM, 1, CONFIG, 9, IMAGE), ReplayBuffer(100, OBS_DIM, 1, IMAGE)
    second.load_state(*first.state())
    restored.load_state(buffer.state())
    for _ in range(5):
        second.update(restored.sample(64, rng))
    wanted, _ = straight.state()
    found, _ = second.state()
    assert [name for name in wanted if not torch.equal(wanted[name], found[name])] == []


def test_the_state_of_a_learner_without_images_is_refused():
    blind, seeing = SAC(OBS_DIM, 1, CONFIG, 0), SAC(OBS_DIM, 1, CONFIG, 0, IMAGE)
    with pytest.raises(ValueError, match='encoder'):
        seeing.load_state(*blind.state())
