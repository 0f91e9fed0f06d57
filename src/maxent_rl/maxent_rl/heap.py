# SPDX-License-Identifier: Apache-2.0
"""Lets the C library keep the memory that tensors give back, instead of asking for it anew.

An update frees and takes some hundred tensors of up to a few megabytes. By default glibc returns
such pieces to the system at once, and the system clears each page when it is used again: a third
of the time of an update of soft Q-learning (benchmarks/soft_q_updates.py).
"""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # numbers of glibc's malloc.h
_KEPT = 256 * 2**20  # bytes at the end of the heap that are not returned
_LARGEST_POOLED = 32 * 2**20  # bytes; larger pieces come from the system: the most glibc allows


def keep_freed_memory() -> bool:
    """Make this process keep up to 256 MiB that it freed; False where there is no glibc."""
    if platform.libc_ver()[0] != 'glibc':
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT) and mallopt(_MMAP_THRESHOLD, _LARGEST_POOLED))
