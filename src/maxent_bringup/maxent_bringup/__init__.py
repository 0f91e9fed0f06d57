# SPDX-License-Identifier: Apache-2.0
"""Which nodes make up a system, the `maxent` command line, launch files and configuration."""
