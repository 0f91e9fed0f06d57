# SPDX-License-Identifier: Apache-2.0
"""C1: skills with damaged files, by the thousand, while the arm moves in real time."""

from __future__ import annotations

from collections.abc import Callable
import hashlib
from pathlib import Path
import shutil
from typing import Any

from lateness_watch import LatenessWatch
from maxent_msgs.msg import Step
from maxent_msgs.srv import ActivateSkill
import numpy as np
from running_system import running

from maxent_bringup.system import SystemConfig
from maxent_rl.skill import SUMS_FILE
from maxent_rl.weights import decode, encode
from maxent_ros import topics

VICTIM = 'victim'
PICKLE = b'\x80\x04N.'  # of None


def mutated_files(
    skills: Path, name: str, count: int, tell: Callable[[int, int], None]
) -> dict[str, Any]:
    """Damage a file of a skill anew and ask for it, again and again."""
    shutil.rmtree(skills / VICTIM, ignore_errors=True)
    config = SystemConfig(
        purpose='run', task='reach_plane', skill=name, skills=skills, name='c1_files'
    )
    victim = _Victim(skills / name, skills / VICTIM)
    steps: list[Step] = []
    with running(config, on_step=steps.append) as (system, monitor):
        client = monitor.node.create_client(ActivateSkill, topics.ACTIVATE_SKILL)
        lateness = LatenessWatch(system, monitor, lambda: len(steps) > 20)
        accepted = 0
        for tried in range(count):
            victim.mutate()
            answer = client.call_async(ActivateSkill.Request(name=VICTIM))
            while not answer.done():
                monitor.spin(0.002)
            accepted += answer.result().success
            lateness.look()
            tell(tried + 1, count)
        system.check()
        figures = lateness.figures()
    shutil.rmtree(skills / VICTIM)
    others = {step.skill for step in steps} - {name}
    return {'tried': count, 'accepted': accepted, 'others_acted': sorted(others), **figures}


class _Victim:
    """A copy of a skill with one thing wrong with it, each time another."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._files = {
            path.name: path.read_bytes() for path in source.iterdir() if path.suffix != '.png'
        }
        about = self._files['skill.json']
        self._files['skill.json'] = about.replace(source.name.encode(), folder.name.encode())
        self._folder = folder
        folder.mkdir()
        self._rng = np.random.default_rng(0)
        self._kinds = (self._flip, self._flip, self._cut, self._pickle, self._poison, self._repeat)

    def mutate(self) -> None:
        """Write the skill whole, then one file of it damaged."""
        for name, content in self._files.items():
            (self._folder / name).write_bytes(content)
        self._seal()
        name = str(self._rng.choice(sorted(self._files)))
        kind = self._kinds[self._rng.integers(len(self._kinds))]
        kind(self._folder / name)

    def _flip(self, path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[self._rng.integers(len(content))] ^= 1 << int(self._rng.integers(8))
        path.write_bytes(content)

    def _cut(self, path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: self._rng.integers(len(content))])

    def _pickle(self, path: Path) -> None:
        path.write_bytes(PICKLE + bytes(int(self._rng.integers(1000))))

    def _repeat(self, path: Path) -> None:
        content = path.read_bytes()
        at = int(self._rng.integers(len(content)))
        path.write_bytes(content[:at] + content[at // 2 :] + b'x')

    def _poison(self, _: Path) -> None:
        """Weights that are not numbers, with all sums right."""
        tensors = decode(self._files['weights.safetensors'])
        names = sorted(tensors)
        tensor = tensors[names[self._rng.integers(len(names))]].view(-1)
        bad = (float('nan'), float('inf'), 2e3)
        tensor[self._rng.integers(len(tensor))] = bad[self._rng.integers(3)]
        weights = encode(tensors)
        (self._folder / 'weights.safetensors').write_bytes(weights)
        about = self._folder / 'skill.json'
        old = hashlib.sha256(self._files['weights.safetensors']).hexdigest()
        new = hashlib.sha256(weights).hexdigest()
        about.write_bytes(about.read_bytes().replace(old.encode(), new.encode()))
        self._seal()

    def _seal(self) -> None:
        names = sorted(name for name in self._files if name != SUMS_FILE)
        sums = [hashlib.sha256((self._folder / name).read_bytes()).hexdigest() for name in names]
        lines = [f'{digest}  {name}\n' for digest, name in zip(sums, names, strict=True)]
        (self._folder / SUMS_FILE).write_text(''.join(lines))
