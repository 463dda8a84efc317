"""Regions of `anatomy` as DICOM codes, and back."""

from __future__ import annotations

from pydicom.dataset import Dataset

from enthesis.anatomy import CODES, VERTEBRA_CODES, Code, Region, region
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

OLDER_SCHEMES = frozenset({"SRT", "99SDM", "SNM3"})
"""What SNOMED's codes were called before SCT."""

LONGEST_MEANING = 64
"""Characters that DICOM allows in a code's meaning."""


def structure_code(known: Region) -> Code:
    """Public code of a region's structure, or a private one whose value is the structure's name."""
    if known.code is not None:
        return known.code
    return private_code(known.structure)


def private_code(name: str) -> Code:
    """A word of ours as a code of the scheme `PRIVATE`."""
    # Counted in bytes, as some validators do, which is never too long in characters.
    meaning = name.replace("_", " ").encode()[:LONGEST_MEANING].decode(errors="ignore")
    return Code(PRIVATE, name, meaning.strip())


def category_code(known: Region) -> Code:
    """What sort of thing a region is, as DICOM's CID 7150 divides them."""
    return {"fat": TISSUE, "implant": PHYSICAL_OBJECT}.get(known.kind, ANATOMICAL_STRUCTURE)


def level_code(level: str) -> Code | None:
    """The vertebra of a level, where its code was verified."""
    return _vertebra(level) if level in VERTEBRA_CODES else None


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
        structure = coded_structure(coded[0])
        if structure is None or not is_region(structure):
            raise
        name = "_".join(filter(None, (structure, side)))
    if side and region(name).side not in {"", side}:
        raise InputError(
            f"segment {segment.SegmentNumber} is called {label!r} but coded as {side}; correct it"
        )
    return name


def _side(coded: Dataset) -> str:
    modifiers = coded.get("SegmentedPropertyTypeModifierCodeSequence") or []
    sides = {side for modifier in modifiers if (side := coded_side(modifier))}
    return sides.pop() if len(sides) == 1 else ""


def coded_side(coded: Dataset) -> str:
    """Side that a code says; "" where it says none."""
    return next((side for side, code in SIDES.items() if same(coded, code)), "")


def coded_level(coded: Dataset) -> str:
    """Vertebral level that a code says; "" where it says none."""
    if str(coded.get("CodingSchemeDesignator", "")) == PRIVATE:
        return code_value(coded)
    return next((level for level in VERTEBRA_CODES if same(coded, _vertebra(level))), "")


def coded_structure(coded: Dataset) -> str | None:
    """Structure of a code, a vertebra with its level; None where it is not known."""
    if str(coded.get("CodingSchemeDesignator", "")) == PRIVATE:
        return code_value(coded)
    level = coded_level(coded)
    if level:
        return f"vertebra_{level}"
    return next((name for name, code in CODES.items() if same(coded, code)), None)


def same(coded: Dataset | None, code: Code) -> bool:
    """Whether a coded item is this code, in SNOMED's older letters and numbers too."""
    if coded is None:
        return False
    scheme, value = str(coded.get("CodingSchemeDesignator", "")), code_value(coded)
    if scheme in OLDER_SCHEMES and code.scheme == "SCT":
        # Imported here since its dictionaries take longer to load than most labels to read.
        from pydicom.sr.coding import Code as DicomCode

        return bool(DicomCode(value, scheme, "") == DicomCode(code.value, code.scheme, ""))
    return (scheme, value) == (code.scheme, code.value)


def _vertebra(level: str) -> Code:
    return Code("SCT", VERTEBRA_CODES[level], f"{level} vertebra")


def is_region(name: str) -> bool:
    """Whether `anatomy` knows a region of this name."""
    try:
        region(name)
    except InputError:
        return False
    return True


def code_value(coded: Dataset) -> str:
    """Value of a code, wherever its length put it."""
    return str(coded.get("CodeValue") or coded.get("LongCodeValue") or "")
