# SPDX-License-Identifier: Apache-2.0
"""Makes the CMake exports of the ROS wheels usable on this machine.

The wheels carry the absolute include folders of the machine they were built on
(`/opt/python/cp311-cp311/...`). This rewrites them to the running interpreter's own
folders, so that packages that build against the wheels find Python.h and NumPy.
"""

from pathlib import Path
import re
import sys
import sysconfig

import numpy

BUILDER_NUMPY = re.compile(
    r'/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_core/include'
)
BUILDER_PYTHON = re.compile(r'/opt/python/cp\d+-cp\d+/include/python3\.\d+')


def relocate(text: str, python_include: str, numpy_include: str) -> str:
    """Returns the CMake text with the wheel builder's include folders replaced."""
    text = BUILDER_NUMPY.sub(lambda _: numpy_include, text)
    return BUILDER_PYTHON.sub(lambda _: python_include, text)


def main() -> None:
    """Rewrites every CMake export in the running virtual environment."""
    python_include = sysconfig.get_path('include')
    changed = 0
    for path in sorted(Path(sys.prefix, 'share').glob('*/cmake/*.cmake')):
        before = path.read_text()
        after = relocate(before, python_include, numpy.get_include())
        if after != before:
            path.write_text(after)
            changed += 1
    print(f'relocated {changed} CMake files')


if __name__ == '__main__':
    main()
