# SPDX-License-Identifier: Apache-2.0
"""Names of nodes that other nodes look for."""

RECORDER = 'recorder'
