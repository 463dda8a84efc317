"""Dice and area error of the automatic segmentation on the real scans kept beside the package.

Run as ``ENTHESIS_TEST_DATA=FOLDER python benchmarks/score_segmentation.py [--perturbed]``. The
references are the output of another model (TotalSegmentator), not contours drawn by people, and its
muscles keep a rim inside the fascia: read the numbers as agreement, not as accuracy.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import Image, LabelMap
from enthesis.read import image, labels
from enthesis.segment.geometry import GeometryReading, geometry_reading
from enthesis.segment.network import WEIGHTS
from enthesis.segment.network_reader import network_reading
from enthesis.segment.quality import RegionQuality
from enthesis.segment.together import Outline, together

Masks = Mapping[str, NDArray[np.bool_]]

L5, L1 = 27, 31
"""TotalSegmentator's numbers of the lowest and the highest lumbar vertebra."""


def ct_reference(
    folder: Path,
) -> tuple[Image, Masks, dict[str, NDArray[np.bool_]]]:
    """The CT, its reference masks, and the slices of each lumbar level."""
    scan = image(folder / "example_ct.nii.gz")
    total = labels(folder / "example_seg_fast_force_split.nii.gz", "totalsegmentator")
    report = folder / "spine_report" / "example_ct_report"
    spine = labels(report / "totalseg_vertebrae_body.nii.gz", "totalsegmentator-vertebrae-body")
    numbers = {name: number for number, name in total.names.items()}
    of = {name: total.array == number for name, number in numbers.items()}
    lumbar = [of[f"vertebra_L{n}"] for n in range(1, 6)]
    not_ours = of["vertebra_T12"] | of["sacrum"] | of.get("vertebra_S1", np.zeros_like(lumbar[0]))
    body, disc = spine.array == 1, spine.array == 2
    high, low = _heights(lumbar[0] & body)[-1], _heights(lumbar[4] & body)[0]
    inside = np.zeros(total.shape, bool)
    inside[:, :, low : high + 1] = True
    masks = {
        "vertebral_body": body & inside & ~not_ours,
        "intervertebral_disc": disc & inside,
        "vertebra": np.any(lumbar, axis=0) & inside,
        "spinal_canal": of["spinal_cord"] & inside,
    }
    for side in ("left", "right"):
        masks[f"deep_back_muscle_{side}"] = of[f"deep_back_muscle_{side}"] & inside
        masks[f"psoas_major_{side}"] = _without_iliacus(
            of[f"iliopsoas_{side}"] & inside, body | disc
        )
    levels = {}
    for n, vertebra in enumerate(lumbar, start=1):
        slices = np.zeros(total.shape[2], bool)
        heights = _heights(vertebra & body)
        slices[heights[0] : heights[-1] + 1] = True
        levels[f"L{n}"] = slices
    masks["inside"] = inside & ~not_ours
    return scan, masks, levels


def _heights(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    return np.flatnonzero(mask.any(axis=(0, 1)))


def _without_iliacus(mask: NDArray[np.bool_], body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the parts on each slice, the one nearest to the spine: the iliacus lies on the wing."""
    kept = np.zeros_like(mask)
    for k in range(mask.shape[2]):
        parts, n_parts = ndimage.label(mask[:, :, k])
        if n_parts == 0 or not body[:, :, k].any():
            continue
        away = ndimage.distance_transform_edt(~body[:, :, k])
        nearest = ndimage.minimum(away, parts, range(1, n_parts + 1))
        kept[:, :, k] = parts == 1 + int(np.argmin(nearest))
    return kept


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Twice the shared voxels over the sum of both."""
    total = first.sum() + second.sum()
    return float(2 * (first & second).sum() / total) if total else float("nan")


def found_masks(found: LabelMap) -> dict[str, NDArray[np.bool_]]:
    """Our regions as the reference has them: the back as one, vertebrae whole, without level."""
    groups: dict[str, list[int]] = {}
    for number, name in found.names.items():
        for start, wanted in OURS.items():
            if name.startswith(start):
                side = name.rpartition("_")[2] if name.endswith(("left", "right")) else ""
                groups.setdefault(f"{wanted}_{side}".rstrip("_"), []).append(number)
        if name.startswith(("vertebral_body", "vertebra_posterior")):
            groups.setdefault("vertebra", []).append(number)
    return {name: np.isin(found.array, numbers) for name, numbers in groups.items()}


OURS = {
    "vertebral_body": "vertebral_body",
    "intervertebral_disc": "intervertebral_disc",
    "spinal_canal": "spinal_canal",
    "erector_spinae": "deep_back_muscle",
    "multifidus": "deep_back_muscle",
    "deep_back_muscle": "deep_back_muscle",
    "psoas_major": "psoas_major",
}


def print_table(
    found: LabelMap, masks: Masks, levels: Mapping[str, NDArray[np.bool_]], scan: Image
) -> None:
    """Dice, volume, and per level Dice, area in the middle slice and mean attenuation."""
    inside = masks["inside"]
    for name, mask in found_masks(found).items():
        wanted, got = masks[name], mask & inside
        row = f"{name:23s} Dice {dice(got, wanted):.3f} volume {got.sum() / wanted.sum() - 1:+4.0%}"
        if "muscle" in name or "psoas" in name:
            for level, slices in levels.items():
                here, there = got[:, :, slices], wanted[:, :, slices]
                middle = np.flatnonzero(slices)[slices.sum() // 2]
                area = got[:, :, middle].sum() / max(wanted[:, :, middle].sum(), 1) - 1
                mean = [float(scan.array[:, :, slices][m].mean()) for m in (here, there)]
                row += f" | {level} {dice(here, there):.2f} {area:+4.0%} {mean[0] - mean[1]:+3.0f}"
        print(row)


def print_strays(found: LabelMap, total: LabelMap) -> None:
    """Which of our regions lie in what the reference calls a part of the pelvis."""
    pelvic = ("gluteus_", "urinary_bladder", "hip_bone", "femur", "colon", "prostate")
    taken = np.isin(total.array, [n for n, name in total.names.items() if name.startswith(pelvic)])
    print("\nvoxels in what the reference calls buttock, bladder, bowel, hip or thigh:")
    for number, name in found.names.items():
        mask = found.array == number
        if stray := int((mask & taken).sum()):
            print(f"{name:27s} {stray} of {int(mask.sum())}")


def print_attenuation(
    found: LabelMap, masks: Masks, levels: Mapping[str, NDArray[np.bool_]], scan: Image
) -> None:
    """What the regions are measured for: marrow's attenuation, and the share of fat in muscle."""
    ours = found_masks(found)
    for level, slices in levels.items():
        row = f"{level}:"
        at = np.zeros(scan.shape, bool)
        at[:, :, slices] = True
        cores = []
        for body in (ours["vertebral_body"], masks["vertebral_body"]):
            deep = ndimage.distance_transform_edt(body & at, sampling=scan.spacing) > CORE_MM
            cores.append(float(scan.array[deep].mean()))
        row += f" marrow {cores[0]:.0f} HU ({cores[0] - cores[1]:+.1f})"
        for name in ("deep_back_muscle", "psoas_major"):
            fat = [
                float(
                    np.mean(
                        scan.array[at & np.any([m[f"{name}_{side}"] for side in SIDES], axis=0)]
                        < FAT_BELOW_HU
                    )
                )
                for m in (ours, masks)
            ]
            row += f" | {name} {fat[0]:.1%} fat ({100 * (fat[0] - fat[1]):+.1f} points)"
        print(row)


CORE_MM, FAT_BELOW_HU = 6.0, -30.0

SIDES = ("left", "right")


def screwed(scan: Image, hu: NDArray[np.float32], bodies: NDArray[np.bool_]) -> Image:
    """Four screws of 6 mm through the lower two bodies, from behind, as bright as metal."""
    made = hu.copy()
    parts, n_parts = ndimage.label(bodies)
    middles = ndimage.center_of_mass(bodies, parts, range(1, n_parts + 1))
    at = np.indices(scan.shape, np.float32)
    for i, j, k in sorted(middles, key=lambda middle: middle[2])[:2]:
        for side in (-1, 1):
            x = (at[0] - i) * scan.spacing[0] - side * 14
            z = (at[2] - k) * scan.spacing[2] - 4
            behind = (j - at[1]) * scan.spacing[1]
            made[(np.hypot(x, z) < 3) & (behind > -8) & (behind < 50)] = METAL_HU
    return replace(scan, array=made)


METAL_HU = 2800.0


def perturbations(scan: Image, bodies: NDArray[np.bool_]) -> dict[str, Callable[[], Image]]:
    """The scan as it might have come from another scanner or patient."""
    rng = np.random.default_rng(0)
    hu = scan.array.astype(np.float32)

    def noisy(sd: float) -> Image:
        return replace(scan, array=hu + rng.normal(0, sd, hu.shape).astype(np.float32))

    return {
        "noise SD 80": lambda: noisy(80),
        "HU +15": lambda: replace(scan, array=hu + 15),
        "HU -15": lambda: replace(scan, array=hu - 15),
        "turned 20 deg": lambda: replace(
            scan,
            array=ndimage.rotate(hu, TURN_DEG, axes=(0, 1), reshape=False, order=1, cval=-1000),
        ),
        "slices of 5 mm": lambda: thick(scan, hu),
        "screws": lambda: screwed(scan, hu, bodies),
        "bone -80": lambda: replace(scan, array=np.where(hu > 100, np.maximum(hu - 80, 60), hu)),
        "field 180 mm": lambda: _cropped(scan, hu),
    }


TURN_DEG, THICK_MM = 20.0, 5.0


def _thick_middles(scan: Image) -> NDArray[np.float64]:
    """Middles of thicker slices, in slices of the scan."""
    step = THICK_MM / scan.spacing[2]
    return (np.arange(int(scan.shape[2] / step)) + 0.5) * step - 0.5


def thick(scan: Image, hu: NDArray[np.float32]) -> Image:
    """The scan in slices of `THICK_MM`, each the mean of what it covers."""
    half = THICK_MM / scan.spacing[2] / 2
    total = np.concatenate([np.zeros((*hu.shape[:2], 1)), hu.cumsum(axis=2, dtype=float)], axis=2)
    at = _thick_middles(scan) + 0.5
    edges = [
        ndimage.map_coordinates(
            total, np.meshgrid(*(np.arange(n) for n in hu.shape[:2]), ends, indexing="ij"), order=1
        )
        for ends in (at - half, at + half)
    ]
    affine = scan.affine.copy()
    affine[:, 2] *= THICK_MM / scan.spacing[2]
    affine[:, 3] += scan.affine[:, 2] * _thick_middles(scan)[0]
    return replace(
        scan, array=((edges[1] - edges[0]) / (2 * half)).astype(np.float32), affine=affine
    )


def in_thick(scan: Image, masks: Masks) -> Masks:
    """The reference on those slices."""
    nearest = np.rint(_thick_middles(scan)).astype(int)
    return {name: mask[:, :, nearest] for name, mask in masks.items()}


def turned(masks: Masks) -> Masks:
    """The reference of the turned scan."""
    return {
        name: ndimage.rotate(
            mask.astype(np.uint8), TURN_DEG, axes=(0, 1), reshape=False, order=0
        ).astype(bool)
        for name, mask in masks.items()
    }


def fatty(scan: Image, masks: Masks) -> Image:
    """The scan with a third of its muscle turned to fat, in strands some voxels wide."""
    rng = np.random.default_rng(1)
    strands = ndimage.gaussian_filter(rng.normal(size=scan.shape), (1.0, 1.0, 2.0))
    muscle = np.any([m for name, m in masks.items() if "muscle" in name or "psoas" in name], axis=0)
    share = ndimage.gaussian_filter(
        (strands > np.quantile(strands, 0.65)).astype(np.float32), (0.5, 0.5, 0)
    )
    hu = scan.array.astype(np.float32)
    return replace(scan, array=np.where(muscle, hu + share * (-105 - hu), hu))


def _cropped(scan: Image, hu: NDArray[np.float32]) -> Image:
    kept = np.full_like(hu, -1000)
    half = round(90 / scan.spacing[0])
    i, j = hu.shape[0] // 2, round(hu.shape[1] * 0.36)
    box = np.s_[max(i - half, 0) : i + half, max(j - half, 0) : j + half]
    kept[box] = hu[box]
    return replace(scan, array=kept)


def names_at(geometry: GeometryReading) -> list[tuple[str, float]]:
    """Levels that were named, with the height of their bodies' middles, mm."""
    spine = geometry.spine
    if spine is None:
        return []
    return [
        (name, float(middle[2]))
        for name, middle in zip(spine.levels.names, spine.centers_mm, strict=True)
        if name
    ]


NEAR_MM = 8.0


def flags(
    quality: Mapping[str, RegionQuality], found: LabelMap, masks: Masks
) -> list[tuple[str, float, float, bool]]:
    """Region, its Dice, its score, and whether it was sent to review."""
    rows = []
    for name, mask in found_masks(found).items():
        if name in quality:
            seen = dice(mask & masks["inside"], masks[name])
            rows.append((name, seen, quality[name].score, quality[name].review))
    return rows


def mr(folder: Path, weights: Path) -> None:
    """The real MR against the muscles and vertebrae of its reference."""
    scan = image(folder / "example_mr_sm.nii.gz", quantity="signal")
    total = labels(folder / "example_seg_mr.nii.gz", "totalsegmentator-mr")
    found = together(scan, network=network_reading(scan, path=weights), geometry=None)
    ours = found_masks(found.labels)
    print(f"\nMR, {scan.shape[2]} slices of {scan.spacing[2]:g} mm")
    for number, name in total.names.items():
        if name in ours:
            print(f"{name:23s} Dice {dice(ours[name], total.array == number):.3f}")


def main() -> None:
    """Score the segmentation on the real CT and MR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perturbed", action="store_true")
    parser.add_argument("--network", type=Path, default=WEIGHTS, help="other weights to score")
    asked = parser.parse_args()
    folder = Path(os.environ["ENTHESIS_TEST_DATA"]) / "totalsegmentator"
    scan, masks, levels = ct_reference(folder)
    started = time.perf_counter()
    network = network_reading(scan, path=asked.network)
    between = time.perf_counter()
    geometry = geometry_reading(scan)
    print(
        f"CT {scan.shape}: network {between - started:.1f} s, "
        f"geometry {time.perf_counter() - between:.1f} s"
    )
    outlines: tuple[Outline, ...] = ("fascia", "muscle")
    readers = {
        "network alone": (network, None),
        "geometry alone": (None, geometry),
        "together": (network, geometry),
    }
    for who, (one, other) in readers.items():
        for outline in outlines:
            found = together(scan, network=one, geometry=other, outline=outline)
            print(f"\n{who}, outline along the {outline}; per level Dice, area, mean HU")
            print_table(found.labels, masks, levels, scan)
            if who == "together":
                print_attenuation(found.labels, masks, levels, scan)
    print("\nlevels:", geometry.spine.levels if geometry.spine else "none")
    found = together(scan, network=network, geometry=geometry)
    total = labels(folder / "example_seg_fast_force_split.nii.gz", "totalsegmentator")
    print_strays(found.labels, total)
    rows = [("as it is", row) for row in flags(found.quality, found.labels, masks)]
    mr(folder, asked.network)
    if asked.perturbed:
        as_it_is = {part: seen for _, (part, seen, _, _) in rows}
        right = names_at(geometry)
        bodies = ndimage.binary_erosion(masks["vertebral_body"])
        given = {name: make() for name, make in perturbations(scan, bodies).items()}
        given["35 % fat"] = fatty(scan, masks)
        for name, moved in given.items():
            geometry = geometry_reading(moved)
            found = together(
                moved, network=network_reading(moved, path=asked.network), geometry=geometry
            )
            wanted = masks
            if name.startswith("turned"):
                wanted = turned(masks)
            elif name.startswith("slices"):
                wanted = in_thick(scan, masks)
            named = names_at(geometry)
            same = sum(
                any(other == level and abs(z - at) < NEAR_MM for other, z in right)
                for level, at in named
            )
            print(f"{name}: {same} of {len(named)} levels named as before")
            rows += [(name, row) for row in flags(found.quality, found.labels, wanted)]
        print("\nperturbed: Dice, score, sent to review")
        for name, (part, seen, score, review) in rows:
            print(f"{name:15s} {part:23s} {seen:.3f} {score:.2f} {'review' if review else ''}")
        fallen = [
            f"{part} ({name}, {as_it_is[part]:.2f} to {seen:.2f})"
            for name, (part, seen, _, review) in rows
            if seen < as_it_is[part] - 0.05 and not review
        ]
        print("fell by more than 0.05 and was not flagged:", "; ".join(fallen) or "none")
        bad = [review for _, (_, seen, _, review) in rows if seen < 0.8]
        good = [review for _, (_, seen, _, review) in rows if seen >= 0.8]
        print(f"below 0.80: {sum(bad)} of {len(bad)} flagged; others: {sum(good)} of {len(good)}")


if __name__ == "__main__":
    main()
