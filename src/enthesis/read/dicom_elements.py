"""Values of DICOM elements, taken from their bytes: text and numbers, never an exception."""

from __future__ import annotations

import math
import struct
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
"""Value representations stored as binary numbers, and how `struct` calls them."""

PRIVATE_VR = {0x0043102F: "SS", 0x2005100E: "FL"}
"""Value representations of the private elements that are read, where the file leaves them out."""

Vector = tuple[float, ...]


def tag(element: str | int) -> int:
    """Number of an element, given by keyword or by number."""
    if isinstance(element, int):
        return element
    found = tag_for_keyword(element)
    if found is None:
        raise ValueError(f"no DICOM element has the keyword {element!r}")
    return found


def text(dataset: Dataset, element: str | int) -> str:
    """Text of an element, its values joined by a backslash; empty if absent.

    The bytes are decoded here, since pydicom's own conversion takes most of the time of a series.
    """
    if tag(element) not in dataset:
        return ""
    raw: Any = dataset.get_item(tag(element))
    value = raw.value
    if value is None:
        return ""
    if isinstance(raw, RawDataElement):
        if (raw.VR or _vr(element)) in BINARY:
            return "\\".join(str(number) for number in _unpacked(raw, element))
        value = value.decode("latin-1")
    parts = value.split("\\") if isinstance(value, str) else value
    if not hasattr(parts, "__iter__"):
        parts = [parts]
    return "\\".join(str(part).strip(" \0\t\r\n") for part in parts)


def words(dataset: Dataset, element: str | int) -> tuple[str, ...]:
    """Values of a coded element in capitals."""
    return tuple(part.upper() for part in text(dataset, element).split("\\"))


def numbers(dataset: Dataset, element: str | int) -> Vector:
    """Numbers of an element; empty if absent or not numbers."""
    try:
        return tuple(float(part) for part in text(dataset, element).split("\\"))
    except ValueError:
        return ()


def vector(dataset: Dataset, element: str | int, length: int) -> Vector | None:
    """So many finite numbers, or None."""
    found = numbers(dataset, element)
    return found if len(found) == length and all(map(math.isfinite, found)) else None


def number(dataset: Dataset, element: str | int) -> float | None:
    """One finite number, or None."""
    found = vector(dataset, element, 1)
    return found[0] if found else None


def whole(dataset: Dataset, element: str | int) -> int | None:
    """One number without its fraction, or None."""
    found = number(dataset, element)
    return None if found is None else int(found)


def items(dataset: Dataset, element: str | int) -> list[Dataset]:
    """Items of a sequence; none if absent."""
    found: Any = dataset.get(tag(element))
    return list(found.value or ()) if found is not None and found.VR == "SQ" else []


def _unpacked(raw: RawDataElement, element: str | int) -> tuple[Any, ...]:
    kind = BINARY[raw.VR or _vr(element)]
    value = raw.value or b""
    count = len(value) // struct.calcsize(kind)
    order = "<" if raw.is_little_endian else ">"
    return struct.unpack_from(f"{order}{count}{kind}", value)


def _vr(element: str | int) -> str:
    number_ = tag(element)
    if number_ in PRIVATE_VR:
        return PRIVATE_VR[number_]
    return dictionary_VR(number_)
