# SPDX-License-Identifier: Apache-2.0
"""Who acts, the learner's newest version or a skill, and how one gives way to the other."""

from __future__ import annotations

from maxent_policy_node.skill_library import Loaded
from maxent_rl.policy import Policy
from maxent_rl.runner import PolicyRunner
from maxent_robot.episode import ActivePolicy
from maxent_robot.policy_switch import GuardReport, PolicySwitch

BLEND_S = 0.25  # from a skill to the learner's weights


class ActingPolicy:
    """Makes runners of policies and swaps them; whoever comes last acts.

    Skills that failed their probation are remembered by what they are made of and refused.
    """

    def __init__(
        self, switch: PolicySwitch, seed: int, deterministic: bool, learner_acts: bool = False
    ) -> None:
        """Start with nothing that acts.

        Args:
            switch: carries the swaps out.
            seed: of the noise of every skill, and of the learner's policies together.
            deterministic: act by the policies' mode.
            learner_acts: the learner's weights are what shall act at first.
        """
        self.switch = switch
        self._seed, self._deterministic = seed, deterministic
        self._learned: PolicyRunner | None = None  # one stream of noise for all versions
        self._learner_acts = learner_acts
        self._swaps = 0
        self._hashes: dict[tuple[str, int], str] = {}  # of skills, by name and version
        self._failed: dict[str, str] = {}

    @property
    def policy(self) -> ActivePolicy | None:
        """What the episode actor is to be given."""
        return self.switch.policy

    def swap(self, loaded: Loaded, blend_s: float) -> int:
        """Let a skill act from the next action on; returns its version, 0 for the very first.

        Raises:
            ValueError: blend_s is negative or not finite, or these weights failed before.
        """
        if loaded.sha256 in self._failed:
            raise ValueError(
                f'{loaded.name} failed before: {self._failed[loaded.sha256]}; train or compose it '
                'anew, or restart the policy node'
            )
        runner = PolicyRunner(loaded.policy, self._seed, self._deterministic)
        version = self._swaps
        active = ActivePolicy(runner, loaded.name, version, runner.begin_episode)
        self.switch.swap(active, blend_s)
        self._hashes[loaded.name, version] = loaded.sha256
        self._swaps += 1
        self._learner_acts = False
        return version

    def learn(self, policy: Policy, run_id: str, version: int) -> None:
        """Let a version of the learner's act; one after another they need no blend."""
        if self._learned is None:
            self._learned = PolicyRunner(policy, self._seed, self._deterministic)
        runner = self._learned
        runner.policy = policy
        active = ActivePolicy(runner, run_id, version, runner.begin_episode)
        if self._learner_acts:
            self.switch.renew(active)
        else:
            self.switch.swap(active, BLEND_S)
        self._learner_acts = True

    def on_guard(self, report: GuardReport) -> None:
        """Take the guard's report, by which a new policy may fail."""
        self.switch.on_guard(report)

    def roll_back(self) -> str | None:
        """Return to the last good policy if the new one has failed, and say why it has."""
        failure, failed = self.switch.failure, self.switch.policy
        if failure is None or failed is None:
            return None
        digest = self._hashes.get((failed.name, failed.version))
        if digest is not None:
            self._failed[digest] = failure
        good = self.switch.restore()
        self._learner_acts = good.call is self._learned
        return f"'{failed.name}' version {failed.version}: {failure}; back to '{good.name}'"
