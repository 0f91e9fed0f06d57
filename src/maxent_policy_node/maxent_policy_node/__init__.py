# SPDX-License-Identifier: Apache-2.0
"""The policy node (lifecycle, torch) and the guard node (safety, sole publisher to the robot)."""
