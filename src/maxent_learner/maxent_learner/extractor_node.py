# SPDX-License-Identifier: Apache-2.0
"""Serves ExtractComposition and TrainOffline where no learner runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import sys

from rclpy.node import Node
import torch

from maxent_learner.extraction_action import ExtractionAction
from maxent_learner.offline_action import OfflineAction
from maxent_learner.trainer_config import setting
from maxent_ros.parameters import declare
from maxent_ros.runtime import run_node


@dataclass(frozen=True)
class ExtractorConfig:
    """Parameters of the node."""

    skills_folder: str = setting('skills', 'folder of the skills, and of the new one')


class ExtractorNode(Node):
    """A node that works offline and does nothing else."""

    def __init__(self, **node_options: object) -> None:
        """Offer the actions.

        Raises:
            ParameterError: a parameter cannot be.
        """
        super().__init__('extractor', **node_options)
        torch.set_num_threads(1)  # the robot's nodes need the other cores
        folder = Path(declare(self, ExtractorConfig).skills_folder)
        self._actions = (ExtractionAction(self, folder), OfflineAction(self, folder))

    def close(self) -> None:
        """Cancel what is under way."""
        for action in self._actions:
            action.close()


def main() -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(ExtractorNode))
