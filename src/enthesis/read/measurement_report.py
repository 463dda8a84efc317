"""Measurements of a DICOM measurement report (SR by template TID 1500), ours or another's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from enthesis.anatomy import Code, region
from enthesis.errors import InputError
from enthesis.quantities import quantity
from enthesis.read import report_codes as codes
from enthesis.read.dicom_codes import (
    PRIVATE,
    code_value,
    coded_level,
    coded_side,
    coded_structure,
    is_region,
    same,
)
from enthesis.read.dicom_objects import dicom_object, understanding
from enthesis.records import Measurement

DEEPEST = 20
"""Levels of a report that are looked through; TID 1500 has five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a measurement report says in numbers.

    Parameters
    ----------
    measurements : in the order of the report; `records.long_table` makes a table of them
    left_out : a sentence for each number whose quantity, unit or region is not known
    """

    measurements: tuple[Measurement, ...]
    left_out: tuple[str, ...]


def sr(path: str | Path) -> Report:
    """Measurements of a DICOM SR made by template TID 1500.

    Parameters
    ----------
    path : the .dcm file

    Returns
    -------
    Report. Values stand in the units of `quantities` (areas in cm2 become mm2); "not a number" is
    NaN; comments of a number are its flags.

    Raises
    ------
    InputError : no SR, one of another template, or none of its numbers is known.
    """
    path = Path(path)
    dataset = _read(path)
    measurements: list[Measurement] = []
    left_out: list[str] = []
    with understanding(path):
        for group in _groups(dataset, DEEPEST):
            for item in _numbers(group):
                try:
                    measurements.append(_measurement(item, group))
                except InputError as error:
                    left_out.append(str(error))
    if not measurements:
        why = "; ".join(left_out[:3]) or "it holds no number"
        raise InputError(f"the report {path.name!r} has no measurement of ours: {why}")
    return Report(measurements=tuple(measurements), left_out=tuple(left_out))


def _read(path: Path) -> Dataset:
    dataset = dicom_object(path, "SR")
    with understanding(path):
        items = dataset.get("ContentSequence")
        titled = same(_code(dataset, "ConceptNameCodeSequence"), codes.IMAGING_REPORT)
    if not items or not titled:
        raise InputError(
            f"{path.name!r} is no imaging measurement report (TID 1500); its numbers would be "
            "without a known meaning"
        )
    return dataset


def _groups(item: Dataset, depth: int) -> Iterator[Dataset]:
    for child in item.get("ContentSequence") or ():
        if same(_code(child, "ConceptNameCodeSequence"), codes.MEASUREMENT_GROUP):
            yield child
        elif depth > 0:
            yield from _groups(child, depth - 1)


def _numbers(group: Dataset) -> Iterator[Dataset]:
    """Numbers of a group, and evaluations that there is none."""
    for child in group.get("ContentSequence") or ():
        kind = child.get("ValueType")
        missing = kind == "CODE" and same(_code(child, "ConceptCodeSequence"), codes.NOT_A_NUMBER)
        if kind == "NUM" or missing:
            yield child


def _measurement(item: Dataset, group: Dataset) -> Measurement:
    """Measurement of a number or of its absence.

    Raises
    ------
    InputError : its quantity, unit or region is not known.
    """
    concept = item.ConceptNameCodeSequence[0]
    derived = _coded(item, codes.DERIVATION)
    name = codes.coded_quantity(concept, derived)
    meaning = str(concept.get("CodeMeaning", "a number"))
    if name is None:
        raise InputError(f"{meaning!r} is no quantity of ours")
    structure, side, level = _where(item, group, meaning)
    method = _coded(item, codes.METHOD) or _coded(group, codes.METHOD)
    return Measurement(
        quantity=name,
        value=_value(item, name, meaning),
        region=structure,
        side=side,
        level=level,
        method=_words(method) if method is not None else "",
        flags=tuple(
            str(child.get("TextValue", ""))
            for child in _children(item, "TEXT")
            if same(_code(child, "ConceptNameCodeSequence"), codes.COMMENT)
        ),
    )


def _value(item: Dataset, name: str, meaning: str) -> float:
    measured = item.get("MeasuredValueSequence")
    if not measured:
        return math.nan
    value = measured[0]
    try:
        factor = codes.unit_factor(_code(value, "MeasurementUnitsCodeSequence"), name)
    except InputError as error:
        raise InputError(f"{meaning!r}: {error}, the unit of {quantity(name).name}") from None
    # The decimal text holds 16 characters; the other element, where it is there, all digits.
    number = value.get("FloatingPointValue")
    return factor * float(value.NumericValue if number is None else number)


def _where(item: Dataset, group: Dataset, meaning: str) -> tuple[str, str, str]:
    sites = [s for of in (item, group) for s in _items(of, codes.FINDING_SITE)]
    findings = _items(group, codes.FINDING)
    for site in (*sites, *findings):
        found = coded_structure(site.ConceptCodeSequence[0])
        if found is None:
            continue
        own_level = region(found).level if is_region(found) else ""
        structure = region(found).structure if is_region(found) else found
        side = next(filter(None, (coded_side(c) for c in _all_coded(site, codes.LATERALITY))), "")
        level = next(filter(None, map(coded_level, _all_coded(site, codes.TOPOGRAPHY))), own_level)
        return structure, side, level
    if not sites and not findings:
        return "", "", ""
    words = [_words(each.ConceptCodeSequence[0]) for each in (*findings, *sites)]
    raise InputError(f"{meaning!r} is of {' in '.join(map(repr, words))}, no region of ours")


def _children(item: Dataset, kind: str) -> Iterator[Dataset]:
    for child in item.get("ContentSequence") or ():
        if child.get("ValueType") == kind:
            yield child


def _items(item: Dataset, name: Code) -> list[Dataset]:
    """CODE items of this concept below an item."""
    return [
        child
        for child in _children(item, "CODE")
        if same(_code(child, "ConceptNameCodeSequence"), name) and child.get("ConceptCodeSequence")
    ]


def _all_coded(item: Dataset, name: Code) -> list[Dataset]:
    return [child.ConceptCodeSequence[0] for child in _items(item, name)]


def _coded(item: Dataset, name: Code) -> Dataset | None:
    return next(iter(_all_coded(item, name)), None)


def _code(item: Dataset, keyword: str) -> Dataset | None:
    found = item.get(keyword)
    return found[0] if found else None


def _words(coded: Dataset) -> str:
    """A code in words: ours are their own value, which has no length that cuts them."""
    if str(coded.get("CodingSchemeDesignator", "")) == PRIVATE:
        return code_value(coded)
    return str(coded.get("CodeMeaning", ""))
