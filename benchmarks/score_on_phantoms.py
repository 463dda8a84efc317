"""Dice of the automatic segmentation on simulated bodies, and what the review flag finds.

Run as ``python benchmarks/score_on_phantoms.py [--bodies 24] [--mr] [-o scores.csv]``. The bodies
are those of `enthesis.phantom.random_body`, another setting of the generator than the network
learnt from (`training/bodies.py`); each is scanned as it is and once spoilt. Presented as what it
is: agreement with simulations, never accuracy in people.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from score_segmentation import dice, found_masks

from enthesis.image import Image, LabelMap
from enthesis.phantom import lumbar_ct, lumbar_mr, random_body
from enthesis.segment.geometry import geometry_reading
from enthesis.segment.network import WEIGHTS
from enthesis.segment.network_reader import network_reading
from enthesis.segment.together import together

SPOILT = ("noise SD 80", "slices of 5 mm", "turned 20 deg", "field 180 mm", "30 HU darker", "blur")

SPACING_MM = (1.5, 1.5, 3.0)

READERS = {"network": (True, False), "geometry": (False, True), "together": (True, True)}


def spoilt(scan: Image, labels: LabelMap, how: str, rng: np.random.Generator) -> Image:
    """The scan as a worse one."""
    hu = scan.array.astype(np.float32)
    match how:
        case "noise SD 80":
            hu = hu + rng.normal(0, 80, hu.shape).astype(np.float32)
        case "turned 20 deg":
            hu = turned(hu, 1)
        case "field 180 mm":
            kept = np.full_like(hu, -1000)
            i, j, _ = (round(m) for m in ndimage.center_of_mass(labels.array > 0))
            half = round(90 / scan.spacing[0])
            box = np.s_[max(i - half, 0) : i + half, max(j - half, 0) : j + half]
            kept[box] = hu[box]
            hu = kept
        case "30 HU darker":
            hu = hu - 30
        case "blur":
            hu = ndimage.gaussian_filter(hu, (1.2, 1.2, 0))
    return replace(scan, array=hu)


def turned(values: NDArray[np.generic], order: int) -> NDArray[np.generic]:
    """Turned by 20 degrees about the middle of each slice."""
    empty = -1000 if order else 0
    return np.asarray(
        ndimage.rotate(values, 20, axes=(0, 1), reshape=False, order=order, cval=empty)
    )


def masks_of(labels: LabelMap) -> dict[str, NDArray[np.bool_]]:
    """Regions without level; the muscles of the back together and each by itself."""
    masks = found_masks(labels)
    for number, name in labels.names.items():
        if name.startswith(("quadratus_lumborum", "erector_spinae", "multifidus")):
            masks[name] = labels.array == number
    return masks


def lumbar_slices(labels: LabelMap) -> NDArray[np.bool_]:
    """Slices from the lowest to the highest lumbar body."""
    lumbar = [n for n, name in labels.names.items() if name.startswith("vertebral_body_L")]
    heights = np.flatnonzero(np.isin(labels.array, lumbar).any(axis=(0, 1)))
    inside = np.zeros(labels.shape[2], bool)
    inside[heights[0] : heights[-1] + 1] = True
    return inside


def rows_of(scan: Image, labels: LabelMap, case: dict[str, object], weights: Path) -> list[dict]:
    """A row for each reader and region of one scan."""
    inside = lumbar_slices(labels)
    masks = {name: mask & inside for name, mask in masks_of(labels).items()}
    is_ct = scan.quantity == "hounsfield"
    network = network_reading(scan, path=weights)
    geometry = geometry_reading(scan) if is_ct else None
    rows = []
    for who, (by_network, by_geometry) in READERS.items():
        if by_geometry and geometry is None:
            continue
        try:
            found = together(
                scan,
                network=network if by_network else None,
                geometry=geometry if by_geometry else None,
            )
        except ValueError:
            rows += [case | {"reader": who, "region": name, "dice": 0.0} for name in masks]
            continue
        for name, mask in masks_of(found.labels).items():
            if name in masks and masks[name].any():
                quality = found.quality.get(name)
                rows.append(
                    case
                    | {
                        "reader": who,
                        "region": name,
                        "dice": dice(mask & inside, masks[name]),
                        "agreement": quality.agreement if quality else None,
                        "steadiness": quality.steadiness if quality else None,
                        "review": quality.review if quality else None,
                        "reasons": "; ".join(quality.reasons) if quality else "",
                    }
                )
    return rows


def main() -> None:
    """Score on simulated bodies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=24)
    parser.add_argument("--first", type=int, default=0, help="number of the first body")
    parser.add_argument("--mr", action="store_true", help="as T1 and T2 weighted MR too")
    parser.add_argument("--network", type=Path, default=WEIGHTS, help="other weights to score")
    parser.add_argument("-o", "--out", type=Path, help="CSV of every region")
    asked = parser.parse_args()
    rows: list[dict] = []
    for n in range(asked.first, asked.first + asked.bodies):
        how = SPOILT[n % len(SPOILT)]
        body = random_body(rng=np.random.default_rng([2026, n]))
        rng = np.random.default_rng([2026, n, 1])
        made = lumbar_ct(body, spacing_mm=SPACING_MM, rng=rng)
        rows += rows_of(made.image, made.labels, {"body": n, "scan": "as it is"}, asked.network)
        labels = made.labels
        if how == "slices of 5 mm":
            made = lumbar_ct(
                body, spacing_mm=(1.5, 1.5, 5.0), rng=np.random.default_rng([2026, n, 1])
            )
            labels = made.labels
        elif how.startswith("turned"):
            labels = replace(labels, array=turned(labels.array, 0))
        worse = spoilt(made.image, made.labels, how, rng)
        rows += rows_of(worse, labels, {"body": n, "scan": how}, asked.network)
        if asked.mr:
            weighting = ("T1", "T2")[n % 2]
            seen = lumbar_mr(body, weighting=weighting, spacing_mm=SPACING_MM, rng=rng)
            case = {"body": n, "scan": f"MR {weighting}"}
            rows += rows_of(seen.image, seen.labels, case, asked.network)
        table = pd.DataFrame(rows)
        if asked.out:
            table.to_csv(asked.out, index=False)
        print(f"body {n} done", flush=True)
    summarise(table)


def summarise(table: pd.DataFrame) -> None:
    """Print medians by region, by reader and by scan, and what the review flag finds."""
    plain = table[table["scan"] == "as it is"]
    print("\nmedian Dice as it is")
    print(plain.pivot_table("dice", "region", "reader", "median").round(3).to_string())
    both = table[table["reader"] == "together"]
    print("\nmedian Dice together, by scan")
    print(both.pivot_table("dice", "region", "scan", "median").round(2).to_string())
    judged = both.dropna(subset="review")
    bad, good = judged[judged["dice"] < 0.8], judged[judged["dice"] >= 0.8]
    print(
        f"\nreview flag: {int(bad['review'].sum())} of {len(bad)} regions below 0.80 found; "
        f"{int(good['review'].sum())} of {len(good)} others flagged"
    )


if __name__ == "__main__":
    main()
