# SPDX-License-Identifier: Apache-2.0
"""What every policy is: a function of an observation and of random input."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Generator, Tensor, nn


class Policy(nn.Module, ABC):
    """Network that acts; n numbers of observation, m of action, k of random input.

    The random input is drawn apart from acting, so that exploration with memory keeps none of
    it in the network: whoever acts hands back what was drawn for the action before.
    """

    obs_dim: int
    act_dim: int
    hidden: tuple[int, ...]
    image: tuple[int, ...] = ()  # shape (h, w, c) of the image that ends the observation, if any

    @abstractmethod
    def draw_noise(self, previous: Tensor | None, generator: Generator | None) -> Tensor:
        """Random input (k,) of one action, from torch's global generator when that is None.

        `previous` is what this method returned for the action before, None at the first of an
        episode; a process with memory goes on from it, independent noise disregards it.
        """

    @abstractmethod
    def act(self, obs: Tensor, noise: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] for observations (..., n) and random input (..., k)."""

    @abstractmethod
    def mode(self, obs: Tensor) -> Tensor:
        """Actions (..., m) in [-1, 1] without noise, used in evaluation, for obs (..., n)."""
