# SPDX-License-Identifier: Apache-2.0
"""Features of an image that ends an observation, as SAC learned the valve task from pixels.

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", section 7.3: "two
convolutional (four 3x3 filters) and max pool (3x3) layers". The paper does not say how far the
windows move; as in the authors' code the pools do not overlap, and borders are padded.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from maxent_rl.pixels import pixel_count

FILTERS = 4
KERNEL = 3
POOL = 3

_MIDDLE = 0.5  # of a pixel, n/255: inputs around zero


class Convolution(nn.Module):
    """Filters 3x3 with weight (outputs, inputs, 3, 3) and bias (outputs,), uninitialised."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.empty(outputs))


class ImageEncoder(nn.Module):
    """Maps observations to their vector part and the features of their image.

    Args:
        obs_dim: n, numbers of an observation, of which the last h * w * c are the image.
        image: (h, w, c): rows, columns and channels, in the order in which the pixels come.
        generator: of the first parameters, uniform in +-1/sqrt(inputs of a filter); torch's
            global one when None.

    Raises:
        ValueError: a shape that is none, or larger than the observation.
    """

    def __init__(
        self, obs_dim: int, image: Sequence[int], generator: Generator | None = None
    ) -> None:
        super().__init__()
        if len(image) != 3 or min(image) < 1 or pixel_count(image) > obs_dim:
            raise ValueError(
                f'image must be (height, width, channels) of at most {obs_dim} numbers, '
                f'got {tuple(image)}'
            )
        height, width, channels = image
        self.image = height, width, channels
        self.vector_dim = obs_dim - pixel_count(image)
        for _ in range(2):
            height, width = -(-height // POOL), -(-width // POOL)
        self.encoded_dim = self.vector_dim + FILTERS * height * width  # f, numbers of the result
        self.conv1 = Convolution(channels, FILTERS)
        self.conv2 = Convolution(FILTERS, FILTERS)
        with torch.no_grad():
            for layer in self.convolutions:
                bound = 1.0 / math.sqrt(layer.weight[0].numel())
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    @property
    def convolutions(self) -> tuple[Convolution, Convolution]:
        """Both, in order."""
        return self.conv1, self.conv2

    def forward(self, obs: Tensor) -> Tensor:
        """Vector part and features (..., f) of obs (..., n)."""
        return encode_together([self], obs)[0]


def encode_together(encoders: Sequence[ImageEncoder], obs: Tensor) -> list[Tensor]:
    """What each of some encoders of one shape makes of the same obs (..., n): (..., f) each.

    Convolutions of four filters leave most of a processor idle: three encoders at once take
    little longer than one. Parameters are copied on the way, so that where they lie in memory
    plays no part in how results are rounded.
    """
    count, first = len(encoders), encoders[0]
    flat = obs.reshape(-1, obs.shape[-1])
    vector, pixels = flat[:, : first.vector_dim], flat[:, first.vector_dim :]
    # The pixels stay in their order, channels last, in which convolution and pool are fastest.
    x = (pixels - _MIDDLE).view(-1, *first.image).permute(0, 3, 1, 2)
    by_depth = zip(*(encoder.convolutions for encoder in encoders), strict=True)
    for depth, layers in enumerate(by_depth):
        weight = torch.cat([layer.weight for layer in layers])
        bias = torch.cat([layer.bias for layer in layers])
        groups = 1 if depth == 0 else count  # all see the same image, then each its own filters
        x = functional.conv2d(x, weight, bias, padding=KERNEL // 2, groups=groups)
        # The largest of a window is found before ReLU, which is the same and less to compute.
        x = functional.relu(functional.max_pool2d(x, POOL, ceil_mode=True))
    parts = x.reshape(len(flat), count, -1).unbind(dim=1)
    return [torch.cat((vector, part), dim=1).view(*obs.shape[:-1], -1) for part in parts]
