# SPDX-License-Identifier: Apache-2.0
"""The guard between policy and robot: gates, limit filters, monitors and watchdog ladder."""
