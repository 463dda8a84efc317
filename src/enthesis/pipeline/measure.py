"""One scan with its labels, through the house: measured, judged, written and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from enthesis import bone, diagnosis, maps, read, regions
from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.diagnosis.qct import QCT_CRITERIA
from enthesis.diagnosis.vertebral_fracture import VERTEBRAL_FRACTURE_CRITERIA
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.pipeline.calibrated import Calibrated
from enthesis.pipeline.measure_doubts import (
    attenuation_doubts,
    doubted,
    fat_map_doubts,
    grid_doubts,
    protocol_gaps,
)
from enthesis.pipeline.measure_muscles import measure_muscles, stamped
from enthesis.pipeline.measure_protocol import USUAL, Protocol
from enthesis.pipeline.measure_vertebrae import measure_vertebrae
from enthesis.pipeline.reference_scores import AgainstReference
from enthesis.records import Finding, Measurement, Subject, long_table
from enthesis.regions import VertebralBody

ANYBODY = Subject()
"""A subject of whom nothing is known."""

NO_DOUBTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What one scan gave.

    Parameters
    ----------
    subject : with its measurements
    findings : in the order of the criteria
    flags : doubts about the scan as a whole
    bodies : vertebral bodies by level, which say on what slices was measured
    rules : the protocol by which muscles and vertebrae were measured
    calibrated : the line from HU to bone density, where there was a phantom
    against : scores by a reference, where one was given
    """

    subject: Subject
    findings: tuple[Finding, ...]
    flags: tuple[str, ...]
    bodies: dict[str, VertebralBody]
    rules: Protocol = USUAL
    calibrated: Calibrated | None = None
    against: AgainstReference | None = None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All measurements."""
        return self.subject.measurements

    def to_frame(self, *, session: str = "") -> pd.DataFrame:
        """The long table; `session` is the study's code for this of several scans."""
        return long_table(self.measurements, subject=self.subject.id, session=session)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "subject": {
                "id": self.subject.id,
                "sex": self.subject.sex,
                "age": self.subject.age,
                "height_m": self.subject.height_m,
                "weight_kg": self.subject.weight_kg,
            },
            "protocol": protocol_facts(self.rules),
            "calibration": self.calibrated.to_dict() if self.calibrated else None,
            "reference": self.against.to_dict() if self.against else None,
            "flags": list(self.flags),
            "findings": [finding.to_dict() for finding in self.findings],
            "measurements": [
                {
                    "quantity": m.quantity,
                    "value": m.value,
                    "unit": m.unit,
                    "region": m.region,
                    "side": m.side,
                    "level": m.level,
                    "method": m.method,
                    "flags": list(m.flags),
                }
                for m in self.measurements
            ],
        }


def measure(
    image: Image,
    labels: LabelMap,
    *,
    subject: Subject = ANYBODY,
    rules: Protocol = USUAL,
    calibrated: Calibrated | None = None,
    doubts: Mapping[str, str] = NO_DOUBTS,
) -> ScanResult:
    """Measure every labelled region of a scan and judge what can be judged.

    Parameters
    ----------
    image : CT in HU or calibrated to bone density, a map of the fat fraction, of T2 or of
        diffusion, or a conventional MR image; what it holds decides what is measured beyond
        volumes, areas and heights
    labels : on the same grid
    subject : sex, height and weight widen what can be judged
    rules : how muscles and vertebrae are measured
    calibrated : of this CT in HU; density of vertebral bodies is then measured too
    doubts : region's name → what is doubtful about its outline, said beside each of its numbers

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    InputError : no voxel is labelled, or the protocol is for another kind of image.
    """
    voxels = regions.labelled_voxels(image, labels)
    if not voxels.regions:
        raise InputError("no voxel of the label map is labelled; nothing can be measured")
    bodies = regions.vertebral_bodies(labels, voxels.boxes)
    discs = regions.discs(labels, bodies, voxels.boxes)
    of_muscles, gaps = measure_muscles(voxels, bodies, discs, rules, height_m=subject.height_m)
    whole = regions.describe(voxels)
    density = image if calibrated is None else maps.bone_density(image, calibrated.calibration)
    measured = [
        *of_muscles,
        *bone.trabecular_attenuations(image, bodies),
        *measure_vertebrae(density, labels, bodies, rules.vertebrae),
    ]
    measured += whole if rules.whole_regions else []
    measured = doubted(measured, doubts, rules.together)
    subject = replace(subject, measurements=(*subject.measurements, *stamped(measured, rules)))
    flags = [
        *image.source.flags,
        *labels.source.flags,
        *grid_doubts(image),
        *regions.label_doubts(voxels, bodies),
        *gaps,
    ]
    if not any(level in bodies for level in LUMBAR_LEVELS):
        flags.append("no lumbar vertebra is labelled: nothing was measured at a lumbar level")
    findings = _of_vertebrae(subject)
    if image.quantity == "hounsfield":
        of_values = attenuation_doubts(image, whole)
        flags += [*of_values, *protocol_gaps(image)]
        findings += tuple(
            # A finding is read on its own, so it says itself what its input suffers from.
            replace(finding, flags=(*finding.flags, *of_values)) if finding.used else finding
            for finding in _findings(subject)
        )
    elif image.quantity == "fat_fraction":
        flags += fat_map_doubts(image)
    else:
        flags.append(
            "the image does not hold HU: attenuation was not measured, and fat only as the "
            "protocol says"
        )
    return ScanResult(
        subject=subject,
        findings=findings,
        flags=tuple(dict.fromkeys(flags)),
        bodies=bodies,
        rules=rules,
        calibrated=calibrated,
    )


def read_scan(
    image: Path,
    labels: Path,
    *,
    scheme: str | Path,
    series: str | None = None,
    holds: str | None = None,
    echoes: bool = False,
) -> tuple[Image, LabelMap]:
    """Read a scan and its labels.

    Parameters
    ----------
    image : NIfTI file, DICOM file or folder of a CT or MR series
    labels : label NIfTI, or a folder of one mask a region
    scheme : a name of `read.SCHEMES`, or a file that names the numbers
    series, holds, echoes : see `read_image`

    Raises
    ------
    InputError : unreadable or unusable input.
    """
    scan = read_image(image, scheme=scheme, series=series, holds=holds, echoes=echoes)
    return scan, read.labels(labels, scheme, like=scan)


def read_image(
    image: Path,
    *,
    scheme: str | Path,
    series: str | None = None,
    holds: str | None = None,
    echoes: bool = False,
) -> Image:
    """Read a scan.

    Parameters
    ----------
    image : NIfTI file, DICOM file or folder of a CT or MR series
    scheme : of its labels
    series : which series, where a folder holds several
    holds : what the voxels of a NIfTI file hold, a key of `quantities`; by the scheme if not given:
        signal where that is of MR, else HU
    echoes : `image` is a multi-echo scan; its fat fraction is made and measured

    Raises
    ------
    InputError : unreadable or unusable input.
    """
    if echoes:
        separated = maps.fat_water(read.echoes(image, series=series))
        share = separated.fat_fraction
        source = replace(share.source, flags=(*share.source.flags, *separated.flags))
        return replace(share, source=source)
    quantity = holds or ("signal" if scheme in read.MR_SCHEMES else None)
    return read.image(image, quantity=quantity, series=series)


def protocol_facts(rules: Protocol) -> dict[str, str] | None:
    """Name, hash and text of a protocol, ready for JSON; None for the usual rules."""
    if not rules.text:
        return None
    return {
        "name": rules.name,
        "title": rules.title,
        "sha256": rules.sha256,
        "text": rules.text,
    }


def _findings(subject: Subject) -> tuple[Finding, ...]:
    sided = {(m.quantity, m.region) for m in subject.measurements if m.side}
    # Where each side is measured, what both have together is no finding of its own.
    single = tuple(m for m in subject.measurements if m.side or (m.quantity, m.region) not in sided)
    subject = replace(subject, measurements=single)
    return (
        *(diagnosis.l1_attenuation(subject, cohort=name) for name in diagnosis.L1_COHORTS),
        *(
            diagnosis.muscle_attenuation(subject, cutoffs=name)
            for name in diagnosis.ATTENUATION_CUTOFFS
        ),
        *diagnosis.muscle_attenuation_review(subject),
    )


def _of_vertebrae(subject: Subject) -> tuple[Finding, ...]:
    """Fracture and density classes, where grades and densities were measured."""
    found = []
    for quantity, region, criteria in (
        ("genant_grade", "vertebra", VERTEBRAL_FRACTURE_CRITERIA),
        ("trabecular_bmd", "lumbar_spine", QCT_CRITERIA),
    ):
        read = [m for m in subject.measurements if (m.quantity, m.region) == (quantity, region)]
        doubts = tuple(f"{m.level}: {flag}" if m.level else flag for m in read for flag in m.flags)
        plain = {flag for m in read for flag in m.flags}
        for finding in (one.find(subject) for one in criteria if read):
            # Each measurement's own doubts, with the level that they are about.
            own = tuple(flag for flag in finding.flags if flag not in plain)
            found.append(replace(finding, flags=(*own, *doubts)))
    return tuple(found)
