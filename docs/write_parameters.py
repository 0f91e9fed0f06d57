# SPDX-License-Identifier: Apache-2.0
"""Writes parameters.md from the dataclasses that declare them: python docs/write_parameters.py."""

from __future__ import annotations

from pathlib import Path

from maxent_learner.bag_recorder import RecorderConfig
from maxent_learner.extractor_node import ExtractorConfig
from maxent_learner.learner_node import LearnerConfig
from maxent_learner.run_config import RunConfig
from maxent_learner.trainer_config import TrainerConfig
from maxent_policy_node.guard_config import GuardNodeConfig
from maxent_policy_node.policy_config import PolicyConfig
from maxent_rl.algorithms import ALGORITHMS
from maxent_robot.safety.config import GuardConfig
from maxent_robot.tasks import TASKS
from maxent_ros.parameters import describe
from sim_bridge.bridge_node import BridgeConfig

TARGET = Path(__file__).with_name('parameters.md')
SECTIONS = {
    '`sim_bridge`': BridgeConfig,
    '`guard`': GuardNodeConfig,
    '`guard`, names beginning with `safety.`': GuardConfig,
    '`policy`': PolicyConfig,
    **{
        f'`policy`, names beginning with `task.`, for task `{name}`': config
        for name, config in TASKS.items()
    },
    '`learner`: what is learned': RunConfig,
    '`learner`: how': TrainerConfig,
    **{
        f'`learner`, in `algorithm_options` of algorithm `{name}`': entry.config
        for name, entry in ALGORITHMS.items()
    },
    '`learner`: the node': LearnerConfig,
    '`extractor`': ExtractorConfig,
    '`recorder`': RecorderConfig,
}
HEADER = """# Parameters
Made by docs/write_parameters.py from the dataclasses that declare them. Task options of the
learner are texts, such as `task_options: ['axis=z', 'value=0.3']`; `maxent` and the launch files
give policy and learner the same task, and tell the policy node which network the learner's
algorithm and its options make.
"""


def content() -> str:
    """Return the text of parameters.md."""
    sections = [f'## {title}\n{describe(config)}' for title, config in SECTIONS.items()]
    return '\n'.join([HEADER, *sections])


if __name__ == '__main__':
    TARGET.write_text(content(), encoding='utf-8')
