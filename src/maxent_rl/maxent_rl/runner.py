# SPDX-License-Identifier: Apache-2.0
"""A policy as a plain callable from numpy to numpy, and torch's process-wide settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor

from maxent_rl.heap import keep_freed_memory
from maxent_rl.policy import Policy


def configure_torch() -> None:
    """Let torch use one thread in this process; call it once at the start of a program.

    Networks of this size gain nothing from more threads, and waiting for a busy core costs tens
    of milliseconds (pytorch issue 13757). Memory of freed tensors is kept for the next ones.
    """
    torch.set_num_threads(1)
    keep_freed_memory()


class PolicyRunner:
    """Acts with a policy: `runner(obs) -> action`, the same actions for the same seed."""

    def __init__(self, policy: Policy, seed: int, deterministic: bool) -> None:
        """Keep a reference to `policy` (later changes to it are seen); noise comes from `seed`."""
        self.policy = policy
        self.deterministic = deterministic
        self.generator = torch.Generator().manual_seed(seed)
        self._noise: Tensor | None = None  # of the newest action of the episode

    def begin_episode(self) -> None:
        """Let exploration that has a memory forget the episode before."""
        self._noise = None

    def __call__(self, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an action (m,) in [-1, 1] for obs (n,), both float32.

        Raises:
            ValueError: wrong shape or an observation that is not finite.
        """
        if obs.shape != (self.policy.obs_dim,):
            raise ValueError(
                f'observation must have shape ({self.policy.obs_dim},), got {obs.shape}'
            )
        if not np.isfinite(obs).all():
            raise ValueError(f'observation must be finite, got {obs}')
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(obs, np.float32))
            if self.deterministic:
                action = self.policy.mode(tensor)
            else:
                self._noise = self.policy.draw_noise(self._noise, self.generator)
                action = self.policy.act(tensor, self._noise)
            result: NDArray[np.float32] = action.numpy()
            return result
