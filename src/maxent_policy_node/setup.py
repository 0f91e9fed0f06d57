# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_policy_node as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='maxent_policy_node',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_policy_node']),
        ('share/maxent_policy_node', ['package.xml']),
    ],
    license='Apache-2.0',
    description='The policy node (lifecycle, torch) and the guard node (safety filter).',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={
        'console_scripts': [
            'policy_node = maxent_policy_node.policy_node:main',
            'guard_node = maxent_policy_node.guard_node:main',
        ]
    },
)
