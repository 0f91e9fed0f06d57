# SPDX-License-Identifier: Apache-2.0
"""Tensors as bytes: safetensors with a small, marked header. Weights travel as data, not code."""

from __future__ import annotations

from collections.abc import Mapping
import json

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
import torch
from torch import Tensor

MAX_PAYLOAD_BYTES = 8 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024

_LENGTH_BYTES = 8  # the safetensors format starts with the header's length, little-endian
_MARK = {'maxent_rl': '1'}  # schema version of what the tensors' names mean


class WeightsRejected(ValueError):  # noqa: N818 - the name is part of the package's contract
    """Weights failed a check. `rule` is W1 to W8 (see acceptance.py), `reason` a sentence."""

    def __init__(self, rule: str, reason: str) -> None:
        """Keep rule and reason; the message is both."""
        super().__init__(f'weights rejected by {rule}: {reason}')
        self.rule = rule
        self.reason = reason


def encode(tensors: Mapping[str, Tensor]) -> bytes:
    """Write named tensors as safetensors bytes; equal tensors give equal bytes."""
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    payload: bytes = save_tensors(copies, metadata=_MARK)
    return payload


def check_size(size: int) -> None:
    """Rule W1, also for a size that is only announced.

    Raises:
        WeightsRejected: W1, the size is 0 or above 8 MiB.
    """
    if not 0 < size <= MAX_PAYLOAD_BYTES:
        raise WeightsRejected('W1', f'size must be in [1, {MAX_PAYLOAD_BYTES}] bytes, is {size}')


def decode(payload: bytes) -> dict[str, Tensor]:
    """Read tensors written by `encode`; for bytes from anywhere, no memory beyond their size.

    Raises:
        WeightsRejected: W1 (size) or W2 (not safetensors, header above 64 kB, other schema).
    """
    check_size(len(payload))
    _check_header(payload)
    try:
        tensors: dict[str, Tensor] = load_tensors(payload)
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise WeightsRejected('W2', f'not readable as safetensors: {error}') from error
    return tensors


def _check_header(payload: bytes) -> None:
    length = int.from_bytes(payload[:_LENGTH_BYTES], 'little')
    if len(payload) < _LENGTH_BYTES or not 2 <= length <= MAX_HEADER_BYTES:
        raise WeightsRejected(
            'W2', f'not safetensors: header length {length}, allowed 2 to {MAX_HEADER_BYTES}'
        )
    try:
        header = json.loads(payload[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (ValueError, RecursionError) as error:
        raise WeightsRejected('W2', f'not safetensors: header is not JSON ({error})') from error
    mark = header.get('__metadata__') if isinstance(header, dict) else None
    if mark != _MARK:
        raise WeightsRejected('W2', f'header metadata must be {_MARK}, is {mark!r:.100}')


def check_tensors(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], bound: float
) -> None:
    """Rules W6 and W7 for float32 tensors.

    Args:
        tensors: what was received.
        shapes: every name that must be there, and no other, with its shape.
        bound: greatest magnitude allowed.

    Raises:
        WeightsRejected: W6 (names, shapes, dtype) or W7 (not finite, magnitude).
    """
    if tensors.keys() != shapes.keys():
        missing = sorted(shapes.keys() - tensors.keys())
        unknown = sorted(tensors.keys() - shapes.keys())
        raise WeightsRejected('W6', f'tensors missing: {missing}, unknown: {unknown}')
    for name, tensor in tensors.items():
        if tuple(tensor.shape) != shapes[name]:
            raise WeightsRejected(
                'W6', f'tensor {name} must have shape {shapes[name]}, has {tuple(tensor.shape)}'
            )
        if tensor.dtype != torch.float32:
            raise WeightsRejected('W6', f'tensor {name} must be float32, is {tensor.dtype}')
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise WeightsRejected('W7', f'non-finite tensor {name}')
        if float(tensor.abs().max()) > bound:
            raise WeightsRejected('W7', f'tensor {name} has a magnitude above {bound}')
