# SPDX-License-Identifier: Apache-2.0
"""Definitions in a bag are those of the installed packages, nested types included."""

import pytest
from rosbags.rosbag2 import WriterError
from rosbags.typesys import Stores, get_typestore

from maxent_learner.bag_file import BagFile, Definitions, UnknownTypeError, read_definition

KNOWN = ['sensor_msgs/msg/JointState', 'maxent_msgs/msg/Step', 'maxent_msgs/msg/PolicyChunk']


@pytest.mark.parametrize('type_name', [*KNOWN, 'intera_core_msgs/msg/EndpointStates'])
def test_an_installed_type_is_known_with_all_types_in_it(type_name):
    definitions = Definitions()
    definitions.require(type_name)
    text, _ = definitions.store.generate_msgdef(type_name, ros_version=2)
    assert 'MSG: std_msgs/Header' in text
    assert definitions.store.hash_rihs01(type_name).startswith('RIHS01_')
    definitions.require(type_name)  # again does no harm


def test_hashes_of_standard_types_are_those_of_jazzy():
    definitions = Definitions()
    definitions.require('sensor_msgs/msg/JointState')
    jazzy = get_typestore(Stores.ROS2_JAZZY).hash_rihs01('sensor_msgs/msg/JointState')
    assert definitions.store.hash_rihs01('sensor_msgs/msg/JointState') == jazzy


@pytest.mark.parametrize('type_name', ['nowhere_msgs/msg/Thing', 'std_msgs/msg/Nothing'])
def test_a_type_that_is_not_installed_is_refused_by_name(type_name):
    with pytest.raises(UnknownTypeError, match=type_name):
        read_definition(type_name)


def test_an_existing_folder_is_not_overwritten(tmp_path):
    with pytest.raises(WriterError, match='exists already'):
        BagFile(tmp_path)
