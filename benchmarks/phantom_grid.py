"""Areas and fat measured on digital bodies beside their truth, over sizes, fat and voxels.

Run ``python benchmarks/phantom_grid.py`` (minutes); prints the table of docs/measuring.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from enthesis import muscle, regions
from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.image import Image, LabelMap
from enthesis.muscle import Anchors
from enthesis.muscle.edges import EDGES
from enthesis.phantom import LumbarBody, lumbar_ct, lumbar_dixon
from enthesis.phantom.body import MUSCLES
from enthesis.records import Measurement

SIZES = (0.75, 1.0, 1.25)
"""Factors of the areas."""

FATS = (0.0, 1.0, 2.0)
"""Factors of the fat: none, as in a middle-aged adult, twice that."""

VOXELS_MM = ((1.0, 1.0, 1.0), (3.0, 3.0, 3.0))

LEAST_MM2 = 400.0
"""Smallest cut that the table counts, mm2: 44 pixels of 3 mm."""

SEED = 7


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


def errors(
    image: Image, labels: LabelMap, truth: tuple[Measurement, ...], made: LumbarBody
) -> Iterator[tuple[str, float]]:
    """What was measured less what is true: percent of areas, points of fat."""
    voxels = regions.labelled_voxels(image, labels)
    bodies = regions.vertebral_bodies(labels, voxels.boxes)
    true = {(m.quantity, m.region, m.side, m.level): m.value for m in truth if "height" in m.method}
    over_height = muscle.stretches(voxels, bodies, slices=["body height"])
    anchors = Anchors(muscle=made.lean_hu, fat=made.fat_hu)
    across = muscle.areas_across(voxels, bodies, planes=["vertebra"])
    found = {
        "area": muscle.areas(over_height),
        "area across": [m for m in across if m.quantity == "area_perpendicular"],
        "fat, windows": muscle.fat_infiltrations(over_height),
    }
    for how in EDGES:
        some = muscle.treat_edges(voxels, over_height, how=how)
        found[f"fat, mean HU, {how}"] = muscle.fat_by_attenuation(some, anchors)
        fractions = muscle.fat_fractions(some)
        found[f"fat fraction, {how}"] = [m for m in fractions if m.quantity == "fat_fraction"]
    for what, some in found.items():
        for m in some:
            place = (m.region, m.side, m.level)
            if m.level not in LUMBAR_LEVELS or true.get(("area", *place), 0) < LEAST_MM2:
                continue
            if what == "area across":
                wanted = made.wanted_area(m.region, m.side, LUMBAR_LEVELS.index(m.level))
            else:
                wanted = true[m.quantity, *place]
            relative = what.startswith("area")
            yield what, 100 * (m.value / wanted - 1) if relative else m.value - wanted


def rows() -> Iterator[dict[str, object]]:
    """An error a muscle, level, body and measure."""
    for voxel in VOXELS_MM:
        for size in SIZES:
            for fat in FATS:
                made = body(size, fat)
                rng = np.random.default_rng(SEED)
                ct = lumbar_ct(made, spacing_mm=voxel, rng=rng)
                scans = [(ct.image, ct.labels, ct.truth)]
                if size == 1.0:
                    rng = np.random.default_rng(SEED)
                    dixon = lumbar_dixon(made, spacing_mm=voxel, rng=rng)
                    scans.append((dixon.fat_fraction, dixon.labels, dixon.truth))
                for scan in scans:
                    for what, error in errors(*scan, made):
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
