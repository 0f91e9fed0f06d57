# SPDX-License-Identifier: Apache-2.0
"""Installs maxent_learner as an ament_python package."""

from setuptools import find_packages, setup

setup(
    name='maxent_learner',
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/maxent_learner']),
        ('share/maxent_learner', ['package.xml']),
    ],
    license='Apache-2.0',
    description='The off-policy learner node and the bag recorder.',
    maintainer='maxent developers',
    maintainer_email='maintainers@maxent.invalid',
    entry_points={
        'console_scripts': [
            'learner_node = maxent_learner.learner_node:main',
            'extractor_node = maxent_learner.extractor_node:main',
            'bag_recorder = maxent_learner.bag_recorder:main',
        ]
    },
)
