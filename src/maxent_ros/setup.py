# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_ros as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='maxent_ros',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_ros']),
        ('share/maxent_ros', ['package.xml']),
    ],
    license='Apache-2.0',
    description='Bindings shared by the maxent nodes: parameters, conversions, QoS profiles.',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={'console_scripts': []},
)
