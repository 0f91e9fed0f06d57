# SPDX-License-Identifier: Apache-2.0
"""Fault 17: kills a learner at random times, checkpoints included, and resumes it again and again.

A process that has imported everything forks a learner per try, so that a try takes about a
second. A checkpoint is due after every episode of 4 steps, and files of the replay buffer are
closed early, so many kills hit the writing, the closing or the removal of files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import time
import traceback
from typing import Any

import torch.utils.tensorboard.writer  # noqa: F401

from maxent_learner import run as run_module
from maxent_learner.in_process import make_environment, train_in_process
from maxent_learner.run import Run
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig
from maxent_rl import replay_segments
from maxent_rl.checkpoint import saved_scalars
from maxent_rl.runner import configure_torch
from maxent_rl.segment_blocks import find_blocks
from maxent_robot.option_texts import parse_options
from maxent_robot.robots import get_robot
from maxent_robot.tasks import make_task

ROBOT, TASK, OPTIONS = 'sawyer', 'reach', ('episode_steps=4',)
SEGMENT_BYTES = 32 * 1024
FIRST_CHECKPOINTS = 10
EPISODES = 12  # before a kill, at most, about: the moment is drawn evenly
SETTINGS = TrainerConfig(
    algorithm_options=('hidden=[32, 32]', 'batch_size=8'),
    max_steps=10**9,
    updates_per_step=0.2,
    learning_starts=20,
    buffer_capacity=400,
    checkpoint_every=1,  # looked at after each episode
)


def kill_and_resume(tries: int, folder: Path, seed: int) -> dict[str, Any]:
    """Kill a learner `tries` times, in processes of their own; `folder` gets its run.

    Returns:
        `tried`; `resumed`: how often the run could then be resumed with nothing lost, and not
        before the last checkpoint that the learner had completed; `monotone`: how often the
        steps were no fewer than after the kill before; `mid_checkpoint`: how many kills left
        half a checkpoint, or experience written ahead of one; `steps` in the end; `seconds`.

    Raises:
        RuntimeError: a learner died of something else or had something to report.
    """
    # A new interpreter: forking asks for a process with one thread, which the caller's may not be.
    command = [sys.executable, __file__, str(tries), str(folder), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'killing learners in {folder} failed: {done.stdout}{done.stderr}')
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _kill_here(tries: int, folder: Path, seed: int) -> dict[str, Any]:
    """Do it in this process, which must have one thread."""
    configure_torch()
    replay_segments.SEGMENT_BYTES = SEGMENT_BYTES
    run_module.DRAW_EVERY = 10**9  # curves would take most of the time
    make_environment(ROBOT, TASK, parse_options(OPTIONS)).close()  # whose modules, and
    _trainer()  # those that torch imports with the first optimiser, learners then have at once
    rng, started = random.Random(seed), time.monotonic()
    setup, period = _begin(folder)
    figures = {'tried': 0, 'resumed': 0, 'monotone': 0, 'mid_checkpoint': 0}
    steps = 0
    for _ in range(tries):
        # One in five may die while it still resumes, the others in training.
        earliest = setup if rng.random() < 0.8 else 0.0
        completed = _kill_one(folder, rng.uniform(earliest, setup + EPISODES * period))
        figures['tried'] += 1
        figures['mid_checkpoint'] += _in_checkpoint(folder)
        now, lost = _resumed(folder)
        figures['resumed'] += lost == 0 and now >= max(completed, steps)
        figures['monotone'] += now >= steps
        steps = now
    return {**figures, 'steps': steps, 'seconds': round(time.monotonic() - started, 1)}


def _begin(folder: Path) -> tuple[float, float]:
    """Make the run; seconds to its first checkpoint, and from one checkpoint to the next."""
    started = time.monotonic()
    child, reader = _fork_learner(folder, resume=False, checkpoints=FIRST_CHECKPOINTS)
    with os.fdopen(reader) as lines:
        moments = [time.monotonic() for _ in lines]
    _, status = os.waitpid(child, 0)
    if status != 0 or len(moments) != FIRST_CHECKPOINTS:
        raise RuntimeError(f'the first learner in {folder} ended with status {status}')
    return moments[0] - started, (moments[-1] - moments[0]) / (FIRST_CHECKPOINTS - 1)


def _kill_one(folder: Path, seconds: float) -> int:
    """Kill a learner so long after its start; steps at the last checkpoint it completed."""
    child, reader = _fork_learner(folder, resume=True, checkpoints=None)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
        raise RuntimeError(f'a learner in {folder} died by itself, with status {status}')
    with os.fdopen(reader) as lines:
        return max(map(int, lines), default=0)


def _fork_learner(folder: Path, resume: bool, checkpoints: int | None) -> tuple[int, int]:
    """Start a learner; its process, and a pipe that gets its steps after each checkpoint."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    status = 1
    try:
        _train(folder, resume, checkpoints, writer)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _train(folder: Path, resume: bool, checkpoints: int | None, pipe: int) -> None:
    runs: list[Run] = []

    def saved() -> bool:  # asked at first, and after each episode when its checkpoint is written
        if runs:
            os.write(pipe, f'{runs[-1].trainer.steps}\n'.encode())
        return len(runs) == checkpoints

    config = RunConfig(
        robot=ROBOT, task=TASK, task_options=OPTIONS, run_folder=str(folder), resume=resume
    )
    train_in_process(config, SETTINGS, lambda run, row: runs.append(run), saved, _fail)


def _fail(text: str) -> None:
    """Nothing may need reporting here, neither a failed checkpoint nor a loss."""
    raise RuntimeError(text)


def _in_checkpoint(folder: Path) -> bool:
    """Whether half a checkpoint was left, or experience written ahead of one."""
    if any((folder / 'checkpoint').glob('.checkpoint-*')):
        return True
    written = saved_scalars(folder / 'checkpoint')[0]['replay']['written']
    data = max((folder / 'replay').iterdir()).read_bytes()
    blocks = list(find_blocks(data))
    if not blocks or blocks[-1].end < len(data):
        return True
    return blocks[-1].number + blocks[-1].count > written


def _resumed(folder: Path) -> tuple[int, int]:
    """Resume the run without changing anything: its steps, and how many transitions it lost."""
    trainer = _trainer()
    if not trainer.resume(folder / 'checkpoint', _print):
        raise RuntimeError(f'no checkpoint is left in {folder}')
    return trainer.steps, trainer.lost_transitions


def _trainer() -> Trainer:
    task = make_task(get_robot(ROBOT), TASK, **parse_options(OPTIONS))
    return Trainer(ROBOT, task, SETTINGS)


def _print(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == '__main__':
    print(json.dumps(_kill_here(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
