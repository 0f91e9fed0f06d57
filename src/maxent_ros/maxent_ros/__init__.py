# SPDX-License-Identifier: Apache-2.0
"""Bindings shared by the maxent nodes: parameters, conversions, QoS profiles, topic names."""
