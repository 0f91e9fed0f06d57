# SPDX-License-Identifier: Apache-2.0
"""The off-policy learner node and the bag recorder."""
