# SPDX-License-Identifier: Apache-2.0
"""What a received policy must pass before it may act.

Rules, in the order in which they are checked (their numbers are used in every rejection):

- W1 the payload is at most 8 MiB;
- W3 its SHA-256 is the one announced;
- W4 its signature, if a verifier is given (verification.py); by default authenticity is left to
  the transport (SROS2);
- W2 it is safetensors with a header of at most 64 kB and the known schema;
- W6 exactly the expected tensor names, shapes and dtype;
- W7 every number finite and at most 1e3 in magnitude;
- W8 on every probe observation its actions, drawn and in evaluation, lie in [-1, 1] and the
  Gaussian of a SAC policy is finite; and its action takes at most 0.3 of the control period
  (`check_latency`: the median of some tries, for on a busy machine the slowest tells nothing);
- W5 (`VersionGate`) it is newer than what acts, and of the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import hashlib

import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor

from maxent_rl.networks import TanhGaussianPolicy, load_prefixed_state
from maxent_rl.policies import make_policy
from maxent_rl.policy import Policy
from maxent_rl.verification import Verifier, verify_nothing
from maxent_rl.weights import WeightsRejected, check_size, check_tensors, decode

MAX_MAGNITUDE = 1e3

LATENCY_SHARE = 0.3
_WARM_UP, _TIMED = 3, 32  # actions before and while the time is taken
_PROBE_SEED = 0  # noise of the trial samples; any fixed value serves


@dataclass(frozen=True)
class PolicySpec:
    """Architecture that a policy node is configured for."""

    obs_dim: int
    act_dim: int
    hidden: tuple[int, ...] = (256, 256)
    algorithm: str = 'sac'
    image: tuple[int, ...] = ()  # (h, w, c) of the image that ends an observation, if any

    def make_policy(self) -> Policy:
        """Make a policy of this architecture; its parameters are yet to be set.

        Raises:
            ValueError: unknown algorithm, or one that sees no images.
        """
        generator = torch.Generator().manual_seed(0)
        sizes = self.obs_dim, self.act_dim, self.hidden
        return make_policy(self.algorithm, *sizes, generator, self.image)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every `policy.*` tensor by name."""
        with torch.device('meta'):
            policy = self.make_policy()
        return {f'policy.{k}': tuple(v.shape) for k, v in policy.state_dict().items()}


class VersionGate:
    """Rule W5: lets versions pass that are newer than the newest seen, of one run.

    The first run offered is adopted. Another run passes only after `allow_run`, so a second
    learner, or one restarted without its history, cannot take the robot over unasked.
    """

    def __init__(self, run_id: str | None = None, version: int = 0) -> None:
        """Start after `version` of `run_id`, or open to any run when that is None."""
        self.run_id = run_id
        self.version = version

    def check(self, run_id: str, version: int) -> None:
        """Say whether a version may be taken; changes nothing.

        Raises:
            WeightsRejected: W5, another run or not newer.
        """
        if self.run_id is not None and run_id != self.run_id:
            raise WeightsRejected('W5', f'run {run_id!r} is not the accepted run {self.run_id!r}')
        if version <= self.version:
            raise WeightsRejected('W5', f'version {version} is not newer than {self.version}')

    def accept(self, run_id: str, version: int) -> None:
        """Check, then remember the version as the newest.

        Raises:
            WeightsRejected: W5, another run or not newer.
        """
        self.check(run_id, version)
        self.run_id, self.version = run_id, version

    def allow_run(self, run_id: str) -> None:
        """Change to another run; its versions count anew."""
        if run_id != self.run_id:
            self.run_id, self.version = run_id, 0


def accept_policy(
    payload: bytes,
    sha256: str,
    spec: PolicySpec,
    probes: NDArray[np.float32],
    verify: Verifier = verify_nothing,
    source: str = '',
) -> Policy:
    """Make a policy of received bytes if they pass rules W1-W4, W6, W7 and the trial of W8.

    Args:
        payload: safetensors bytes as `weights.encode` writes them.
        sha256: announced digest, hexadecimal.
        spec: architecture that is expected.
        probes: (k, n) observations for the trial run, k >= 1, finite: recent ones.
        verify: rule W4.
        source: where the bytes come from, for `verify`.

    Returns:
        A policy that does not require gradients.

    Raises:
        WeightsRejected: with the rule that failed and why.
        ValueError: `probes` has another shape or is not finite (the caller's mistake).
    """
    _check_probes(probes, spec.obs_dim)
    check_size(len(payload))
    digest = hashlib.sha256(payload).hexdigest()
    if digest != sha256.lower():
        raise WeightsRejected('W3', f'SHA-256 is {digest}, announced was {sha256:.64}')
    verify(payload, source)
    tensors = decode(payload)
    check_tensors(tensors, spec.shapes(), MAX_MAGNITUDE)
    policy = spec.make_policy()
    load_prefixed_state('policy', policy, tensors)
    policy.requires_grad_(False)
    check_trial(policy, probes)
    return policy


def check_trial(policy: Policy, probes: NDArray[np.float32]) -> None:
    """Rule W8 for a policy from anywhere: try it on observations (k, n).

    Raises:
        WeightsRejected: W8, an action is not finite or outside [-1, 1].
        ValueError: `probes` has another shape or is not finite (the caller's mistake).
    """
    _check_probes(probes, policy.obs_dim)
    obs = torch.from_numpy(np.ascontiguousarray(probes, np.float32))
    with torch.inference_mode():
        actions = torch.stack((policy.act(obs, _trial_noise(policy, len(obs))), policy.mode(obs)))
        passed = (actions.abs() <= 1.0).all(dim=0).all(dim=-1)  # false for NaN
        if isinstance(policy, TanhGaussianPolicy):  # tanh hides an infinite mean
            mean, log_std = policy(obs)
            passed &= torch.isfinite(mean + log_std).all(dim=-1)
        failed = torch.nonzero(~passed).flatten().tolist()
    if failed:
        raise WeightsRejected(
            'W8',
            f'{len(failed)} of {len(probes)} probe observations give an action that is not '
            f'finite or outside [-1, 1], the first is number {failed[0]}',
        )


def check_latency(
    policy: Policy, probes: NDArray[np.float32], period_s: float, clock: Callable[[], float]
) -> None:
    """Second part of rule W8: act once on each of some probes (k, n), with `clock` in s.

    Raises:
        WeightsRejected: W8, it takes more than 0.3 of the control period.
    """
    obs = torch.from_numpy(np.ascontiguousarray(probes[:_TIMED], np.float32))
    noise = _trial_noise(policy, len(obs))
    times = []
    with torch.inference_mode():
        for i in range(-_WARM_UP, len(obs)):
            begin = clock()
            policy.act(obs[i % len(obs)], noise[i % len(obs)])
            times.append(clock() - begin)
    median_s = float(np.median(times[_WARM_UP:]))
    if median_s > LATENCY_SHARE * period_s:
        raise WeightsRejected(
            'W8',
            f'an action takes {1e3 * median_s:.1f} ms, allowed are {LATENCY_SHARE:.0%} '
            f'of the control period of {1e3 * period_s:.0f} ms',
        )


def _check_probes(probes: NDArray[np.float32], obs_dim: int) -> None:
    if probes.ndim != 2 or probes.shape[0] < 1 or probes.shape[1] != obs_dim:
        raise ValueError(f'probes must have shape (k >= 1, {obs_dim}), got {probes.shape}')
    if not np.isfinite(probes).all():
        raise ValueError('probes must be finite')


def _trial_noise(policy: Policy, count: int) -> Tensor:
    """Random input (count, k) as of one episode."""
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    noise = [policy.draw_noise(None, generator)]
    while len(noise) < count:
        noise.append(policy.draw_noise(noise[-1], generator))
    return torch.stack(noise)
