# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_bringup as an ament_python package."""

from glob import glob

from setuptools import find_packages, setup

setup(
    name='maxent_bringup',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_bringup']),
        ('share/maxent_bringup', ['package.xml']),
        # Links to the folders of the same names at the root of the repository.
        ('share/maxent_bringup/launch', sorted(glob('launch/*.launch.py'))),
        ('share/maxent_bringup/config', sorted(glob('config/*.yaml'))),
    ],
    license='Apache-2.0',
    description='Which nodes make up a system, the maxent command line, launch files.',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={'console_scripts': ['maxent = maxent_bringup.cli:main']},
)
