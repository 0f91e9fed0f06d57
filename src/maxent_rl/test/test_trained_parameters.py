# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from maxent_rl.trained_parameters import TrainedParameters


def made():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
        layer.bias.fill_(0.5)
    return layer, TrainedParameters([*layer.parameters()], 0.1)


def step(layer, trained):
    trained.gradient(layer(torch.tensor([[3.0, 4.0]])).sum())
    trained.optimiser.step()


def test_moving_parameters_into_one_storage_keeps_their_values():
    layer, _ = made()
    assert layer.weight.tolist() == [[1.0, -2.0]]
    assert layer.bias.tolist() == [0.5]


def test_a_step_is_that_of_adam_on_each_parameter():
    layer, trained = made()
    plain = nn.Linear(2, 1)
    plain.load_state_dict(layer.state_dict())
    adam = torch.optim.Adam(plain.parameters(), lr=0.1)
    for _ in range(3):
        step(layer, trained)
        adam.zero_grad()
        plain(torch.tensor([[3.0, 4.0]])).sum().backward()
        adam.step()
    torch.testing.assert_close(layer.weight, plain.weight)
    torch.testing.assert_close(layer.bias, plain.bias)


def test_frozen_parameters_let_gradients_through_and_thaw_after_an_error():
    layer, trained = made()
    x = torch.ones(1, 2, requires_grad=True)
    with trained.frozen():
        layer(x).sum().backward()
        assert layer.weight.grad is None
    torch.testing.assert_close(x.grad, torch.tensor([[1.0, -2.0]]))
    with pytest.raises(RuntimeError, match='meanwhile'), trained.frozen():
        raise RuntimeError('meanwhile')
    assert all(parameter.requires_grad for parameter in layer.parameters())


def test_adam_goes_on_from_a_saved_state_exactly():
    layer, trained = made()
    step(layer, trained)
    other, resumed = made()
    other.load_state_dict(layer.state_dict())
    resumed.load_state('adam', trained.state('adam'), started=True)
    step(layer, trained)
    step(other, resumed)
    assert torch.equal(layer.weight, other.weight)


def test_a_state_that_lacks_adams_memory_is_refused_by_name():
    _, trained = made()
    with pytest.raises(ValueError, match=r'adam\.exp_avg'):
        trained.load_state('adam', {}, started=True)
