# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_robot as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='maxent_robot',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_robot']),
        ('share/maxent_robot', ['package.xml']),
    ],
    license='Apache-2.0',
    description='What a robot is and may do: limits, tasks, safety. Knows no ROS, no torch.',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={'console_scripts': []},
)
