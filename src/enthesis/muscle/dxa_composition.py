"""Body composition by DXA: lean and fat of the regions, and the indices made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from enthesis.errors import InputError
from enthesis.records import Measurement, find

Part = Literal["fat_mass", "lean_mass", "fat_free_mass"]

G_PER_KG = 1000.0

MIRRORED = "one {limb} was not measured: the other one stands for both"

TOLERANCE_KG = 0.2
"""Rounding of four printed numbers; beyond it, lean and bone do not make the fat-free mass, kg."""

WITHOUT_BONE = "lean soft tissue without bone mineral"
WITH_BONE = "lean soft tissue with bone mineral"

BY_HEIGHT: tuple[tuple[str, Part, str], ...] = (
    ("lean_mass_index", "lean_mass", WITHOUT_BONE),
    ("fat_free_mass_index", "fat_free_mass", WITH_BONE),
    ("fat_mass_index", "fat_mass", ""),
)
"""Index of the whole body, the mass over height squared, and what its method says."""


@dataclass(frozen=True, slots=True)
class _Mass:
    """A mass of one region, kg, and what is doubtful about it."""

    value: float
    flags: tuple[str, ...] = ()

    def __add__(self, other: _Mass) -> _Mass:
        return _Mass(self.value + other.value, _together(self.flags, other.flags))


def dxa_composition(
    measurements: Iterable[Measurement], *, height_m: float | None = None, bmi: float | None = None
) -> list[Measurement]:
    """Indices of lean and fat mass from the regions of a whole-body DXA scan.

    Parameters
    ----------
    measurements : ``fat_mass``, ``lean_mass`` (bone mineral left out), ``fat_free_mass`` (bone
        mineral within) in kg and ``bone_mineral_content`` in g, of ``whole_body``, ``trunk``,
        ``android``, ``gynoid``, and of ``arm`` and ``leg`` left and right or ``arms`` and ``legs``
    height_m : m; without it no index by height
    bmi : kg/m2; without it none by body mass index

    Returns
    -------
    As far as the regions allow: appendicular lean mass (ALM), its index by height squared (ALMI)
    and by body mass index; lean (LMI), fat-free (FFMI) and fat (FMI) mass index; percent fat of the
    whole body and of android, gynoid, trunk and legs; the ratios android to gynoid and trunk to
    legs of percent fat, and android to gynoid and trunk to limbs of fat mass. The method of each
    says whether bone mineral is in it.

    Raises
    ------
    InputError : an impossible height or body mass index, or a mass that is given twice.

    Notes
    -----
    Lean soft tissue is the fat-free mass less bone mineral, where only those are given: cut-offs of
    sarcopenia are of lean soft tissue, some references of children are not. Where one arm or leg
    was not measured (hip or knee replaced, out of the field) the other stands for it, with a flag.
    Percent fat is of fat and lean soft tissue and bone mineral (region percent fat).

    References
    ----------
    Heymsfield SB, et al. Am J Clin Nutr 1990;52:214-218. doi:10.1093/ajcn/52.2.214 (ALM)
    Baumgartner RN, et al. Am J Epidemiol 1998;147:755-763.
    doi:10.1093/oxfordjournals.aje.a009520 (by height squared)
    Studenski SA, et al. J Gerontol A 2014;69:547-558. doi:10.1093/gerona/glu010 (by BMI)
    Kelly TL, et al. PLoS ONE 2009;4:e7038. doi:10.1371/journal.pone.0007038 (indices and ratios)
    """
    given = tuple(measurements)
    if height_m is not None and not 0.3 <= height_m <= 2.8:
        raise InputError(f"height_m is in m and between 0.3 and 2.8, got {height_m:g}")
    if bmi is not None and not 5 <= bmi <= 150:
        raise InputError(f"bmi is in kg/m2 and between 5 and 150, got {bmi:g}")
    found = [*_appendicular(given, height_m, bmi)]
    for quantity, part, method in BY_HEIGHT:
        mass = _mass(given, part, "whole_body")
        if mass is not None and height_m is not None:
            found.append(_measurement(quantity, mass.value / height_m**2, "", method, mass.flags))
    return [*found, *_fat_shares(given), *_fat_ratios(given)]


def _appendicular(
    given: tuple[Measurement, ...], height_m: float | None, bmi: float | None
) -> list[Measurement]:
    arms, legs = _mass(given, "lean_mass", "arms"), _mass(given, "lean_mass", "legs")
    if arms is None or legs is None:
        return []
    mass = arms + legs
    rows = [("appendicular_lean_mass", mass.value)]
    if height_m is not None:
        rows.append(("appendicular_lean_mass_index", mass.value / height_m**2))
    if bmi is not None:
        rows.append(("appendicular_lean_mass_by_bmi", mass.value / bmi))
    return [_measurement(name, value, "", WITHOUT_BONE, mass.flags) for name, value in rows]


def _fat_shares(given: tuple[Measurement, ...]) -> list[Measurement]:
    """Percent fat of the body and of the regions that ratios are made of."""
    found = []
    for region in ("whole_body", "android", "gynoid", "trunk", "legs"):
        share = _fat_share(given, region)
        if share is not None:
            # Of the whole body it is the quantity itself, which criteria ask for without a region.
            where = "" if region == "whole_body" else region
            found.append(
                _measurement(
                    "body_fat_percent", share.value, where, f"of {WITH_BONE} and fat", share.flags
                )
            )
    return found


def _fat_ratios(given: tuple[Measurement, ...]) -> list[Measurement]:
    arms, legs = _mass(given, "fat_mass", "arms"), _mass(given, "fat_mass", "legs")
    pairs = (
        ("android_gynoid_ratio", _fat_share(given, "android"), _fat_share(given, "gynoid")),
        (
            "android_gynoid_mass_ratio",
            _mass(given, "fat_mass", "android"),
            _mass(given, "fat_mass", "gynoid"),
        ),
        ("trunk_leg_fat_ratio", _fat_share(given, "trunk"), _fat_share(given, "legs")),
        (
            "trunk_limb_mass_ratio",
            _mass(given, "fat_mass", "trunk"),
            arms + legs if arms is not None and legs is not None else None,
        ),
    )
    return [
        _measurement(name, one.value / other.value, "", "", _together(one.flags, other.flags))
        for name, one, other in pairs
        if one is not None and other is not None and other.value > 0
    ]


def _fat_share(given: tuple[Measurement, ...], region: str) -> _Mass | None:
    """Percent fat: as given, else of fat and fat-free mass."""
    fat, rest = _mass(given, "fat_mass", region), _mass(given, "fat_free_mass", region)
    if fat is not None and rest is not None and fat.value + rest.value > 0:
        whole = fat + rest
        return _Mass(100 * fat.value / whole.value, whole.flags)
    place = "" if region == "whole_body" else region
    printed = _only(given, "body_fat_percent", place, "")
    return None if printed is None else _Mass(printed.value, printed.flags)


def _mass(given: tuple[Measurement, ...], part: Part, region: str) -> _Mass | None:
    """A mass of one region, worked out from the others where it is not given; both limbs as one."""
    whole = _of_place(given, part, region, "")
    if whole is not None or region not in {"arms", "legs"}:
        return whole
    limb = region.removesuffix("s")
    sides = [_of_place(given, part, limb, side) for side in ("left", "right")]
    measured = [side for side in sides if side is not None]
    if not measured:
        return None
    if len(measured) == 1:
        (one,) = measured
        return _Mass(2 * one.value, (*one.flags, MIRRORED.format(limb=limb)))
    return measured[0] + measured[1]


def _of_place(given: tuple[Measurement, ...], part: Part, region: str, side: str) -> _Mass | None:
    own = _only(given, part, region, side)
    if part == "fat_mass":
        return own
    bone = _only(given, "bone_mineral_content", region, side)
    other = _only(given, "fat_free_mass" if part == "lean_mass" else "lean_mass", region, side)
    if bone is None or other is None:
        return own
    mineral = bone.value / G_PER_KG
    worked = other.value + (-mineral if part == "lean_mass" else mineral)
    if own is None:
        return _Mass(worked, _together(other.flags, bone.flags))
    if math.isclose(own.value, worked, abs_tol=TOLERANCE_KG):
        return own
    where = " ".join(filter(None, (side, region.replace("_", " "))))
    doubt = (
        f"{where}: lean soft tissue and bone mineral do not make the fat-free mass "
        f"({abs(own.value - worked):.2f} kg apart)"
    )
    return _Mass(own.value, (*own.flags, doubt))


def _only(given: tuple[Measurement, ...], quantity: str, region: str, side: str) -> _Mass | None:
    found = find(given, quantity, region=region, side=side)
    if len(found) > 1:
        where = " ".join(filter(None, (side, region.replace("_", " ")))) or "the body"
        raise InputError(f"{quantity} of {where} is given {len(found)} times; keep one")
    return _Mass(found[0].value, found[0].flags) if found else None


def _together(*flags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for some in flags for one in some))


def _measurement(
    quantity: str, value: float, region: str, method: str, flags: tuple[str, ...]
) -> Measurement:
    return Measurement(
        quantity=quantity,
        value=value,
        region=region,
        method=f"DXA, {method}" if method else "DXA",
        flags=flags,
    )
