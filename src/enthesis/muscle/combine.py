"""Numbers of single muscles put together: both sides, several levels, another region, height."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from enthesis.errors import InputError
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels, VertebralBody

BOTH = ("mean", "sum", "asymmetry")
"""What can be made of two sides."""

AREAS = frozenset(
    {
        "area",
        "area_perpendicular",
        "functional_area",
        "noncontractile_area",
        "normal_attenuation_area",
        "low_attenuation_area",
        "intramuscular_fat_area",
        "intermuscular_fat_area",
        "volume",
        "volume_per_height",
    }
)
"""Quantities that add up over two sides."""

ASYMMETRIC = frozenset({"area", "area_perpendicular", "functional_area", "volume_per_height"})
"""Areas whose sides are set against each other."""

FATS = frozenset({"fat_infiltration"})
"""Fat whose sides are set against each other; the mean of a map is one by its method."""

NO_MEAN = frozenset(
    {"attenuation_sd", "fat_fraction_sd", "goutallier_grade", "kjaer_grade", "obliquity"}
)
"""Quantities whose mean over sides or levels is not the quantity of both."""

RELATIVE = {"area": "relative_area", "functional_area": "relative_functional_area"}

ONE_SIDE_FLAG = "only the {} one could be measured"

MM2_PER_CM2 = 100.0


def both_sides(measurements: Iterable[Measurement], *, how: Collection[str]) -> list[Measurement]:
    """Mean, sum and asymmetry of left and right.

    Parameters
    ----------
    measurements : those with a side; the two sides of one muscle have the same quantity, level and
        method
    how : of `BOTH`. Means are of every quantity but SDs and grades, each side counting alike; sums
        of areas and volumes; asymmetries of areas (%, over the mean) and of fat (points)

    Returns
    -------
    Measurements without a side; NaN with a flag where only one side is there.

    Raises
    ------
    InputError : unknown `how`.
    """
    unknown = [name for name in how if name not in BOTH]
    if unknown:
        raise InputError(f"two sides have no {unknown[0]!r}; known are: {', '.join(BOTH)}")
    pairs: dict[tuple[str, str, str, str], dict[str, Measurement]] = {}
    for m in measurements:
        if m.side:
            pairs.setdefault((m.quantity, m.region, m.level, m.method), {})[m.side] = m
    found = []
    for (quantity, _, _, method), sides in pairs.items():
        one = next(iter(sides.values()))
        flags = tuple(dict.fromkeys(flag for m in sides.values() for flag in m.flags))
        if len(sides) < 2:
            flags = (*flags, ONE_SIDE_FLAG.format(one.side))
        left, right = (
            sides[side].value if side in sides else math.nan for side in ("left", "right")
        )
        for name, value, words in _of_both(quantity, left, right, how):
            found.append(
                replace(
                    one,
                    quantity=name,
                    value=value,
                    side="",
                    method=f"{words}, {method}",
                    flags=flags,
                )
            )
    return found


def over_levels(
    measurements: Iterable[Measurement], *, levels: Collection[str]
) -> list[Measurement]:
    """Mean of each number over several levels, each counting alike.

    Parameters
    ----------
    measurements : of single levels
    levels : wanted; a number that is missing at one of them is flagged

    Returns
    -------
    Measurements without a level, named by the levels in their method; none of one level only.
    """
    sets: dict[tuple[str, str, str, str], dict[str, Measurement]] = {}
    for m in measurements:
        if m.level.split("_")[0] in levels and m.quantity not in NO_MEAN and math.isfinite(m.value):
            sets.setdefault((m.quantity, m.region, m.side, m.method), {})[m.level] = m
    found = []
    for some in sets.values():
        if len(some) < 2:
            continue
        one = next(iter(some.values()))
        flags = tuple(dict.fromkeys(flag for m in some.values() for flag in m.flags))
        # A disc counts for the vertebra above it.
        shown = {level.split("_")[0] for level in some}
        lacking = [level for level in levels if level not in shown]
        if lacking:
            flags = (*flags, f"not measured at {', '.join(lacking)}: left out of the mean")
        found.append(
            replace(
                one,
                value=math.fsum(m.value for m in some.values()) / len(some),
                level="",
                method=f"mean of {', '.join(some).replace('_', '-')}, {one.method}",
                flags=flags,
            )
        )
    return found


def relative_areas(
    measurements: Iterable[Measurement], references: Iterable[Measurement]
) -> list[Measurement]:
    """Areas of muscles over the area of a disc or vertebral body at the same level, %.

    Parameters
    ----------
    measurements : ``area`` and ``functional_area`` of muscles
    references : ``area`` of the regions, see `reference_areas`

    Returns
    -------
    ``relative_area`` (rTCSA) and ``relative_functional_area`` (rFCSA). A body divides what was
    measured beside it, a disc what was measured beside the vertebra above it or on its own slice.

    References
    ----------
    Mandelli F, et al. Front Neurol 2021;12:656487. doi:10.3389/fneur.2021.656487 (vertebral body).
    """
    found = []
    by_level = [(r.level.split("_")[0], r) for r in references if r.value > 0]
    for m in measurements:
        if m.quantity not in RELATIVE or not m.level:
            continue
        for level, reference in by_level:
            if level != m.level.split("_")[0]:
                continue
            between = "_" in m.level
            if between and reference.level != m.level:
                continue
            # The level stands beside the number; a method that named it would keep levels apart.
            name = reference.region.replace("_", " ")
            where = " below" if "_" in reference.level and not between else ""
            found.append(
                replace(
                    m,
                    quantity=RELATIVE[m.quantity],
                    value=100 * m.value / reference.value,
                    method=f"over {name}{where} ({reference.method}), {m.method}",
                    flags=tuple(dict.fromkeys((*m.flags, *reference.flags))),
                )
            )
    return found


def reference_areas(
    voxels: LabelVoxels, bodies: Mapping[str, VertebralBody], *, of: Collection[str]
) -> list[Measurement]:
    """Axial areas of vertebral bodies at mid-body and of discs at mid-disc, mm2.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    bodies : vertebral bodies, by level
    of : "vertebral_body", "intervertebral_disc" or both
    """
    found = []
    if "vertebral_body" in of:
        for body in bodies.values():
            pixels = int(body.mask[:, :, body.middle - body.box[2].start].sum())
            found.append(
                Measurement(
                    quantity="area",
                    value=pixels * voxels.pixel_area,
                    region="vertebral_body",
                    level=body.level,
                    method="axial slice through mid-body",
                )
            )
    if "intervertebral_disc" in of:
        for label, disc in voxels.kind("disc").items():
            counts = voxels.counts(label)
            if not disc.level:
                continue
            found.append(
                Measurement(
                    quantity="area",
                    value=float(counts.max()) * voxels.pixel_area,
                    region=disc.structure,
                    level=disc.level,
                    method="largest axial slice",
                )
            )
    return found


def area_indices(measurements: Iterable[Measurement], *, height_m: float) -> list[Measurement]:
    """Areas over height squared, cm2/m2.

    Parameters
    ----------
    measurements : ``area`` is divided
    height_m : m

    Returns
    -------
    ``area_index``; the sum of both psoas muscles at L3 once more as ``psoas_muscle_index``.
    """
    found = []
    for m in measurements:
        if m.quantity != "area" or not m.level:
            continue
        value = m.value / MM2_PER_CM2 / height_m**2
        found.append(replace(m, quantity="area_index", value=value))
        both_at_l3 = m.level == "L3" and not m.side and m.method.startswith("sum of left and right")
        if both_at_l3 and m.region in {"psoas_major", "iliopsoas"}:
            found.append(replace(m, quantity="psoas_muscle_index", value=value))
    return found


def _of_both(
    quantity: str, left: float, right: float, how: Collection[str]
) -> list[tuple[str, float, str]]:
    mean = (left + right) / 2
    made = []
    if "mean" in how and quantity not in NO_MEAN:
        made.append((quantity, mean, "mean of left and right"))
    if "sum" in how and quantity in AREAS:
        made.append((quantity, left + right, "sum of left and right"))
    if "asymmetry" in how and quantity in ASYMMETRIC:
        share = 100 * (left - right) / mean if mean else math.nan
        name = quantity.replace("_", " ")
        made.append(("area_asymmetry", share, f"of {name}"))
    if "asymmetry" in how and quantity in FATS:
        made.append(("fat_asymmetry", left - right, f"of {quantity.replace('_', ' ')}"))
    return made
