# SPDX-License-Identifier: Apache-2.0
"""Rule W4: the place where signatures of weights can be checked. Nothing here knows a scheme.

Who wants only signed weights to act gives the policy node `verifier:=module:function`. It
is called with what must be authentic and where it comes from: the content of `SHA256SUMS` and the
skill's folder (in which a detached signature may lie), or the bytes of streamed weights and
`run RUN_ID version N`. It raises `WeightsRejected('W4', reason)` for what may not act.
"""

from __future__ import annotations

from collections.abc import Callable
import importlib

Verifier = Callable[[bytes, str], None]


def verify_nothing(content: bytes, source: str) -> None:
    """Take everything: authenticity is left to the transport (SROS2) and the file system."""


def find_verifier(path: str) -> Verifier:
    """Import the function 'module:function'; empty: `verify_nothing`.

    Raises:
        ValueError: there is no such function.
    """
    if not path:
        return verify_nothing
    module, _, name = path.partition(':')
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"no verifier '{path}': {error}") from error
    if not callable(found):
        raise ValueError(f"verifier '{path}' is not a function")
    verifier: Verifier = found
    return verifier
