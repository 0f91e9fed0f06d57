# SPDX-License-Identifier: Apache-2.0
"""Replay buffer: a ring of observations, each stored once, that yields transitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
import torch
from torch import Tensor

from maxent_rl.pixels import from_bytes, pixel_count, to_bytes

Columns = Mapping[str, NDArray[np.generic]]  # name to (slots, ...)


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


def join(batches: Sequence[Batch]) -> Batch:
    """Return batches as one, in their order."""
    return Batch(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))


class ReplayBuffer:
    """Ring of slots (observation, the action that led to it, reward, flags, first of segment).

    A transition ends in every slot that is not the first of its segment and whose predecessor is
    still stored. Transitions come and go in order, so their slots form a queue: sampling picks
    from it uniformly in O(batch), and overwriting a slot drops the transition that starts there.
    `capacity` counts observations; a segment of k steps takes k + 1. The image that ends an
    observation is kept as bytes, a quarter of its size, and comes back the same to the bit.

    Slots are numbered as they are written, from 0: slot n lies at n % capacity.
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
        self._policy_version = np.zeros(capacity, np.int64)
        self._queue = np.zeros(capacity, np.int64)  # slots in which a transition ends
        self._head = 0  # position of the oldest transition in the queue
        self._transitions = 0
        self._written = 0  # slots written so far, or the number of the next one
        self._stored = 0  # of these are in the ring
        self._open = False  # whether the newest segment may go on

    def __len__(self) -> int:
        """Return the number of transitions that can be sampled."""
        return self._transitions

    @property
    def written(self) -> int:
        """Slots written so far, those that are overwritten by now included."""
        return self._written

    @property
    def oldest(self) -> int:
        """Number of the oldest slot still stored; `written` if there is none."""
        return self._written - self._stored

    @property
    def is_open(self) -> bool:
        """Whether the newest segment may go on."""
        return self._open

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
        policy_version: int = 0,
    ) -> None:
        """Append the step that `action` (m,) made from the newest observation to `obs` (n,).

        `policy_version` says which policy chose the action; it is kept, and not sampled.

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
        self._policy_version[slot] = policy_version
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
        content = self.slots(self.oldest, self._written)
        content['capacity'] = np.array([self.capacity], np.int64)
        content['written'] = np.array([self._written], np.int64)
        content['open'] = np.array([self._open], np.bool_)
        return content

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Replace the content by a state of a buffer of the same capacity and dimensions.

        Raises:
            ValueError: a name, shape, dtype or the capacity differs; nothing is changed.
        """
        columns = {k: v for k, v in state.items() if k not in ('capacity', 'written', 'open')}
        missing = {'capacity', 'written', 'open'} - state.keys()
        if missing:
            raise ValueError(f'buffer state: missing {sorted(missing)}')
        capacity = state['capacity'].item()
        if capacity != self.capacity:
            raise ValueError(f'buffer state has capacity {capacity}, this has {self.capacity}')
        stored = self._count(columns)
        if stored > self.capacity:
            raise ValueError(f'buffer state holds {stored} slots, capacity is {self.capacity}')
        written = int(state['written'].item())
        oldest = written - stored
        self.restore([(oldest, columns)], oldest, written, bool(state['open'].item()))

    def slots(self, start: int, stop: int) -> dict[str, NDArray[np.generic]]:
        """Copy the columns of slots number `start` to before `stop`, which must be stored."""
        places = np.arange(start, stop) % self.capacity
        return {name: column[places] for name, column in self._columns().items()}

    def restore(
        self, blocks: Iterable[tuple[int, Columns]], oldest: int, written: int, is_open: bool
    ) -> int:
        """Replace the content by slots number `oldest` to before `written`.

        Args:
            blocks: number of the first slot, and the columns that `slots` returned; ascending.
            oldest: number of the first slot wanted; what is before it is left out.
            written: number after the last one wanted; what is behind it is left out.
            is_open: whether the newest segment may go on.

        Returns:
            How many slots were missing. A new segment begins behind a hole, so no transition
            crosses it, and the slots behind it are numbered anew, as if it were not there.

        Raises:
            ValueError: a block that does not fit; the content is then that of the blocks before.
        """
        self._written, self._stored = oldest, 0
        expected = oldest
        for number, columns in blocks:
            start, stop = max(expected, number), min(number + self._count(columns), written)
            if start < stop:
                part = {
                    name: each[start - number : stop - number] for name, each in columns.items()
                }
                self._append(part, follows=start == expected)
                expected = stop
        self._open = is_open and expected == written
        self._queue_up()
        return written - oldest - self._stored

    def _observations(self, slots: NDArray[np.int64]) -> Tensor:
        """Whole observations (k, n) in slots (k,)."""
        vectors = self._obs[slots]
        if self._image.shape[1] == 0:
            return torch.from_numpy(vectors)
        return torch.from_numpy(np.hstack((vectors, from_bytes(self._image[slots]))))

    def _count(self, columns: Columns) -> int:
        """Slots of which these are the columns; ValueError unless they fit this buffer."""
        ours = self._columns()
        if columns.keys() != ours.keys():
            difference = sorted(columns.keys() ^ ours.keys())
            raise ValueError(f'buffer state: missing or unknown {difference}')
        count = len(columns['reward'])
        for name, column in ours.items():
            given = columns[name]
            if given.shape != (count, *column.shape[1:]) or given.dtype != column.dtype:
                raise ValueError(
                    f'buffer state {name}: expected {(count, *column.shape[1:])} '
                    f'{column.dtype}, got {given.shape} {given.dtype}'
                )
        return count

    def _append(self, columns: Columns, follows: bool) -> None:
        """Write slots behind the newest, without queueing their transitions."""
        count = len(columns['reward'])
        places = (self._written + np.arange(count)) % self.capacity
        for name, column in self._columns().items():
            column[places] = columns[name]
        if not follows:
            self._first[places[0]] = True
        self._written += count
        self._stored += count

    def _queue_up(self) -> None:
        """Find all transitions anew."""
        places = np.arange(self.oldest + 1, self._written) % self.capacity
        ends = places[~self._first[places]]  # none in the oldest, whose predecessor is gone
        self._head, self._transitions = 0, len(ends)
        self._queue[: len(ends)] = ends

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
            'policy_version': self._policy_version,
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
        slot = self._written % self.capacity
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
        self._policy_version[slot] = 0
        self._written += 1
        self._stored = min(self._stored + 1, self.capacity)
        return slot

    def _enqueue(self, slot: int) -> None:
        self._queue[(self._head + self._transitions) % self.capacity] = slot
        self._transitions += 1
