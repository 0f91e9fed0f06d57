# SPDX-License-Identifier: Apache-2.0
"""The image encoder against its layers written out, and what it may not depend on."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from maxent_rl.image_encoder import FILTERS, ImageEncoder, encode_together

IMAGE = (5, 7, 2)
OBS_DIM = 3 + 5 * 7 * 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def observations(count=6, seed=1):
    return torch.rand((count, OBS_DIM), generator=seeded(seed))


def written_out(encoder, image):
    """The layers of section 7.3 on one image (h, w, c), with plain loops."""
    x = image.numpy() - 0.5
    for layer in encoder.convolutions:
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        height, width, _ = x.shape
        lit = np.zeros((height, width, FILTERS))
        for row in range(height):
            for column in range(width):
                window = padded[row : row + 3, column : column + 3].transpose(2, 0, 1)
                lit[row, column] = np.maximum((weight * window).sum(axis=(1, 2, 3)) + bias, 0.0)
        x = np.stack(
            [
                [lit[r : r + 3, c : c + 3].max(axis=(0, 1)) for c in range(0, width, 3)]
                for r in range(0, height, 3)
            ]
        )
    return x.transpose(2, 0, 1).reshape(-1)


def test_it_is_two_convolutions_each_with_relu_and_the_largest_of_three_by_three():
    encoder, obs = ImageEncoder(OBS_DIM, IMAGE, seeded()), observations()
    encoded = encoder(obs)
    assert encoded.shape == (6, encoder.encoded_dim) == (6, 3 + FILTERS)
    assert torch.equal(encoded[:, :3], obs[:, :3])  # the vector part passes as it is
    for row, own in zip(encoded, obs, strict=True):
        wanted = written_out(encoder, own[3:].view(IMAGE))
        np.testing.assert_allclose(row[3:].detach(), wanted, rtol=1e-4, atol=1e-6)


def test_the_valve_picture_of_the_paper_gives_64_features():
    assert ImageEncoder(27 + 32 * 32 * 3, (32, 32, 3), seeded()).encoded_dim == 27 + 64


def test_every_pixel_matters():
    """None falls off the border, whatever the size: pools cover the last rows too."""
    encoder = ImageEncoder(32 * 32, (32, 32, 1), seeded())
    with torch.no_grad():  # a filter that lets its centre pass
        for layer in encoder.convolutions:
            layer.weight.zero_()
            layer.weight[:, 0, 1, 1] = 1.0
            layer.bias.zero_()
    obs = torch.zeros(32 * 32, 32 * 32)
    obs.fill_diagonal_(1.0)
    features = encoder(obs)
    assert (features.amax(dim=1) == 0.5).all()
    assert (encoder(torch.zeros(1, 32 * 32)) == 0.0).all()


def test_several_encoders_together_give_what_each_gives_alone():
    encoders = [ImageEncoder(OBS_DIM, IMAGE, seeded(seed)) for seed in range(3)]
    obs = observations(40)
    together = encode_together(encoders, obs)
    alone = [encoder(obs) for encoder in encoders]
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
    slopes = torch.autograd.grad(sum(x.sin().sum() for x in together), parameters(encoders))
    wanted = torch.autograd.grad(sum(x.sin().sum() for x in alone), parameters(encoders))
    torch.testing.assert_close(slopes, wanted, rtol=1e-4, atol=1e-5)


def parameters(encoders):
    return [p for encoder in encoders for p in encoder.parameters()]


def test_gradients_are_those_of_the_layers_one_by_one():
    encoder = ImageEncoder(OBS_DIM, IMAGE, seeded())
    obs = observations()
    x = (obs[:, 3:].view(-1, *IMAGE) - 0.5).permute(0, 3, 1, 2)
    for layer in encoder.convolutions:
        x = functional.relu(functional.conv2d(x, layer.weight, layer.bias, padding=1))
        x = functional.max_pool2d(x, 3, ceil_mode=True)
    wanted = torch.autograd.grad(x.square().sum(), parameters([encoder]))
    slopes = torch.autograd.grad(encoder(obs)[:, 3:].square().sum(), parameters([encoder]))
    torch.testing.assert_close(slopes, wanted, rtol=1e-4, atol=1e-6)
    assert all(slope.abs().sum() > 0.0 for slope in slopes)


def test_one_observation_and_observations_of_several_axes_keep_their_axes():
    encoder, obs = ImageEncoder(OBS_DIM, IMAGE, seeded()), observations(6)
    whole = encoder(obs)
    assert encoder(obs[0]).shape == (3 + FILTERS,)
    torch.testing.assert_close(encoder(obs[0]), whole[0])
    assert torch.equal(encoder(obs.view(2, 3, -1)), whole.view(2, 3, -1))


def test_the_generator_decides_the_first_parameters_and_torchs_own_is_left_alone():
    before = torch.get_rng_state()
    first, same, other = (ImageEncoder(OBS_DIM, IMAGE, seeded(s)) for s in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), before)
    pairs = zip(parameters([first]), parameters([same]), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)
    assert not torch.equal(first.convolutions[0].weight, other.convolutions[0].weight)


@pytest.mark.parametrize('image', [(5, 7), (5, 7, 0), (5, 7, 3), (1, 1, 1, 1)])
def test_a_shape_that_is_none_or_does_not_fit_is_refused(image):
    with pytest.raises(ValueError, match=r'of at most 73 numbers, got \(') as refused:
        ImageEncoder(OBS_DIM, image)
    assert str(image) in str(refused.value)
