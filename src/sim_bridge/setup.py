# SPDX-License-Identifier: Apache-2.0
"""Installs sim_bridge as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='sim_bridge',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={'sim_bridge': ['models/*.xml']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/sim_bridge']),
        ('share/sim_bridge', ['package.xml']),
    ],
    license='Apache-2.0',
    description='MuJoCo simulation on the topics of the real robot, and as Gymnasium environment',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={'console_scripts': ['bridge_node = sim_bridge.bridge_node:main']},
)
