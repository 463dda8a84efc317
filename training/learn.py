"""Learning: views drawn beside the steps, averaged weights, a state that can be taken up again."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from enthesis.segment.network_frame import CLASSES
from training.model import SmallUNet
from training.views import Body, random_view, whole_view

BATCH = 8
RATE = 3e-3
WARM_UP = 200
WEIGHT_DECAY = 1e-4
AVERAGED_STEPS = 400
"""The kept weights are a running mean over about this many steps."""

KEPT_EVERY = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is made of; a state is only taken up by the plan that it began with.

    Parameters
    ----------
    seed : of the first weights and of every view
    steps : of `BATCH` views
    """

    seed: int
    steps: int


def learn(
    bodies: Sequence[Body],
    plan: Plan,
    *,
    state: Path,
    device: torch.device,
    tell: Callable[[str], None],
) -> nn.Module:
    """The averaged network after all steps; a run that was stopped goes on from `state`.

    Parameters
    ----------
    bodies : to learn from
    plan : the run
    state : file for the state of the run
    device : where to learn
    tell : is given a line now and then
    """
    torch.manual_seed(plan.seed)
    net = SmallUNet().to(device, memory_format=torch.channels_last)
    mean = copy.deepcopy(net)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    first = 0
    if state.exists():
        kept = torch.load(state, map_location=device)
        first = kept["step"]
        net.load_state_dict(kept["net"])
        mean.load_state_dict(kept["mean"])
        optimiser.load_state_dict(kept["optimiser"])
    loss_mean = math.nan
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(_batch, bodies, plan.seed, first)
        for step in range(first, plan.steps):
            shown, target = coming.result()
            coming = beside.submit(_batch, bodies, plan.seed, step + 1)
            for group in optimiser.param_groups:
                group["lr"] = _rate(step, plan.steps)
            loss = _step(net, optimiser, shown, target)
            loss_mean = loss if math.isnan(loss_mean) else 0.98 * loss_mean + 0.02 * loss
            _average(mean, net, step)
            if (step + 1) % KEPT_EVERY == 0 or step + 1 == plan.steps:
                _keep(state, step + 1, net, mean, optimiser)
                tell(f"step {step + 1} of {plan.steps}: loss {loss_mean:.3f}")
    return mean.eval()


def dice_on(net: nn.Module, bodies: Sequence[Body], *, ct: bool) -> dict[str, float]:
    """Dice of each class over bodies that were not learnt from, straight and without noise."""
    hits, sizes = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for body in bodies:
        for k in range(2, body.classes.shape[0] - 2, 2):
            shown, target = whole_view(body, k, ct=ct)
            with torch.no_grad():
                found = net(shown[None]).argmax(1)[0]
            for i in range(len(CLASSES)):
                hits[i] += 2 * float(((found == i) & (target == i)).sum())
                sizes[i] += float((found == i).sum() + (target == i).sum())
    return {name: hits[i] / max(sizes[i], 1) for i, name in enumerate(CLASSES) if i}


def _batch(bodies: Sequence[Body], seed: int, step: int) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng([seed, step])
    views = [random_view(bodies[int(rng.integers(len(bodies)))], rng) for _ in range(BATCH)]
    shown = torch.stack([view[0] for view in views])
    return shown.contiguous(memory_format=torch.channels_last), torch.stack([v[1] for v in views])


def _step(net: nn.Module, optimiser: torch.optim.Optimizer, shown: Tensor, target: Tensor) -> float:
    net.train()
    with torch.autocast(shown.device.type, torch.bfloat16):
        logits = net(shown)
    logits = logits.float()
    loss = functional.cross_entropy(logits, target) + _soft_dice_loss(logits, target)
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


def _soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the mean soft Dice of the classes that the batch holds."""
    share = logits.softmax(1)
    wanted = functional.one_hot(target, len(CLASSES)).permute(0, 3, 1, 2).float()
    over = (0, 2, 3)
    both, either = (share * wanted).sum(over), (share + wanted).sum(over)
    there = wanted.sum(over) > 0
    there[0] = False
    dice = (2 * both + 1) / (either + 1)
    return 1 - dice[there].mean() if bool(there.any()) else logits.sum() * 0


def _rate(step: int, steps: int) -> float:
    return (
        RATE
        * min(1.0, (step + 1) / WARM_UP)
        * (0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2)
    )


def _average(mean: nn.Module, net: nn.Module, step: int) -> None:
    keep = min(1 - 1 / AVERAGED_STEPS, (step + 1) / (step + 10))
    with torch.no_grad():
        for old, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - keep)
            else:
                old.copy_(new)


def _keep(
    path: Path, step: int, net: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    unfinished = path.with_suffix(".part")
    torch.save(
        {
            "step": step,
            "net": net.state_dict(),
            "mean": mean.state_dict(),
            "optimiser": optimiser.state_dict(),
        },
        unfinished,
    )
    unfinished.replace(path)
