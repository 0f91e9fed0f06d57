# SPDX-License-Identifier: Apache-2.0
"""MuJoCo simulation that speaks the topics of the real robot, and as a Gymnasium environment."""
