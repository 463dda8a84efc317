"""Where in a muscle its fat lies: by quarters, and within or between the muscles of a group."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from enthesis.anatomy import region
from enthesis.errors import InputError
from enthesis.muscle.anchors import Anchors
from enthesis.muscle.levels import Stretch
from enthesis.muscle.windows import FAT_HU, MUSCLE_HU, Window, in_window, words
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels

DIRECTIONS = {
    "medial to lateral": "from medial to lateral",
    "deep to superficial": "from front to back",
}
"""Directions in which a cut is divided; for a muscle of the back, superficial is behind."""

QUARTERS = 4

HALF_FAT = 50.0
"""Fat fraction from which a voxel counts as fat, %."""


def fat_quarters(
    voxels: LabelVoxels,
    stretches: Iterable[Stretch],
    *,
    directions: Collection[str] = tuple(DIRECTIONS),
    anchors: Anchors | None = None,
    muscle_hu: Window = MUSCLE_HU,
    fat_hu: Window = FAT_HU,
) -> list[Measurement]:
    """Fat infiltration of four quarters of each muscle's cut, of equal area, %.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    stretches : muscles on slices, with the values of all their voxels
    directions : keys of `DIRECTIONS`
    anchors : of muscle and fat, wanted where the image holds "signal"
    muscle_hu, fat_hu : windows on CT

    Returns
    -------
    ``fat_infiltration`` of quarters 1 to 4, on each slice divided anew: on CT by windows, on a map
    the mean fat fraction, on signal the mean placed between the anchors. Muscles with a side only.

    Raises
    ------
    InputError : unknown direction, or signal without anchors.
    """
    unknown = [name for name in directions if name not in DIRECTIONS]
    if unknown:
        raise InputError(f"no direction {unknown[0]!r}; known are: {', '.join(DIRECTIONS)}")
    found = []
    for s in stretches:
        if not s.values.size or not s.muscle.side:
            continue
        how = _how(s.quantity, anchors, muscle_hu, fat_hu)
        if how is None:
            continue
        for direction in directions:
            for n, values in enumerate(_quarters(voxels, s, direction), start=1):
                fat = _fat_percent(values, s.quantity, anchors, muscle_hu, fat_hu)
                place = f"quarter {n} of {QUARTERS} {DIRECTIONS[direction]}"
                found.append(s.measurement("fat_infiltration", fat, f"{how}, {place}"))
    return found


def intermuscular_fat(
    voxels: LabelVoxels,
    stretches: Iterable[Stretch],
    groups: Mapping[str, Collection[str]],
    *,
    fat_hu: Window = FAT_HU,
) -> list[Measurement]:
    """Fat between the muscles of a group, mm2: within the group's outline but in no compartment.

    The outline of a side is the convex hull of the group's muscles on the slice, which follows the
    fascia behind the muscles of the back and closes the clefts between them. Other labelled regions
    within it do not count. Fat is -190 to -30 HU on CT, a fat fraction of 50% or more on a map;
    empty on other images.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    stretches : muscles on slices
    groups : name of the whole in `anatomy` → structures that make it up
    """
    sets: dict[tuple[str, str, str, str], list[Stretch]] = {}
    for s in stretches:
        for whole, parts in groups.items():
            if s.muscle.structure in parts and s.values.size:
                sets.setdefault((whole, s.muscle.side, s.level, s.slices), []).append(s)
    found = []
    for (whole, side, level, slices), some in sets.items():
        if some[0].quantity not in {"hounsfield", "fat_fraction"}:
            continue
        n_slices = some[0].last - some[0].first + 1
        labels = {label for s in some for label in s.labels}
        pixels = sum(
            _between(voxels, labels, k, fat_hu) for k in range(some[0].first, some[0].last + 1)
        )
        window = f"HU {words(fat_hu)}" if some[0].quantity == "hounsfield" else "half fat or more"
        found.append(
            Measurement(
                quantity="intermuscular_fat_area",
                value=pixels / n_slices * voxels.pixel_area,
                region=region(whole).structure,
                side=side,
                level=level,
                method=f"{window} between the muscles of the group, {slices}",
                flags=tuple(dict.fromkeys(flag for s in some for flag in s.flags)),
            )
        )
    return found


def _quarters(voxels: LabelVoxels, s: Stretch, direction: str) -> list[NDArray[Any]]:
    """The values of each quarter, slice by slice; ties are broken by the voxels' order."""
    places, slices = [], []
    for label in s.labels:
        mask, box = voxels.mask(label, s.first, s.last)
        # In the order of the stretch's values.
        k, j, i = np.nonzero(mask.T)
        # Medial is towards the right for what lies left, and the other way round.
        inwards = -(i + box[0].start) if s.muscle.side == "left" else i + box[0].start
        places.append(inwards if direction == "medial to lateral" else -(j + box[1].start))
        slices.append(k + box[2].start)
    place, on = np.concatenate(places), np.concatenate(slices)
    quarters: list[list[NDArray[Any]]] = [[] for _ in range(QUARTERS)]
    for k in np.unique(on):
        chosen = np.flatnonzero(on == k)
        ordered = s.values[chosen][np.argsort(place[chosen], kind="stable")]
        for n, part in enumerate(np.array_split(ordered, QUARTERS)):
            quarters[n].append(part)
    return [np.concatenate(parts) for parts in quarters if parts]


def _how(quantity: str, anchors: Anchors | None, muscle_hu: Window, fat_hu: Window) -> str | None:
    if quantity == "hounsfield":
        return f"HU {words(fat_hu)} of {fat_hu[0]}..{muscle_hu[1]}"
    if quantity == "fat_fraction":
        return "mean fat fraction"
    if quantity != "signal":
        return None
    if anchors is None:
        raise InputError("on an image of signal, quarters of fat want anchors of muscle and fat")
    return f"mean signal between {anchors.words()}"


def _fat_percent(
    values: NDArray[Any],
    quantity: str,
    anchors: Anchors | None,
    muscle_hu: Window,
    fat_hu: Window,
) -> float:
    values = values[np.isfinite(values)]
    if not values.size:
        return math.nan
    if quantity == "hounsfield":
        fat = int(np.count_nonzero(in_window(values, fat_hu)))
        lean = int(np.count_nonzero(in_window(values, muscle_hu)))
        return 100 * fat / (fat + lean) if fat + lean else math.nan
    mean = float(values.mean(dtype=np.float64))
    return mean if anchors is None else 100 * anchors.place(mean)


def _between(voxels: LabelVoxels, labels: set[int], k: int, fat_hu: Window) -> int:
    """Pixels of fat on one slice within the hull of these labels and in none of any."""
    boxes = [voxels.boxes[label] for label in labels]
    box = (
        slice(min(b[0].start for b in boxes), max(b[0].stop for b in boxes)),
        slice(min(b[1].start for b in boxes), max(b[1].stop for b in boxes)),
        slice(k, k + 1),
    )
    numbers = voxels.labels(box)[:, :, 0]
    points = np.argwhere(np.isin(numbers, list(labels)))
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return 0  # Fewer than three pixels, or all in one row: nothing lies between.
    free = np.argwhere(numbers == 0)
    normals, offsets = hull.equations[:, :2], hull.equations[:, 2]
    inside = free[(free @ normals.T + offsets <= 1e-9).all(axis=1)]
    values = voxels.image(box)[:, :, 0][inside[:, 0], inside[:, 1]]
    fat = in_window(values, fat_hu) if voxels.quantity == "hounsfield" else values >= HALF_FAT
    return int(np.count_nonzero(fat))
