# SPDX-License-Identifier: Apache-2.0
"""How tests let a trainer learn, and compare two of them bit by bit."""

import numpy as np

from maxent_learner.trainer import Trainer
from maxent_learner.trainer_config import TrainerConfig


def learn(trainer, steps):
    for step in steps:
        trainer.observe(step)
        while trainer.updates_due() > 0:
            trainer.update()


def everything(trainer):
    """All numbers of a trainer, to compare two of them bit by bit."""
    tensors, scalars = trainer.algorithm.state()
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    arrays |= trainer._buffer.state()
    return arrays, scalars, trainer._rng.bit_generator.state, trainer.metrics


def assert_same(one, other):
    arrays, *rest = everything(one)
    other_arrays, *other_rest = everything(other)
    assert arrays.keys() == other_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, other_arrays[name], err_msg=name)
    assert rest == other_rest


def seeing_trainer(source, options, **settings):
    config = {'learning_starts': 20, 'algorithm_options': options, **settings}
    return Trainer('sawyer', source.task, TrainerConfig(**config))
