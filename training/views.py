"""Random views of a body: turned, stretched, cut, blurred, in noise, as CT or in any contrast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from enthesis.segment.network_frame import AIR_HU, CLASSES, HU_SCALE, N_SLICES, SIGNAL_SPAN
from enthesis.segment.network_frame import SPACING_MM as SEEN_MM
from training.render import PIXEL_MM, SLICE_MM, Rendered

WINDOW = (96, 80)
"""Pixels of a view to the right and to the front: 288 by 240 mm around the spine. The network reads
whole slices of any size afterwards."""

CT_SHARE = 0.6
"""Views that are CT; the others are signals without absolute scale."""

ANY = CLASSES.index("other")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Body:
    """A rendered body as tensors, indices (K, J, I)."""

    classes: Tensor
    attenuation: Tensor
    signal: Tensor


def to_tensors(made: Rendered, device: torch.device) -> Body:
    """The body on the device that learns."""
    return Body(
        classes=torch.from_numpy(np.ascontiguousarray(made.classes.T)).to(device),
        attenuation=torch.from_numpy(
            np.ascontiguousarray(made.attenuation.transpose(0, 3, 2, 1))
        ).to(device),
        signal=torch.from_numpy(np.ascontiguousarray(made.signal.transpose(0, 3, 2, 1))).to(device),
    )


def random_view(body: Body, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """One view.

    Returns
    -------
    What is shown, (N_SLICES + 1, J, I), and the classes of its middle slice, (J, I).
    """
    device = body.classes.device
    places = _places(body.classes.shape, rng).to(device)
    classes = _sample(body.classes[None], places[N_SLICES // 2 : N_SLICES // 2 + 1], "nearest")
    target = classes[0].round().long()
    is_ct = rng.random() < CT_SHARE
    source = body.attenuation if is_ct else body.signal
    picked = source[int(rng.integers(source.shape[0]))][None]
    empty = AIR_HU if is_ct else 0.0
    seen = _sample(picked - empty, places, "bilinear") + empty
    shown = _ct_view(seen, target, rng) if is_ct else _signal_view(seen / 255, target, rng)
    if rng.random() < 0.3:
        outside = ~_field(rng, device)
        edge = -float(np.arcsinh(-AIR_HU / HU_SCALE)) if is_ct else SIGNAL_SPAN[0]
        shown = shown.masked_fill(outside, edge)
        target = target.masked_fill(outside, ANY)
    flag = torch.full_like(shown[:1], float(is_ct))
    return torch.cat([shown, flag]), target


def whole_view(body: Body, k: int, *, ct: bool) -> tuple[Tensor, Tensor]:
    """The view of slice k as it is: straight, sharp, without noise; for checking."""
    places = _grid(np.eye(3), np.array([0.0, 0.0, (k + 0.5) * SLICE_MM]), body.classes.shape)
    places = places.to(body.classes.device)
    target = _sample(body.classes[None], places[N_SLICES // 2 : N_SLICES // 2 + 1], "nearest")
    if ct:
        hu = _sample(body.attenuation[0][None] - AIR_HU, places, "bilinear") + AIR_HU
        shown = torch.asinh(hu / HU_SCALE)
    else:
        shown = _scaled(_sample(body.signal[0][None], places, "bilinear") / 255, 1.0)
    return torch.cat([shown, torch.full_like(shown[:1], float(ct))]), target[0].round().long()


def _places(shape: torch.Size, rng: np.random.Generator) -> Tensor:
    """Where each voxel of the view lies in the body, as `grid_sample` wants it."""
    wide = rng.random() < 0.15
    turn = np.deg2rad(rng.normal(0, 25 if wide else 7))
    pitch, roll = np.deg2rad(rng.normal(0, 7)), np.deg2rad(rng.normal(0, 4))
    scale = np.exp(rng.normal(0, 0.10)) * np.exp(rng.normal(0, 0.06, 3))
    flip = np.array([rng.choice([-1, 1]), -1 if rng.random() < 0.08 else 1, 1])
    matrix = _turned(turn, 0, 1) @ _turned(pitch, 1, 2) @ _turned(roll, 0, 2)
    matrix = matrix * (scale * flip)
    reach = shape[0] * SLICE_MM
    aim = np.array([rng.normal(0, 16), rng.normal(-12, 14), rng.uniform(0.02, 0.98) * reach])
    grid = _grid(matrix, aim, shape)
    if rng.random() < 0.7:
        grid = grid + _elastic(rng, shape)
    return grid


def _grid(matrix: np.ndarray, aim: np.ndarray, shape: torch.Size) -> Tensor:
    """Places of a view that looks at `aim`: mm from the body's middle, and mm above its floor."""
    n_k, n_j, n_i = shape
    i = (torch.arange(WINDOW[0]) - (WINDOW[0] - 1) / 2) * SEEN_MM
    j = (torch.arange(WINDOW[1]) - (WINDOW[1] - 1) / 2) * SEEN_MM
    k = (torch.arange(N_SLICES) - (N_SLICES - 1) / 2) * SEEN_MM
    kk, jj, ii = torch.meshgrid(k, j, i, indexing="ij")
    points = torch.stack([ii, jj, kk], dim=-1) @ torch.tensor(matrix.T, dtype=torch.float32)
    points = points + torch.tensor(aim, dtype=torch.float32)
    half = torch.tensor([n_i * PIXEL_MM / 2, n_j * PIXEL_MM / 2, n_k * SLICE_MM / 2])
    # Heights count from the floor, the other two from the middle.
    points[..., 2] -= half[2]
    return points / half


def _elastic(rng: np.random.Generator, shape: torch.Size) -> Tensor:
    """Smooth random shifts within the plane, alike on all slices.

    Wide ones make a muscle flat or deep as a whole, as no two people's are alike; narrow ones
    bend its border.
    """
    wide = _shifts(rng.normal(0, rng.uniform(1, 6), (1, 2, 3, 4)))
    shifts = wide + _shifts(rng.normal(0, rng.uniform(1, 4.5), (1, 2, 6, 8)))
    half = torch.tensor([shape[2] * PIXEL_MM / 2, shape[1] * PIXEL_MM / 2])
    moved = shifts.permute(1, 2, 0) / half
    return functional.pad(moved, (0, 1))[None]


def _shifts(knots: np.ndarray) -> Tensor:
    size = (WINDOW[1], WINDOW[0])
    given = torch.tensor(knots, dtype=torch.float32)
    return functional.interpolate(given, size=size, mode="bicubic", align_corners=True)[0]


def _sample(volume: Tensor, places: Tensor, mode: str) -> Tensor:
    return functional.grid_sample(
        volume[None].float(), places[None], mode=mode, padding_mode="zeros", align_corners=False
    )[0, 0]


def _turned(angle: float, first: int, second: int) -> np.ndarray:
    matrix = np.eye(3)
    matrix[[first, first, second, second], [first, second, first, second]] = (
        np.cos(angle),
        -np.sin(angle),
        np.sin(angle),
        np.cos(angle),
    )
    return matrix


def _ct_view(hu: Tensor, inside: Tensor, rng: np.random.Generator) -> Tensor:
    if rng.random() < 0.5:
        # As bright as vessels with contrast medium, which may lie against the psoas.
        bright = float(rng.choice([130.0, 240.0]))
        hu = _crowded(hu, inside, rng, low=-120.0, high=bright, dark=AIR_HU * 0.6)
    hu = _blurred(hu, rng)
    hu = hu + float(rng.normal(0, 10))
    if rng.random() < 0.8:
        # Endplates and shells are thinner and duller than most of ours, which reach 1200 HU.
        start, gain = float(rng.uniform(60, 220)), float(rng.uniform(0.1, 1.0))
        hu = torch.where(hu > start, start + (hu - start) * gain, hu)
    hu = hu + _noise(hu, rng, sd=float(np.exp(rng.uniform(np.log(2), np.log(90)))))
    return torch.asinh(hu.clamp(min=AIR_HU) / HU_SCALE)


def _signal_view(signal: Tensor, inside: Tensor, rng: np.random.Generator) -> Tensor:
    if rng.random() < 0.4:
        signal = _crowded(signal, inside, rng, low=0.1, high=0.9, dark=0.0)
    signal = _blurred(signal, rng)
    signal = signal.clamp(min=0) ** float(np.exp(rng.normal(0, 0.35)))
    uneven = _smooth(signal, rng, coarse=4)[None]
    signal = signal * torch.exp(float(rng.uniform(0, 0.45)) * uneven)
    noise = float(np.exp(rng.uniform(np.log(0.005), np.log(0.10))))
    signal = (signal + _noise(signal, rng, sd=noise)).abs()
    return _scaled(signal, float(np.exp(rng.normal(0, 0.2))))


def _scaled(signal: Tensor, gain: float) -> Tensor:
    seen = signal[signal > 0.1 * torch.quantile(signal.flatten()[::7], 0.99)]
    high = torch.quantile(seen.flatten()[::7], 0.99) if seen.numel() > 50 else signal.max()
    start, stop = SIGNAL_SPAN
    share = gain * signal / high.clamp(min=1e-6)
    return (start + (stop - start) * share).clamp(start, stop)


def _crowded(
    values: Tensor,
    inside: Tensor,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    dark: float,
) -> Tensor:
    """Chance tissue in part of what has no name: no abdomen looks like another."""
    where = _smooth(values, rng, coarse=int(rng.integers(6, 16))) > float(rng.uniform(0.2, 1.2))
    filling = _smooth(values, rng, coarse=int(rng.integers(10, 30)))
    share = (0.5 + 0.5 * filling).clamp(0, 1)
    value = low + (high - low) * share
    if rng.random() < 0.3:
        value = torch.where(filling > 1.2, torch.full_like(value, dark), value)
    body = values > (AIR_HU * 0.5 if dark < 0 else 0.05)
    return torch.where(where & (inside == ANY) & body, value.expand_as(values), values)


def _blurred(values: Tensor, rng: np.random.Generator) -> Tensor:
    if rng.random() < 0.4:
        sigma = float(rng.uniform(0.3, 1.0))
        reach = torch.arange(-2, 3, device=values.device, dtype=torch.float32)
        bell = torch.exp(-((reach / sigma) ** 2) / 2)
        bell = bell / bell.sum()
        kernel = (bell[:, None] * bell[None])[None, None]
        padded = functional.pad(values[:, None], (2, 2, 2, 2), mode="replicate")
        values = functional.conv2d(padded, kernel)[:, 0]
    if rng.random() < 0.7:
        # Slices thicker than the body's own, or sharper: it was cut and then turned, which blurs.
        share = float(rng.uniform(-0.35, 0.25))
        above = torch.cat([values[1:], values[-1:]])
        below = torch.cat([values[:1], values[:-1]])
        values = (1 - 2 * share) * values + share * (above + below)
    return values


def _noise(like: Tensor, rng: np.random.Generator, *, sd: float) -> Tensor:
    made = torch.from_numpy(rng.standard_normal(tuple(like.shape), dtype=np.float32))
    made = made.to(like.device)
    if rng.random() < 0.5:
        made = functional.avg_pool2d(made[:, None], 3, 1, 1)[:, 0] * 2 + 0.5 * made
    return made * sd


def _smooth(like: Tensor, rng: np.random.Generator, *, coarse: int) -> Tensor:
    knots = torch.from_numpy(rng.standard_normal((1, 1, coarse, coarse), dtype=np.float32))
    size = (like.shape[-2], like.shape[-1])
    smooth = functional.interpolate(knots, size=size, mode="bicubic", align_corners=True)
    return smooth[0, 0].to(like.device)


def _field(rng: np.random.Generator, device: torch.device) -> Tensor:
    """Pixels within a cropped field of view: a box, or a circle."""
    j = torch.arange(WINDOW[1], device=device)[:, None] - WINDOW[1] / 2
    i = torch.arange(WINDOW[0], device=device)[None] - WINDOW[0] / 2
    if rng.random() < 0.5:
        radius = float(rng.uniform(25, 60))
        return (i - float(rng.normal(0, 8))) ** 2 + (j - float(rng.normal(0, 8))) ** 2 < radius**2
    left, right = rng.uniform(20, 64, 2)
    back, front = rng.uniform(20, 48, 2)
    return (i > -left) & (i < right) & (j > -back) & (j < front)
