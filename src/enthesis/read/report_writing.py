"""Measurements as a DICOM measurement report (SR by template TID 1500)."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from enthesis import __version__
from enthesis._optional import optional
from enthesis.anatomy import (
    DISC_STRUCTURES,
    SPINE_STRUCTURES,
    STRUCTURES,
    VERTEBRA_CODES,
    Code,
    region,
)
from enthesis.errors import InputError
from enthesis.read.dicom_codes import SIDES, level_code, private_code, structure_code
from enthesis.read.dicom_source import source_series
from enthesis.read.report_codes import (
    COMMENT,
    DERIVATION,
    METHOD,
    NOT_A_NUMBER,
    quantity_codes,
    unit_code,
)
from enthesis.read.seg import concept, save_deidentified
from enthesis.records import Measurement

SERIES_NUMBER = 9002
"""After the segments' series, 9001."""

PROCEDURES = {
    "CT": Code("LN", "25045-6", "CT unspecified body region"),
    "MR": Code("LN", "25056-3", "MRI unspecified body region"),
    "NM": Code("LN", "49118-3", "NM unspecified body region"),
    "PT": Code("LN", "44136-0", "PET unspecified body region"),
}
"""What was done to the patient, by modality (CID 100)."""

LIBRARY = Code("DCM", "111028", "Image Library")
LIBRARY_GROUP = Code("DCM", "126200", "Image Library Group")
SOURCE = Code("SCT", "260753009", "Source")

Where = tuple[str, str, str]


def write_sr(
    measurements: Iterable[Measurement],
    source_series_folder: str | Path,
    path: str | Path,
    *,
    series: str | None = None,
) -> None:
    """Write measurements as a DICOM SR that refers to the slices they were made on.

    One group (TID 1501) a region, side and level. Quantities, regions and units carry public codes
    (DCM, SNOMED CT, UCUM) where `quantities` and `anatomy` have one, and codes of the private
    scheme 99ENTHESIS elsewhere; a method is a private code whose value is its words, a flag is a
    comment of its number. What could not be measured is evaluated as "not a number", after the
    numbers of its group. Nothing that names or dates a patient or the study is copied; the
    identifiers of study, series and slices are. `sr` reads all back.

    Parameters
    ----------
    measurements : in the order wanted
    source_series_folder : DICOM files of the scan, one a slice
    path : .dcm file to write; replaced if there
    series : beginning of the hash of the series, where the folder holds several

    Raises
    ------
    InputError : highdicom is not installed, nothing to write, an infinite value, no usable source,
        or a folder that cannot be written.
    """
    hd = optional("highdicom", extra="dicom", purpose="writing DICOM SR")
    groups: dict[Where, list[Measurement]] = {}
    for each in measurements:
        if math.isinf(each.value):
            raise InputError(f"the {each.quantity} of {each.region!r} is infinite; leave it out")
        groups.setdefault((each.region, each.side, each.level), []).append(each)
    if not groups:
        raise InputError("there is no measurement, and an empty report is not allowed")
    _, sources = source_series(source_series_folder, series=series)
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=_device(hd)),
        procedure_reported=concept(hd, _procedure(sources[0].Modality)),
        imaging_measurements=[_group(hd, where, group) for where, group in groups.items()],
    )
    root = report[0]
    *context, numbers = root.ContentSequence
    root.ContentSequence = [*context, _library(hd, sources), numbers]
    written = hd.sr.Comprehensive3DSR(
        evidence=list(sources),
        content=report,
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer="Enthesis",
        is_complete=True,
        series_description="Enthesis measurements",
        specific_character_set="ISO_IR 192",
    )
    save_deidentified(written, path)


def _procedure(modality: str) -> Code:
    return PROCEDURES.get(modality) or private_code(f"{modality} imaging")


def _library(hd: Any, sources: Sequence[Dataset]) -> Any:
    """The slices that were measured on.

    References alone: highdicom's own adds ten descriptions of each, which of a long series takes
    longer to write than all else and says nothing that the slices do not.
    """
    group = hd.sr.ContainerContentItem(
        name=concept(hd, LIBRARY_GROUP), relationship_type="CONTAINS"
    )
    group.ContentSequence = [
        hd.sr.ImageContentItem(
            name=concept(hd, SOURCE),
            referenced_sop_class_uid=source.SOPClassUID,
            referenced_sop_instance_uid=source.SOPInstanceUID,
            relationship_type="CONTAINS",
        )
        for source in sources
    ]
    library = hd.sr.ContainerContentItem(name=concept(hd, LIBRARY), relationship_type="CONTAINS")
    library.ContentSequence = [group]
    return library


def _device(hd: Any) -> Any:
    named = uuid.uuid5(uuid.NAMESPACE_DNS, f"enthesis {__version__}")
    return hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=f"2.25.{named.int}",
            name="enthesis",
            manufacturer_name="Enthesis",
            model_name=f"enthesis {__version__}",
        ),
    )


def _group(hd: Any, where: Where, measurements: list[Measurement]) -> Any:
    structure, side, level = where
    site = _structure(structure, side, level)
    sites = []
    if site is not None:
        place = _level(level) if level and VERTEBRA_CODES.get(level) != site.value else None
        sites.append(
            hd.sr.FindingSite(
                anatomic_location=concept(hd, site),
                laterality=concept(hd, SIDES[side]) if side in SIDES else None,
                topographical_modifier=concept(hd, place) if place else None,
            )
        )
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=generate_uid(prefix=None),
            identifier=" ".join(filter(None, where)) or "whole scan",
        ),
        finding_type=concept(hd, site) if site else None,
        finding_sites=sites or None,
        measurements=[_number(hd, each) for each in measurements if not math.isnan(each.value)],
        qualitative_evaluations=[
            _no_number(hd, each) for each in measurements if math.isnan(each.value)
        ],
    )


def _structure(structure: str, side: str, level: str) -> Code | None:
    if structure in STRUCTURES:
        of_level = level if structure in SPINE_STRUCTURES | DISC_STRUCTURES else ""
        return structure_code(region("_".join(filter(None, (structure, side, of_level)))))
    return private_code(structure) if structure else None


def _level(level: str) -> Code:
    return level_code(level) or private_code(level)


def _number(hd: Any, measured: Measurement) -> Any:
    name, derived = quantity_codes(measured.quantity)
    number = hd.sr.Measurement(
        name=concept(hd, name),
        value=float(measured.value),
        unit=concept(hd, unit_code(measured.unit)),
        derivation=concept(hd, derived) if derived else None,
        method=concept(hd, private_code(measured.method)) if measured.method else None,
    )
    _add(number[0], _comments(hd, measured))
    return number


def _no_number(hd: Any, measured: Measurement) -> Any:
    # The standard knows a number without value too, but highdicom fails to read such a report.
    name, derived = quantity_codes(measured.quantity)
    evaluation = hd.sr.QualitativeEvaluation(
        name=concept(hd, name), value=concept(hd, NOT_A_NUMBER)
    )
    said = ((DERIVATION, derived), (METHOD, measured.method and private_code(measured.method)))
    modifiers = [
        hd.sr.CodeContentItem(
            name=concept(hd, title), value=concept(hd, code), relationship_type="HAS CONCEPT MOD"
        )
        for title, code in said
        if code
    ]
    _add(evaluation[0], [*modifiers, *_comments(hd, measured)])
    return evaluation


def _add(item: Any, children: list[Any]) -> None:
    if children:
        item.ContentSequence = [*item.get("ContentSequence", ()), *children]


def _comments(hd: Any, measured: Measurement) -> list[Any]:
    return [
        hd.sr.TextContentItem(
            name=concept(hd, COMMENT), value=flag, relationship_type="HAS PROPERTIES"
        )
        for flag in measured.flags
    ]
