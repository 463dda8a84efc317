"""What a column of device values holds, read from its header."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from enthesis.anatomy import DENSITOMETRY_SITES, LEVELS, STRUCTURES
from enthesis.quantities import QUANTITIES
from enthesis.read.device_units import FIELD_UNITS, factor, unit
from enthesis.read.device_words import (
    DEVICE_WORDS,
    EMPTY_WORDS,
    FIELDS,
    IDENTIFYING,
    NEEDS_SITE,
    OF_THE_BODY,
    QUANTITY_WORDS,
    SIDE_WORDS,
    SITE_WORDS,
)

Kind = Literal["field", "quantity", "unknown", "identifying"]

BRACKETS = re.compile(r"[\(\[]([^\)\]]*)[\)\]]")
LEVEL_RANGE = re.compile(r"\bl([1-5])\s*(?:[-\u2013]\s*l?|\s+to\s+l?|\s+l|l)([1-5])\b")
LEVEL = re.compile(r"\b(l[1-5]|t(?:[4-9]|1[0-2]))\b")

WITHOUT_BONE = "taken as lean soft tissue, bone mineral left out"

REGIONS = DENSITOMETRY_SITES | STRUCTURES.keys() | {"lowest"}

YES_OR_NO = "0/1"
"""Unit of a quantity that is a fact."""

WHOLE_SPINE = "L1-L4"
"""The vertebrae that stand for the lumbar spine unless a header names others (ISCD)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table of device values.

    Parameters
    ----------
    header : as it stands in the file
    name : ours, as criteria ask for it; the header itself where it is unknown
    kind : a field of the person or visit, a quantity, unknown, or identifying (never kept)
    quantity, region, side, level : of the measurements; "" where there is none
    unit : that values are taken to be in, as `quantities` writes units
    factor : what values are multiplied by for the unit of the quantity
    method : device that the header names
    remark : what was assumed, or why the column is unknown
    """

    header: str
    name: str
    kind: Kind
    quantity: str = ""
    region: str = ""
    side: str = ""
    level: str = ""
    unit: str = ""
    factor: float = 1.0
    method: str = ""
    remark: str = ""

    @property
    def wanted_unit(self) -> str:
        """Unit of the values once they are converted."""
        if self.quantity:
            return QUANTITIES[self.quantity].unit
        return FIELD_UNITS.get(self.name, "")


def column(header: str) -> Column:
    """What a header says.

    Parameters
    ----------
    header : one of our own names ("t_score_total_hip"), or words with a unit in brackets or at the
        end: "BMD L1 (g/cm2)", "Femoral neck T-score", "grip_left_kg"

    Returns
    -------
    Column; its kind is "unknown" when a word is left over, and the remark says which.
    """
    text, given = _split_unit(header)
    plain = _plain(text)
    if plain in IDENTIFYING:
        return Column(
            header=header, name=header, kind="identifying", remark="says who somebody is: left out"
        )
    own = _own_name(header, text)
    if own is not None:
        return _with_unit(own, given)
    if plain in FIELDS:
        return _with_unit(Column(header=header, name=FIELDS[plain], kind="field"), given)
    try:
        return _with_unit(_from_words(header, text, given), given)
    except _NotUnderstoodError as reason:
        return Column(header=header, name=header, kind="unknown", remark=str(reason))


class _NotUnderstoodError(Exception):
    """Why a header is no quantity."""


def _split_unit(header: str) -> tuple[str, str | None]:
    """The header without its unit, and the unit: as `quantities` writes it, or as given."""
    for found in BRACKETS.finditer(header):
        rest = (header[: found.start()] + " " + header[found.end() :]).strip()
        known = unit(found[1])
        if known is not None:
            return rest, known
        # "BMD (neck)" has words in its brackets; "grip (N)" a unit that is not known here.
        if rest and _words_left(_plain(found[1])):
            return rest, found[1].strip()
    # The sign after a number names a site: "33% radius".
    if re.search(r"(?<!\d)%", header):
        return header.replace("%", " percent "), "%"
    parts = re.split(r"[\s_,;]+", header.strip())
    for length in (2, 1):
        known = unit("/".join(parts[-length:])) if len(parts) > length else None
        if known and not (length == 1 and known in {"in", "days"}):
            return " ".join(parts[:-length]), known
    return header, None


def _own_name(header: str, text: str) -> Column | None:
    """The column under one of our own names, with the unit's words or without."""
    for name in (header.strip(), text.strip()):
        if name in FIELD_UNITS or name in FIELDS.values():
            return Column(header=header, name=name, kind="field")
        of = _longest_quantity(name)
        if not of:
            continue
        rest = name[len(of) :].strip("_").split("_") if name != of else []
        side = rest.pop() if rest and rest[-1] in {"left", "right"} else ""
        levels: list[str] = []
        while rest and (rest[-1] in LEVELS or re.fullmatch(r"L[1-5]-L[1-5]", rest[-1])):
            levels.insert(0, rest.pop())
        region = "_".join(rest)
        if (region and region not in REGIONS) or (levels and not region):
            continue
        # One word without a place ("area", "t2", "signal") may be anything in a device's table.
        meant = "_" in of or of in QUANTITY_WORDS.values() or QUANTITIES[of].unit == YES_OR_NO
        if not region and (of in NEEDS_SITE or not meant):
            continue
        return _quantity_column(header, of, region=region, side=side, level="_".join(levels))
    return None


def _longest_quantity(name: str) -> str:
    parts = name.split("_")
    for length in range(len(parts), 0, -1):
        if "_".join(parts[:length]) in QUANTITIES:
            return "_".join(parts[:length])
    return ""


def _quantity_column(
    header: str, of: str, *, region: str, side: str, level: str, method: str = "", remark: str = ""
) -> Column:
    return Column(
        header=header,
        name="_".join(filter(None, (of, region, level, side))),
        kind="quantity",
        quantity=of,
        region=region,
        side=side,
        level=level,
        method=method,
        remark=remark,
    )


def _with_unit(found: Column, given: str | None) -> Column:
    wanted = found.wanted_unit
    if (found.kind == "field" and found.name not in FIELD_UNITS) or wanted == YES_OR_NO:
        return found
    if given is None:
        # Our own names, and pure numbers, need no unit.
        silent = not wanted or found.header.strip() == found.name
        said = "" if silent else f"no unit in the header: taken as {wanted}"
        return replace(found, unit=wanted, remark="; ".join(filter(None, (found.remark, said))))
    worth = factor(given, wanted)
    if worth is None:
        return Column(
            header=found.header,
            name=found.header,
            kind="unknown",
            unit=given,
            remark=f"is in {given!r}, but {found.name} is in {wanted or 'no unit'!r}",
        )
    return replace(found, unit=given, factor=worth)


def _from_words(header: str, text: str, given: str | None) -> Column:
    levels, words = _levels(_plain(text, keep_dash=True))
    found, left = _phrases(words)
    if left:
        raise _NotUnderstoodError(f"not understood: {', '.join(left)}")
    of = found.get("quantity", "")
    if not of:
        raise _NotUnderstoodError("no quantity is named")
    site, method, remark = found.get("site", ""), found.get("device", ""), ""
    if of == "fat_mass" and given == "%":
        of = "body_fat_percent"
    of, remark = _exact(of, method, given)
    site, level, doubt = _place(of, site, levels)
    return _quantity_column(
        header,
        of,
        region=site,
        side=found.get("side", ""),
        level=level,
        method=method,
        remark="; ".join(filter(None, (remark, doubt))),
    )


def _plain(text: str, *, keep_dash: bool = False) -> str:
    kept = r"[^\w+\u2013-]+|_" if keep_dash else r"[^\w]+|_"
    return " ".join(re.sub(kept, " ", text.lower().replace("²", "2")).split())


def _levels(plain: str) -> tuple[str, str]:
    """The vertebrae that the words name ("L1", "L1-L4" or ""), and the other words."""
    spans = LEVEL_RANGE.findall(plain)
    rest = LEVEL_RANGE.sub(" ", plain)
    singles = LEVEL.findall(rest)
    if len(spans) + len(singles) > 1:
        raise _NotUnderstoodError("several vertebral levels are named")
    rest = _plain(LEVEL.sub(" ", rest))
    if spans:
        first, last = spans[0]
        if first >= last:
            raise _NotUnderstoodError(f"L{first} to L{last} is no span of vertebrae")
        return f"L{first}-L{last}", rest
    return (singles[0].upper() if singles else ""), rest


def _phrases(words: str) -> tuple[dict[str, str], list[str]]:
    """Meaning by kind, longest phrases first, and the words that have none."""
    found: dict[str, str] = {}
    left = f" {words} "
    for phrase, kind, meaning in _vocabulary():
        if f" {phrase} " not in left or kind in found:
            continue
        found[kind] = meaning
        left = left.replace(f" {phrase} ", " | ", 1)
    rest = [word for word in left.split() if word != "|" and word not in EMPTY_WORDS]
    # "Total" beside a site is the whole of it: "BMD total L1-L4".
    return found, [word for word in rest if word not in {"total", "tot"}]


def _words_left(words: str) -> list[str]:
    return _phrases(_levels(words)[1])[1]


@functools.cache
def _vocabulary() -> tuple[tuple[str, str, str], ...]:
    sources: Iterable[tuple[str, dict[str, str]]] = (
        ("quantity", QUANTITY_WORDS),
        ("site", SITE_WORDS),
        ("side", SIDE_WORDS),
        ("device", DEVICE_WORDS),
    )
    every = [
        (phrase, kind, meaning) for kind, words in sources for phrase, meaning in words.items()
    ]
    # Of phrases with as many words the one with more letters, so that "alm" is not "al" and "m".
    return tuple(sorted(every, key=lambda row: (-len(row[0].split()), -len(row[0]), row[0])))


def _exact(of: str, method: str, given: str | None) -> tuple[str, str]:
    """The quantity that the words stand for, and what was assumed."""
    if of in {"lean", "lean_mass_index"}:
        return ("lean_mass" if of == "lean" else of), WITHOUT_BONE
    if of in {"appendicular_muscle_mass", "appendicular_muscle_mass_index"}:
        if method == "BIA":
            return f"{of}_bia", ""
        if method == "DXA":
            return of.replace("muscle", "lean"), ""
        raise _NotUnderstoodError("muscle mass by DXA or by BIA? say so in the header")
    if of.startswith("appendicular_lean_mass") and method == "BIA":
        return of.replace("lean", "muscle") + "_bia", ""
    if of == "areal_bmd" and given in {"mg/cm3", "g/cm3"}:
        return "trabecular_bmd", "a density per volume: taken as the trabecular BMD of a CT"
    return of, ""


def _place(of: str, site: str, levels: str) -> tuple[str, str, str]:
    """Region, level, and what was assumed."""
    if levels:
        if site not in {"", "lumbar_spine", "total"}:
            raise _NotUnderstoodError(f"{levels} does not lie in the {site.replace('_', ' ')}")
        if "-" not in levels:
            return ("vertebral_body" if of == "trabecular_bmd" else "vertebra"), levels, ""
        return "lumbar_spine", "" if levels == WHOLE_SPINE else levels, ""
    if of == "trabecular_bone_score" and site in {"", "total"}:
        return "lumbar_spine", "", ""
    if of in OF_THE_BODY and site in {"", "total"}:
        return "whole_body", "", "" if site else "taken as of the whole body"
    if of in NEEDS_SITE and site in {"", "total"}:
        raise _NotUnderstoodError("which site? name the bone or the vertebrae")
    if site == "total_hip" and of in NEEDS_SITE:
        return site, "", ""
    # Of these the whole body is the quantity itself.
    if of in {"body_fat_percent"} and site in {"whole_body", "total"}:
        return "", "", ""
    return ("" if site == "total" else site), "", ""
