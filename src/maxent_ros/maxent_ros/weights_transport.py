# SPDX-License-Identifier: Apache-2.0
"""Cuts a version of the policy's weights into messages of 64 kB and puts them together again.

The payload is opaque here: only its size and SHA-256 are judged. What the weights say is the
business of `maxent_rl.acceptance` (reliability.md 6, W2-W8); this module is rule W1.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
import hashlib

from builtin_interfaces.msg import Time
from maxent_msgs.msg import PolicyChunk
from std_msgs.msg import Header

CHUNK_BYTES = PolicyChunk.MAX_DATA
MAX_PAYLOAD_BYTES = 8 * 1024 * 1024


class ChunkError(ValueError):
    """A chunk that contradicts itself or the chunks before it; the text says how."""


@dataclass(frozen=True)
class CompletePolicy:
    """One version of the weights, whole and equal to what the learner hashed."""

    run_id: str
    version: int
    layout_hash: str
    sha256: str
    payload: bytes


def split(
    payload: bytes, run_id: str, version: int, layout_hash: str, stamp: Time
) -> list[PolicyChunk]:
    """Return the payload as chunks, in order, ready to publish.

    Args:
        payload: safetensors bytes of the policy.
        run_id: of the training run.
        version: strictly increasing within the run, from 1.
        layout_hash: of the observation layout that the policy expects.
        stamp: when the version was made.

    Raises:
        ValueError: the payload is empty or above 8 MiB, or the version is below 1.
    """
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise ValueError(
            f'weights of {len(payload)} bytes cannot be sent: 1 to {MAX_PAYLOAD_BYTES} are allowed'
        )
    if version < 1:
        raise ValueError(f'version {version} of the weights cannot be sent: versions start at 1')
    digest = hashlib.sha256(payload).hexdigest()
    total = chunk_count(len(payload))
    return [
        PolicyChunk(
            header=Header(stamp=stamp),
            run_id=run_id,
            version=version,
            layout_hash=layout_hash,
            sha256=digest,
            size=len(payload),
            index=index,
            total=total,
            data=array('B', payload[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES]),
        )
        for index in range(total)
    ]


def chunk_count(size: int) -> int:
    """Return how many chunks a payload of `size` bytes takes."""
    return -(-size // CHUNK_BYTES)


@dataclass
class _Partial:
    """The chunks of one version that have arrived."""

    run_id: str
    version: int
    layout_hash: str
    sha256: str
    size: int
    total: int
    last_s: float  # arrival of the newest chunk
    parts: dict[int, bytes] = field(default_factory=dict)

    def contradicts(self, chunk: PolicyChunk) -> str | None:
        """Name the first field in which `chunk` differs from the chunks before it."""
        for name in ('layout_hash', 'sha256', 'size', 'total'):
            ours, theirs = getattr(self, name), getattr(chunk, name)
            if ours != theirs:
                return f'{name} is {theirs!r}, but other chunks of the version say {ours!r}'
        return None


class ChunkAssembler:
    """Puts chunks together; the newest version wins. Memory is bounded by one payload.

    A chunk of another run replaces what is being assembled (the learner was started anew);
    whether that run may take over is judged later, by the acceptance rules.
    """

    def __init__(self, timeout_s: float = 2.0) -> None:
        """Take the silence (s) after which a version counts as having missing chunks."""
        if not timeout_s > 0.0:
            raise ValueError(f'timeout_s must be above 0, not {timeout_s}')
        self._timeout_s = timeout_s
        self._partial: _Partial | None = None
        self._done: tuple[str, int] | None = None

    def add(self, chunk: PolicyChunk, now_s: float) -> CompletePolicy | None:
        """Take one chunk; returns the policy when it was the last one missing.

        Duplicates, chunks of older versions and of the version completed last are ignored.

        Args:
            chunk: as received, in any order.
            now_s: monotonic time.

        Raises:
            ChunkError: size, total, index or data contradict each other or earlier chunks,
                or the SHA-256 of the whole does not agree (the version is then forgotten).
        """
        _check(chunk)
        if self._is_old(chunk):
            return None
        partial = self._partial
        if partial is None or (chunk.run_id, chunk.version) != (partial.run_id, partial.version):
            partial = self._partial = _Partial(
                chunk.run_id,
                chunk.version,
                chunk.layout_hash,
                chunk.sha256,
                chunk.size,
                chunk.total,
                now_s,
            )
        contradiction = partial.contradicts(chunk)
        if contradiction is not None:
            raise ChunkError(f'{_name(chunk)}: {contradiction}')
        partial.last_s = now_s
        partial.parts.setdefault(chunk.index, bytes(chunk.data))
        return self._complete(partial) if len(partial.parts) == partial.total else None

    def missing(self, now_s: float) -> list[tuple[int, int]]:
        """Return (version, index) of the chunks to pull, once nothing came for `timeout_s`.

        The answer restarts the clock, so one call asks once. What has arrived is kept, so a
        pull need only fetch what is missing.
        """
        partial = self._partial
        if partial is None or now_s - partial.last_s < self._timeout_s:
            return []
        partial.last_s = now_s
        return [(partial.version, i) for i in range(partial.total) if i not in partial.parts]

    def forget(self) -> None:
        """Free the chunks of the version that is being assembled."""
        self._partial = None

    @property
    def buffered_bytes(self) -> int:
        """Bytes held for the version that is being assembled."""
        return 0 if self._partial is None else sum(map(len, self._partial.parts.values()))

    def _is_old(self, chunk: PolicyChunk) -> bool:
        known = [self._done] if self._done is not None else []
        if self._partial is not None:
            known.append((self._partial.run_id, self._partial.version - 1))
        return any(chunk.run_id == run and chunk.version <= version for run, version in known)

    def _complete(self, partial: _Partial) -> CompletePolicy:
        self._partial = None
        payload = b''.join(partial.parts[index] for index in range(partial.total))
        digest = hashlib.sha256(payload).hexdigest()
        if digest != partial.sha256:
            raise ChunkError(
                f'version {partial.version} of run {partial.run_id!r}: SHA-256 of the whole is '
                f'{digest}, the learner said {partial.sha256} (W3): damaged on the way'
            )
        self._done = (partial.run_id, partial.version)
        return CompletePolicy(
            partial.run_id, partial.version, partial.layout_hash, partial.sha256, payload
        )


def _name(chunk: PolicyChunk) -> str:
    return f'chunk {chunk.index} of version {chunk.version} of run {chunk.run_id!r}'


def _check(chunk: PolicyChunk) -> None:
    """Judge a chunk by itself (W1): sizes first, so that nothing large is ever kept."""
    if not 0 < chunk.size <= MAX_PAYLOAD_BYTES:
        raise ChunkError(
            f'{_name(chunk)}: declares {chunk.size} bytes; allowed are 1 to {MAX_PAYLOAD_BYTES}'
        )
    if chunk.total != chunk_count(chunk.size):
        raise ChunkError(
            f'{_name(chunk)}: declares {chunk.total} chunks; {chunk.size} bytes take '
            f'{chunk_count(chunk.size)}'
        )
    if chunk.index >= chunk.total:
        raise ChunkError(f'{_name(chunk)}: there are only {chunk.total} chunks')
    if chunk.version < 1:
        raise ChunkError(f'{_name(chunk)}: versions start at 1')
    expected = min(CHUNK_BYTES, chunk.size - chunk.index * CHUNK_BYTES)
    if len(chunk.data) != expected:
        raise ChunkError(f'{_name(chunk)}: has {len(chunk.data)} bytes instead of {expected}')
