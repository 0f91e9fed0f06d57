# SPDX-License-Identifier: Apache-2.0
"""Speed of soft Q-learning's update beside the same update written naively; its sampler's modes.

Times are the processor's (other processes may run). The machine's speed still wavers, so the two
take turns in short blocks and their ratio is what compares from one measurement to the next.
"""

from __future__ import annotations

from collections.abc import Callable
import copy
import math
import statistics
import time
from typing import Any

from result_file import write_result
import torch
from torch import Tensor, nn
from torch.nn import functional
from two_modes import CASES, SEEDS, shortfalls, two_mode_shares

from maxent_rl.replay_buffer import Batch
from maxent_rl.runner import configure_torch
from maxent_rl.soft_q import SoftQ, SoftQConfig

BLOCKS, BLOCK = 12, 6  # BLOCK updates of each, BLOCKS times
SIZES = {
    'pusher': (
        15,
        3,
        SoftQConfig(hidden=(128, 128), batch_size=64, particles=16, value_samples=32),
    ),
    'default': (20, 7, SoftQConfig()),
}
# Updates per second at commit b715203, before the pass over the update that the profile guided,
# measured in turns with the present ones: pages that the C library gave back and got cleared
# again (heap.py), numpy's partition for torch's median, exponents that end below float32's range.
BEFORE = {'pusher': 74.0, 'default': 23.9}


class NaiveSoftQ:
    """The update of `SoftQ` with the obvious parts: torch's layers, Adam and `min`.

    Every pair of state and action is a row of its own and both Q-functions are evaluated apart.
    """

    def __init__(self, learner: SoftQ) -> None:
        self.config, self.act_dim = learner.config, learner.act_dim
        self.policy = copy.deepcopy(learner.policy)
        self.q = nn.ModuleList([copy.deepcopy(learner.q1), copy.deepcopy(learner.q2)])
        self.target = copy.deepcopy(self.q)
        self.q_adam = torch.optim.Adam(self.q.parameters(), self.config.learning_rate)
        self.pi_adam = torch.optim.Adam(self.policy.parameters(), self.config.policy_learning_rate)

    def update(self, batch: Batch) -> dict[str, float]:
        """Make the same gradient step as `SoftQ.update`."""
        values = [_value(q, batch.obs, batch.action) for q in self.q]
        target = self._target(batch)
        q_loss = sum(0.5 * (value - target).square().mean() for value in values)
        self.q_adam.zero_grad()
        q_loss.backward()
        pi_loss, svgd = self._policy_loss(batch.obs)
        self.pi_adam.zero_grad()
        pi_loss.backward()
        metrics = {'q_loss': q_loss.item(), 'q_mean': values[0].mean().item(), 'svgd': svgd.item()}
        for module in (self.q, self.policy):
            squares = [p.grad.square().sum() for p in module.parameters() if p.grad is not None]
            metrics[f'gradient {len(metrics)}'] = sum(squares).item()
        if not all(math.isfinite(figure) for figure in metrics.values()):
            raise ValueError(metrics)
        self.q_adam.step()
        self.pi_adam.step()
        pairs = zip(self.target.parameters(), self.q.parameters(), strict=True)
        with torch.no_grad():
            for old, new in pairs:
                old.lerp_(new, self.config.target_smoothing)
        return metrics

    def _target(self, batch: Batch) -> Tensor:
        config, m, temperature = self.config, self.act_dim, self.config.temperature
        size, k, width = len(batch.obs), config.value_samples, config.value_width
        with torch.no_grad():
            centres = torch.tanh(self._samples(batch.next_obs))
            chosen = torch.randint(config.particles, (size, k // 2, 1)).expand(-1, -1, m)
            near = centres.gather(1, chosen) + width * torch.randn(size, k // 2, m)
            uniform = torch.rand(size, k - k // 2, m) * 2.0 - 1.0
            action = torch.cat((near, uniform), dim=1)
            outside = (action.abs() > 1.0).any(dim=-1)
            gap = (action.unsqueeze(2) - centres.unsqueeze(1)).square().sum(dim=-1)
            log_near = torch.logsumexp(-gap / (2.0 * width**2), dim=-1)
            log_near -= math.log(config.particles) + m * math.log(width * math.sqrt(2 * math.pi))
            density = torch.logaddexp(log_near, torch.tensor(-m * math.log(2.0))) - math.log(2.0)
            density = density.masked_fill(outside, math.inf)
            rows = _rows(batch.next_obs, k), action.clamp(-1.0, 1.0).reshape(-1, m)
            q = torch.minimum(*(_value(q, *rows) for q in self.target)).view(size, k)
            value = torch.logsumexp(q / temperature - density, dim=-1) - math.log(k)
            alive = 1.0 - batch.terminated
            return batch.reward + config.discount * alive * temperature * value

    def _policy_loss(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        temperature, k = self.config.temperature, self.config.particles
        u = self._samples(obs)
        action = torch.tanh(u.detach()).requires_grad_()
        rows = _rows(obs, k), action.view(-1, self.act_dim)
        q = torch.minimum(*(_value(q, *rows) for q in self.q))
        (slope,) = torch.autograd.grad(q.sum(), action)
        with torch.no_grad():
            score = slope * (1.0 - action**2) - 2.0 * temperature * action
            gap = u.unsqueeze(1) - u.unsqueeze(2)
            squared = gap.square().sum(dim=-1)
            h = squared.flatten(1).median(dim=-1).values / (2.0 * math.log(k + 1.0))
            h = h.clamp_min(1e-6).view(-1, 1, 1)
            kernel = torch.exp(-squared / h)
            repulsion = (2.0 / h.unsqueeze(-1) * gap * kernel.unsqueeze(-1)).sum(dim=2)
            direction = (kernel @ score - score - temperature * repulsion) / (k - 1)
        return -(direction * u).sum(dim=-1).mean(), direction.norm(dim=-1).mean()

    def _samples(self, obs: Tensor) -> Tensor:
        k, m = self.config.particles, self.act_dim
        noise = torch.randn(len(obs) * k, m)
        x = torch.cat((_rows(obs, k), noise), dim=-1)
        for layer in self.policy.layers[:-1]:
            x = functional.relu(functional.linear(x, layer.weight, layer.bias))
        last = self.policy.layers[-1]
        u = functional.linear(x, last.weight, last.bias) + noise @ self.policy.direct
        return u.view(len(obs), k, m)


def _rows(obs: Tensor, k: int) -> Tensor:
    return obs.repeat_interleave(k, dim=0)


def _value(q: nn.Module, obs: Tensor, action: Tensor) -> Tensor:
    x = torch.cat((obs, action), dim=-1)
    for layer, norm in zip(q.layers[:-1], q.norms, strict=True):
        x = functional.relu(norm(functional.linear(x, layer.weight, layer.bias)))
    return functional.linear(x, q.layers[-1].weight, q.layers[-1].bias).squeeze(-1)


def random_batch(size: int, obs_dim: int, act_dim: int) -> Batch:
    """Transitions of no environment."""
    generator = torch.Generator().manual_seed(0)
    return Batch(
        obs=torch.randn(size, obs_dim, generator=generator),
        action=torch.rand(size, act_dim, generator=generator) * 2.0 - 1.0,
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, obs_dim, generator=generator),
        terminated=(torch.rand(size, generator=generator) < 0.1).float(),
    )


def measure(obs_dim: int, act_dim: int, config: SoftQConfig) -> dict[str, float]:
    """Updates per second of one core, and how many fit into one naive update's time."""
    learner = SoftQ(obs_dim, act_dim, config, seed=0)
    naive = NaiveSoftQ(learner)
    batch = random_batch(config.batch_size, obs_dim, act_dim)
    pairs = [(_seconds(learner.update, batch), _seconds(naive.update, batch))]
    pairs = [
        (_seconds(learner.update, batch), _seconds(naive.update, batch)) for _ in range(BLOCKS)
    ]
    return {
        'updates_per_s': round(1.0 / statistics.median(mine for mine, _ in pairs), 1),
        'naive_updates_per_s': round(1.0 / statistics.median(other for _, other in pairs), 1),
        'ratio': round(statistics.median(other / mine for mine, other in pairs), 2),
    }


def _seconds(update: Callable[[Batch], Any], batch: Batch) -> float:
    start = time.process_time()
    for _ in range(BLOCK):
        update(batch)
    return (time.process_time() - start) / BLOCK


def main() -> None:
    """Measure both sizes and the sampler, and write SQL_SPEED.json."""
    configure_torch()
    start = time.monotonic()
    figures: dict[str, Any] = {name: measure(*size) for name, size in SIZES.items()}
    for name, speed in figures.items():
        speed['updates_per_s_before'] = BEFORE[name]
        print(name, speed)
    modes = [two_mode_shares(*case) for case in CASES]
    for case in modes:
        print('two modes', case)
    figures['two_mode'] = modes
    budget = {'wall_s': round(time.monotonic() - start, 1)}
    command = 'maxent bench soft_q_updates'
    write_result('SQL_SPEED', command, range(SEEDS), budget, figures, shortfalls(modes))


if __name__ == '__main__':
    main()
