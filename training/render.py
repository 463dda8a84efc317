"""One random body as arrays: its classes, its attenuation and its signal in several contrasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.anatomy import region
from enthesis.phantom.beam import TUBE_KVP, attenuation
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.geometry import axial_plane
from enthesis.phantom.grid import grid_around
from enthesis.phantom.scene import scene
from enthesis.phantom.spine import Piece
from enthesis.phantom.tissues import FAT_T1_MS, FAT_T2_MS, TISSUES, fat_fraction
from enthesis.segment.network_frame import AIR_HU, CLASSES

PIXEL_MM = 2.0
"""Size of a voxel to the right and to the front, mm: finer than the network's, for it is turned."""

SLICE_MM = 3.0

CUTS_PER_SLICE = 2
"""Thin cuts in the distance of two slices; a slice is the mean of one and half of its neighbours,
and has the labels of the one."""

N_ATTENUATIONS, N_SIGNALS = 2, 4
"""How often the tissues are given random values, in CT and in MR, per body."""

UNLIKE_HU: Mapping[str, tuple[float, float]] = {
    "liver": (-45.0, 20.0),
    "bowel_content": (-40.0, 150.0),
    "urine": (0.0, 400.0),
    "annulus": (-25.0, 35.0),
    "nucleus": (-25.0, 35.0),
    "cerebrospinal_fluid": (-15.0, 25.0),
    "ligament": (-20.0, 40.0),
}
"""By how much a tissue may leave its usual attenuation, HU: diet, age, contrast medium drunk."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendered:
    """One body.

    Parameters
    ----------
    classes : (I, J, K) indices into `CLASSES`
    attenuation : (N_ATTENUATIONS, I, J, K) HU
    signal : (N_SIGNALS, I, J, K) 0..255
    """

    classes: NDArray[np.uint8]
    attenuation: NDArray[np.int16]
    signal: NDArray[np.uint8]


def render(body: LumbarBody, rng: np.random.Generator) -> Rendered:
    """Draw a body's textures and contrasts and lay voxels through it."""
    settled = scene(body, rng)
    grid = grid_around(settled, (PIXEL_MM, PIXEL_MM, SLICE_MM))
    beams = [_Beam.by_chance(body, rng, usual=i == 0) for i in range(N_ATTENUATIONS)]
    contrasts = [_contrast(rng, physical=i < N_SIGNALS - 1) for i in range(N_SIGNALS)]
    cuts = np.arange(-1, CUTS_PER_SLICE * grid.shape[2]) * SLICE_MM / CUTS_PER_SLICE + grid.z[0]
    classes = np.zeros(grid.shape, np.uint8)
    values = np.zeros((len(beams) + len(contrasts), *grid.shape), np.float32)
    empty = np.array([AIR_HU] * len(beams) + [0.0] * len(contrasts), np.float32)
    for number, z in enumerate(cuts, start=-1):
        k, aside = divmod(number, CUTS_PER_SLICE)
        plane = axial_plane(settled.curve, grid.x, grid.y, float(z))
        seen = np.empty(values.shape[:3], np.float32)
        seen[:] = empty[:, None, None]
        for piece in settled.pieces(plane):
            covered = np.clip(piece.depth / np.float32(PIXEL_MM) + np.float32(0.5), 0, 1)
            if not covered.any():
                continue
            for i, beam in enumerate(beams):
                _lay(seen[i], piece, covered, beam.of(piece))
            for i, contrast in enumerate(contrasts, start=len(beams)):
                _lay(seen[i], piece, covered, contrast.of(piece))
            if not aside and piece.region is not None:
                under = classes[:, :, k][piece.box]
                under[np.broadcast_to(covered > 0.5, under.shape)] = class_of(piece)
        if not aside:
            values[..., k] += seen / 2
            continue
        for neighbour in (k, k + 1):
            if 0 <= neighbour < grid.shape[2]:
                values[..., neighbour] += seen / 4
    signal = values[len(beams) :]
    signal *= 255 / np.maximum(signal.max(axis=(1, 2, 3), keepdims=True), 1e-6)
    return Rendered(
        classes=classes,
        attenuation=np.rint(values[: len(beams)]).astype(np.int16),
        signal=np.rint(signal).astype(np.uint8),
    )


def class_of(piece: Piece) -> int:
    """Index of the class that a piece of the body belongs to."""
    if not piece.region:
        return CLASSES.index("skeletal_muscle") if piece.tissue == "muscle" else 0
    structure = region(piece.region).structure
    return CLASSES.index(structure) if structure in CLASSES else 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Beam:
    """A tube voltage, a phase of contrast medium, and tissues that are not quite the usual ones."""

    body: LumbarBody
    kvp: float
    offset: Mapping[str, float]

    @classmethod
    def by_chance(cls, body: LumbarBody, rng: np.random.Generator, *, usual: bool) -> _Beam:
        medium = 0.0 if usual and rng.random() < 0.6 else float(rng.uniform(0, 280))
        return cls(
            body=replace(body, contrast_hu=medium),
            kvp=float(rng.choice(TUBE_KVP, p=(0.1, 0.25, 0.55, 0.1))),
            offset={name: float(rng.uniform(*bounds)) for name, bounds in UNLIKE_HU.items()},
        )

    def of(self, piece: Piece) -> ArrayLike:
        hu = attenuation(piece, self.body, self.kvp)
        offset = self.offset.get(piece.tissue)
        return hu if offset is None else np.asarray(hu) + offset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contrast:
    """What water and fat of each tissue give."""

    water: Mapping[str, float]
    fat: float
    opposed: bool

    def of(self, piece: Piece) -> NDArray[np.float32] | np.float32:
        share = np.asarray(fat_fraction(piece.tissue, piece.fat), np.float32)
        protons = np.float32(TISSUES[piece.tissue].protons)
        water = np.float32(self.water[piece.tissue]) * (1 - share)
        fat = np.float32(self.fat) * share
        return np.asarray(protons * (np.abs(water - fat) if self.opposed else water + fat))


def _contrast(rng: np.random.Generator, *, physical: bool) -> _Contrast:
    """A weighting of spin or gradient echo, or values by chance."""
    if not physical:
        water = {name: float(rng.uniform(0.05, 1)) for name in TISSUES}
        return _Contrast(
            water=water | {"cortical_bone": 0.3}, fat=float(rng.uniform(0.05, 1)), opposed=False
        )
    repetition, echo = (
        (rng.uniform(400, 900), rng.uniform(7, 20))
        if rng.random() < 0.5
        else (rng.uniform(2000, 6000), rng.uniform(20, 120))
    )
    water = {
        name: float(_spin_echo(t.t1_ms, t.t2_ms, repetition, echo) * np.exp(rng.normal(0, 0.15)))
        for name, t in TISSUES.items()
    }
    kind = rng.random()
    fat = _spin_echo(FAT_T1_MS, FAT_T2_MS, repetition, echo) * float(np.exp(rng.normal(0, 0.15)))
    if kind < 0.15:
        fat *= 0.05  # fat suppressed, or the water of a Dixon scan
    elif kind < 0.25:
        water = dict.fromkeys(water, 0.02)  # the fat of a Dixon scan
    return _Contrast(water=water, fat=fat, opposed=0.25 <= kind < 0.35)


def _spin_echo(t1: float, t2: float, repetition: float, echo: float) -> float:
    return float((1 - np.exp(-repetition / t1)) * np.exp(-echo / t2))


def _lay(
    channel: NDArray[np.float32],
    piece: Piece,
    covered: NDArray[np.float32],
    value: ArrayLike,
) -> None:
    under = channel[piece.box]
    under += covered * (np.asarray(value, dtype=np.float32) - under)
