# SPDX-License-Identifier: Apache-2.0
"""Replay buffer: a ring of observations, each stored once, that yields transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
import torch
from torch import Tensor

from maxent_rl.pixels import from_bytes, pixel_count, to_bytes


class Batch(NamedTuple):
    """B transitions as float32 tensors.

    `terminated` is 1 where the episode ended in a terminal state (do not bootstrap), 0 elsewhere,
    truncated episodes included.
    """

    obs: Tensor  # (B, n)
    action: Tensor  # (B, m), normalised
    reward: Tensor  # (B,)
    next_obs: Tensor  # (B, n)
    terminated: Tensor  # (B,) 0 or 1


def check_batch(batch: Batch, obs_dim: int, act_dim: int) -> None:
    """Raise ValueError, naming the tensor, unless a batch fits a learner of these dimensions."""
    size = batch.obs.shape[0]
    obs, action = (size, obs_dim), (size, act_dim)
    wanted = (obs, action, (size,), obs, (size,))
    for name, tensor, shape in zip(Batch._fields, batch, wanted, strict=True):
        if tensor.shape != shape:
            raise ValueError(f'batch {name} must have shape {shape}, got {tuple(tensor.shape)}')


class ReplayBuffer:
    """Ring of slots (observation, the action that led to it, reward, flags, first of segment).

    A transition ends in every slot that is not the first of its segment and whose predecessor is
    still stored. Transitions come and go in order, so their slots form a queue: sampling picks
    from it uniformly in O(batch), and overwriting a slot drops the transition that starts there.
    `capacity` counts observations; a segment of k steps takes k + 1. The image that ends an
    observation is kept as bytes, a quarter of its size, and comes back the same to the bit.
    """

    def __init__(
        self, capacity: int, obs_dim: int, act_dim: int, image: Sequence[int] = ()
    ) -> None:
        """Reserve memory lazily.

        `image` is the shape (h, w, c) of the image that ends an observation, () without one.

        Raises:
            ValueError: capacity below 2, a dimension below 1 or an image that does not fit.
        """
        if capacity < 2 or obs_dim < 1 or act_dim < 1:
            raise ValueError(
                'replay buffer needs capacity >= 2 and dimensions >= 1, got '
                f'capacity {capacity}, obs_dim {obs_dim}, act_dim {act_dim}'
            )
        pixels = pixel_count(image)
        if pixels > obs_dim:
            raise ValueError(f'an image {tuple(image)} does not fit into obs_dim {obs_dim}')
        self.capacity = capacity
        self._obs_dim = obs_dim
        self._obs = np.zeros((capacity, obs_dim - pixels), np.float32)  # all but the image
        self._image = np.zeros((capacity, pixels), np.uint8)
        self._action = np.zeros((capacity, act_dim), np.float32)
        self._reward = np.zeros(capacity, np.float32)
        self._terminated = np.zeros(capacity, np.bool_)
        self._truncated = np.zeros(capacity, np.bool_)
        self._first = np.zeros(capacity, np.bool_)
        self._queue = np.zeros(capacity, np.int64)  # slots in which a transition ends
        self._head = 0  # position of the oldest transition in the queue
        self._transitions = 0
        self._cursor = 0  # slot written next
        self._stored = 0  # slots in use
        self._open = False  # whether the newest segment may go on

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""
        return self._transitions

    def begin(self, obs: ArrayLike) -> None:
        """Start an episode segment at obs (n,); an unfinished segment is cut without a flag.

        Raises:
            ValueError: wrong shape, a value that is not finite or a pixel that is not n/255.
        """
        self._write(*self._parts(obs), first=True)
        self._open = True

    def add(
        self,
        action: ArrayLike,
        reward: float,
        obs: ArrayLike,
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Append the step that `action` (m,) made from the newest observation to `obs` (n,).

        Raises:
            ValueError: wrong shape, a value that is not finite or a pixel that is not n/255;
                nothing is stored.
            RuntimeError: no segment is open (call `begin` first).
        """
        if not self._open:
            raise RuntimeError('no open segment in the replay buffer: call begin(obs) first')
        checked_action = self._checked('action', action, self._action.shape[1])
        parts = self._parts(obs)
        if not np.isfinite(np.float32(reward)):
            raise ValueError(f'reward must be finite in float32, got {reward}')
        slot = self._write(*parts, first=False)
        self._action[slot] = checked_action
        self._reward[slot] = reward
        self._terminated[slot] = terminated
        self._truncated[slot] = truncated
        self._enqueue(slot)
        self._open = not (terminated or truncated)

    def sample(self, batch_size: int, rng: np.random.Generator) -> Batch:
        """Draw transitions uniformly with replacement.

        Raises:
            ValueError: batch_size below 1 or no transition stored.
        """
        if batch_size < 1 or self._transitions == 0:
            raise ValueError(
                f'cannot sample {batch_size} of {self._transitions} stored transitions'
            )
        k = rng.integers(0, self._transitions, size=batch_size)
        end = self._queue[(self._head + k) % self.capacity]
        return Batch(
            obs=self._observations(end - 1),  # slot -1 is the last: the ring's own wrap
            action=torch.from_numpy(self._action[end]),
            reward=torch.from_numpy(self._reward[end]),
            next_obs=self._observations(end),
            terminated=torch.from_numpy(self._terminated[end].astype(np.float32)),
        )

    def observations(self, count: int, rng: np.random.Generator) -> Tensor:
        """Draw observations (k, n) uniformly without replacement; all if there are fewer."""
        k = min(count, self._stored)
        return self._observations(rng.choice(self._stored, k, replace=False))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Copy the content, oldest slot first: what `load_state` needs to go on exactly."""
        order = (self._cursor - self._stored + np.arange(self._stored)) % self.capacity
        columns = self._columns()
        content: dict[str, NDArray[np.generic]] = {k: v[order] for k, v in columns.items()}
        content['capacity'] = np.array([self.capacity], np.int64)
        content['open'] = np.array([self._open], np.bool_)
        return content

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Replace the content by a state of a buffer of the same capacity and dimensions.

        Raises:
            ValueError: a name, shape, dtype or the capacity differs; nothing is changed.
        """
        columns = self._columns()
        wanted = {*columns, 'capacity', 'open'}
        if state.keys() != wanted:
            raise ValueError(f'buffer state: missing or unknown {sorted(state.keys() ^ wanted)}')
        capacity = state['capacity'].item()
        if capacity != self.capacity:
            raise ValueError(f'buffer state has capacity {capacity}, this has {self.capacity}')
        stored = len(state['reward'])
        for name, column in columns.items():
            given = state[name]
            if given.shape != (stored, *column.shape[1:]) or given.dtype != column.dtype:
                raise ValueError(
                    f'buffer state {name}: expected {(stored, *column.shape[1:])} '
                    f'{column.dtype}, got {given.shape} {given.dtype}'
                )
        if stored > self.capacity:
            raise ValueError(f'buffer state holds {stored} slots, capacity is {self.capacity}')
        for name, column in columns.items():
            column[:stored] = state[name]
        self._stored, self._cursor = stored, stored % self.capacity
        ends = np.flatnonzero(~self._first[:stored])
        ends = ends[ends > 0]  # the oldest slot's predecessor is gone
        self._head, self._transitions = 0, len(ends)
        self._queue[: len(ends)] = ends
        self._open = bool(state['open'].item())

    def _observations(self, slots: NDArray[np.int64]) -> Tensor:
        """Whole observations (k, n) in slots (k,)."""
        vectors = self._obs[slots]
        if self._image.shape[1] == 0:
            return torch.from_numpy(vectors)
        return torch.from_numpy(np.hstack((vectors, from_bytes(self._image[slots]))))

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        image: dict[str, NDArray[np.generic]] = {}
        if self._image.shape[1] > 0:
            image['image'] = self._image
        return {
            **image,
            'obs': self._obs,
            'action': self._action,
            'reward': self._reward,
            'terminated': self._terminated,
            'truncated': self._truncated,
            'first': self._first,
        }

    def _parts(self, obs: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Numbers and bytes of an observation (n,), checked."""
        checked = self._checked('observation', obs, self._obs_dim)
        numbers, pixels = np.split(checked, [self._obs.shape[1]])
        return numbers, to_bytes(pixels)

    def _checked(self, what: str, value: ArrayLike, size: int) -> NDArray[np.float32]:
        array = np.asarray(value, np.float32)
        if array.shape != (size,):
            raise ValueError(f'{what} must have shape ({size},), got {array.shape}')
        if not np.isfinite(array).all():
            raise ValueError(f'{what} must be finite in float32, got {array}')
        return array

    def _write(self, obs: NDArray[np.float32], image: NDArray[np.uint8], first: bool) -> int:
        slot = self._cursor
        following = (slot + 1) % self.capacity
        if self._transitions > 0 and self._queue[self._head] == following:
            # The oldest transition started in the slot that is now overwritten.
            self._head = (self._head + 1) % self.capacity
            self._transitions -= 1
        self._obs[slot] = obs
        self._image[slot] = image
        self._first[slot] = first
        self._action[slot] = 0.0
        self._reward[slot] = 0.0
        self._terminated[slot] = False
        self._truncated[slot] = False
        self._cursor = following
        self._stored = min(self._stored + 1, self.capacity)
        return slot

    def _enqueue(self, slot: int) -> None:
        self._queue[(self._head + self._transitions) % self.capacity] = slot
        self._transitions += 1
