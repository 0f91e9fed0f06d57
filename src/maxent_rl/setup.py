# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_rl as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='maxent_rl',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={'maxent_rl': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_rl']),
        ('share/maxent_rl', ['package.xml']),
    ],
    license='Apache-2.0',
    description='Maximum-entropy reinforcement learning: SAC, replay, skills. No robot, no ROS.',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={'console_scripts': []},
)
