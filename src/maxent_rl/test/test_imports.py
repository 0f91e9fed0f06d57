# SPDX-License-Identifier: Apache-2.0
"""The package knows no ROS and no robot, and nothing in it can run code from a file."""

import ast
from pathlib import Path
import sys

import maxent_rl

ALLOWED = {'maxent_rl', 'numpy', 'safetensors', 'torch'}
FORBIDDEN = {'pickle', 'shelve', 'marshal', 'torch.load', 'torch.save'}


def names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition('.')[0]


def trees():
    paths = sorted(Path(maxent_rl.__file__).parent.glob('*.py'))
    assert len(paths) > 10
    return {path.name: ast.parse(path.read_text()) for path in paths}


def test_only_torch_numpy_and_safetensors_are_imported():
    for name, tree in trees().items():
        assert set(imported(tree)) <= ALLOWED | sys.stdlib_module_names, name


def test_nothing_unpickles():
    for name, tree in trees().items():
        assert not set(names(tree)) & FORBIDDEN, name
