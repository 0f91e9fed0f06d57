# SPDX-License-Identifier: Apache-2.0
"""The commands of the `maxent` command line, one module each, with `main(arguments) -> int`."""
