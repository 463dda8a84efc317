"""Areas and fat measured on digital bodies beside their truth, over sizes, fat and voxels.

Run ``python benchmarks/phantom_grid.py`` (minutes); prints the table of docs/measuring.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis import muscle, regions
from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.image import Image, LabelMap
from enthesis.muscle import Anchors
from enthesis.muscle.edges import EDGES
from enthesis.phantom import LumbarBody, lumbar_ct, lumbar_dixon
from enthesis.phantom.body import MUSCLES, SIDES
from enthesis.phantom.geometry import axial_plane
from enthesis.phantom.scene import NUMBERS, Scene, scene
from enthesis.records import Measurement

SIZES = (0.75, 1.0, 1.25)
"""Factors of the areas."""

FATS = (0.0, 1.0, 2.0)
"""Factors of the fat: none, as in a middle-aged adult, twice that."""

VOXELS_MM = ((1.0, 1.0, 1.0), (3.0, 3.0, 3.0))

LEAST_MM2 = 400.0
"""Smallest cut that the table counts, mm2: 44 pixels of 3 mm."""

SEED = 7

POINT_MM = 0.5
"""Distance between the points that are counted on a plane across the true spine, mm."""

COARSE_MM = 0.9
STEPS_MM = np.arange(-18.0, 18.1, 1.5)
"""The same, and where planes cross the spine, mm from the middle of a body, for the mean of those
within its height."""

HALF_OF_BODY = 0.5
"""Share of its largest cut from which a plane lies within the height of a body."""

Areas = dict[tuple[str, str, str], float]
"""Muscle, side and level → area, mm2."""


def body(size: float, fat: float) -> LumbarBody:
    """The reference body with its muscles larger or smaller, leaner or fatter."""
    usual = LumbarBody()
    changed = {
        name: replace(
            usual.compartment(name),
            area_mm2=tuple(size * area for area in usual.compartment(name).area_mm2),
            fat_percent=fat * usual.compartment(name).fat_percent,
        )
        for name in MUSCLES
    }
    return replace(usual, **changed)


def true_across(settled: Scene, *, over_height: bool) -> Areas:
    """Areas on the planes at right angles to the true spine through the middle of each body.

    Parameters
    ----------
    settled : the body
    over_height : the mean of parallel planes over the body's height instead
    """
    pixel, steps = (COARSE_MM, STEPS_MM) if over_height else (POINT_MM, np.zeros(1))
    found: Areas = {}
    for i, level in enumerate(LUMBAR_LEVELS, start=1):
        middle = float(settled.curve.middles[i])
        counts = np.array([across_at(settled, middle, step, pixel) for step in steps])
        of_body = counts[:, NUMBERS[f"vertebral_body_{level}"]]
        mean = counts[of_body >= HALF_OF_BODY * of_body.max()].mean(axis=0)
        for name in MUSCLES:
            for side in SIDES:
                found[name, side, level] = mean[NUMBERS[f"{name}_{side}"]]
    return found


def across_at(settled: Scene, middle: float, step: float, pixel: float) -> NDArray[np.float64]:
    """Area of every region on the plane across the spine at `middle`, moved along it by `step`."""
    curve = settled.curve
    angle = float(np.interp(middle, curve.s, curve.angle))
    rise = np.tan(angle)
    at_zero = curve.height_of(middle) + step / np.cos(angle)
    at_zero -= rise * float(np.interp(middle, curve.s, curve.y))
    x, y = np.arange(-100, 100, pixel), np.arange(-135, 70, pixel)
    plane = axial_plane(curve, x, y, float(at_zero), rise=float(rise))
    owner = np.zeros((x.size, y.size), dtype=np.uint8)
    for piece in settled.paraspinal(plane):
        if piece.region is not None:
            inside = np.broadcast_to(piece.depth > 0, owner[piece.box].shape)
            owner[piece.box][inside] = NUMBERS[piece.region]
    counts = np.bincount(owner.ravel(), minlength=max(NUMBERS.values()) + 1)
    return counts * pixel**2 / np.cos(angle)


def errors(
    image: Image,
    labels: LabelMap,
    truth: tuple[Measurement, ...],
    made: LumbarBody,
    across: dict[str, Areas],
) -> Iterator[tuple[str, float]]:
    """What was measured less what is true: percent of areas, points of fat."""
    voxels = regions.labelled_voxels(image, labels)
    bodies = regions.vertebral_bodies(labels, voxels.boxes)
    true = {(m.quantity, m.region, m.side, m.level): m.value for m in truth if "height" in m.method}
    over_height = muscle.stretches(voxels, bodies, slices=["body height"])
    anchors = Anchors(muscle=made.lean_hu, fat=made.fat_hu)
    found = {
        "area": muscle.areas(over_height),
        "fat, windows": muscle.fat_infiltrations(over_height),
    }
    for plane in across:
        some = muscle.areas_across(voxels, bodies, planes=[plane])
        found[f"area, {plane}"] = [m for m in some if m.quantity == "area_perpendicular"]
    for how in EDGES:
        treated = muscle.treat_edges(voxels, over_height, how=how)
        found[f"fat, mean HU, {how}"] = muscle.fat_by_attenuation(treated, anchors)
        fractions = muscle.fat_fractions(treated)
        found[f"fat fraction, {how}"] = [m for m in fractions if m.quantity == "fat_fraction"]
    for what, some in found.items():
        plane = what.removeprefix("area, ")
        for m in some:
            place = (m.region, m.side, m.level)
            if m.level not in LUMBAR_LEVELS or true.get(("area", *place), 0) < LEAST_MM2:
                continue
            wanted = across[plane][place] if plane in across else true[m.quantity, *place]
            relative = what.startswith("area")
            yield what, 100 * (m.value / wanted - 1) if relative else m.value - wanted


def rows() -> Iterator[dict[str, object]]:
    """An error a muscle, level, body and measure."""
    of_size = {}
    for voxel in VOXELS_MM:
        for size in SIZES:
            for fat in FATS:
                made = body(size, fat)
                if size not in of_size:
                    settled = scene(made, np.random.default_rng(SEED))
                    of_size[size] = {
                        "vertebra": true_across(settled, over_height=False),
                        "vertebra height": true_across(settled, over_height=True),
                    }
                rng = np.random.default_rng(SEED)
                ct = lumbar_ct(made, spacing_mm=voxel, rng=rng)
                scans = [(ct.image, ct.labels, ct.truth)]
                if size == 1.0:
                    rng = np.random.default_rng(SEED)
                    dixon = lumbar_dixon(made, spacing_mm=voxel, rng=rng)
                    scans.append((dixon.fat_fraction, dixon.labels, dixon.truth))
                for scan in scans:
                    for what, error in errors(*scan, made, of_size[size]):
                        yield {
                            "voxel": voxel[0],
                            "size": size,
                            "fat": fat,
                            "measure": what,
                            "error": error,
                        }


def main() -> None:
    """Print two tables as Markdown."""
    frame = pd.DataFrame(rows())
    for by in (["measure", "voxel"], ["measure", "voxel", "size", "fat"]):
        heads = [*by, "n", "mean", "SD", "95% within", "all within", "% within 1.5"]
        print("| " + " | ".join(heads) + " |")
        print("|---" * len(heads) + "|")
        for key, some in frame.groupby(by)["error"]:
            far = some.abs()
            near = 100 * (far <= 1.5).mean()
            numbers = (some.mean(), some.std(), far.quantile(0.95), far.max(), near)
            cells = [*map(str, key), str(len(some)), *(f"{number:.1f}" for number in numbers)]
            print("| " + " | ".join(cells) + " |")
        print()


if __name__ == "__main__":
    main()
