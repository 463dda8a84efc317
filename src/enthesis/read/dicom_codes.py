"""Regions of `anatomy` as DICOM codes, and back."""

from __future__ import annotations

from pydicom.dataset import Dataset

from enthesis.anatomy import CODES, STRUCTURES, VERTEBRA_CODES, Code, Region, region
from enthesis.errors import InputError
from enthesis.read.schemes import region_name

PRIVATE = "99ENTHESIS"
"""Coding scheme of our own words, for what has no public code that was verified."""

SIDES = {
    "left": Code("SCT", "7771000", "Left"),
    "right": Code("SCT", "24028007", "Right"),
}

ANATOMICAL_STRUCTURE = Code("SCT", "91723000", "Anatomical Structure")
TISSUE = Code("SCT", "85756007", "Tissue")
PHYSICAL_OBJECT = Code("SCT", "260787004", "Physical object")

LONGEST_MEANING = 64
"""Characters that DICOM allows in a code's meaning."""


def structure_code(known: Region) -> Code:
    """Public code of a region's structure, or a private one whose value is the structure's name."""
    if known.code is not None:
        return known.code
    return private_code(known.structure)


def private_code(name: str) -> Code:
    """A word of ours as a code of the scheme `PRIVATE`."""
    return Code(PRIVATE, name, name.replace("_", " ")[:LONGEST_MEANING])


def category_code(known: Region) -> Code:
    """What sort of thing a region is, as DICOM's CID 7150 divides them."""
    return {"fat": TISSUE, "implant": PHYSICAL_OBJECT}.get(known.kind, ANATOMICAL_STRUCTURE)


def level_code(level: str) -> Code | None:
    """The vertebra of a level, where its code was verified."""
    if level in VERTEBRA_CODES:
        return Code("SCT", VERTEBRA_CODES[level], f"{level} vertebra")
    return None


def segment_region(segment: Dataset) -> str:
    """Name of a segment's region: by its label, else by its codes.

    Raises
    ------
    InputError : neither is known, or label and code say different sides.
    """
    label = str(segment.get("SegmentLabel", "")).strip()
    coded = segment.get("SegmentedPropertyTypeCodeSequence") or [Dataset()]
    side = _side(coded[0])
    try:
        name = region_name(label)
    except InputError:
        structure = _structure(coded[0])
        if structure is None:
            raise
        name = "_".join(filter(None, (structure, side)))
    if side and region(name).side not in {"", side}:
        raise InputError(
            f"segment {segment.SegmentNumber} is called {label!r} but coded as {side}; correct it"
        )
    return name


def _side(coded: Dataset) -> str:
    modifiers = coded.get("SegmentedPropertyTypeModifierCodeSequence") or []
    values = {code_value(modifier) for modifier in modifiers}
    sides = [side for side, code in SIDES.items() if code.value in values]
    return sides[0] if len(sides) == 1 else ""


def _structure(coded: Dataset) -> str | None:
    scheme, value = str(coded.get("CodingSchemeDesignator", "")), code_value(coded)
    if scheme == PRIVATE and value in STRUCTURES:
        return value
    levels = [level for level, code in VERTEBRA_CODES.items() if code == value]
    if scheme == "SCT" and levels:
        return f"vertebra_{levels[0]}"
    fits = [name for name, code in CODES.items() if (code.scheme, code.value) == (scheme, value)]
    return fits[0] if fits else None


def code_value(coded: Dataset) -> str:
    """Value of a code, wherever its length put it."""
    return str(coded.get("CodeValue") or coded.get("LongCodeValue") or "")
