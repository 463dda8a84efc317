"""One scan with its labels, through the house: measured, judged, written and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import bone, diagnosis, muscle, read, regions
from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.pipeline.measure_doubts import attenuation_doubts, grid_doubts, protocol_gaps
from enthesis.records import Finding, Measurement, Subject, long_table
from enthesis.regions import VertebralBody

ANYBODY = Subject()
"""A subject of whom nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What one scan gave.

    Parameters
    ----------
    subject : with its measurements
    findings : in the order of the criteria
    flags : doubts about the scan as a whole
    bodies : vertebral bodies by level, which say on what slices was measured
    """

    subject: Subject
    findings: tuple[Finding, ...]
    flags: tuple[str, ...]
    bodies: dict[str, VertebralBody]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All measurements."""
        return self.subject.measurements

    def to_frame(self) -> pd.DataFrame:
        """The long table."""
        return long_table(self.measurements, subject=self.subject.id)

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


def measure(image: Image, labels: LabelMap, *, subject: Subject = ANYBODY) -> ScanResult:
    """Measure every labelled region of a scan and judge what can be judged.

    Parameters
    ----------
    image : CT in HU; of another quantity only volumes and areas are measured
    labels : on the same grid
    subject : sex, height and weight widen what can be judged

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    InputError : no voxel is labelled.
    """
    voxels = regions.labelled_voxels(image, labels)
    if not voxels.regions:
        raise InputError("no voxel of the label map is labelled; nothing can be measured")
    bodies = regions.vertebral_bodies(labels, voxels.boxes)
    subject = replace(
        subject,
        measurements=(
            *subject.measurements,
            *muscle.areas(voxels, bodies),
            *muscle.attenuations(voxels, bodies),
            *muscle.fat_infiltrations(voxels, bodies),
            *bone.trabecular_attenuations(image, bodies),
            *regions.describe(voxels),
        ),
    )
    flags = [
        *image.source.flags,
        *labels.source.flags,
        *grid_doubts(image),
        *regions.label_doubts(voxels, bodies),
    ]
    if not any(level in bodies for level in LUMBAR_LEVELS):
        flags.append("no lumbar vertebra is labelled: nothing was measured at a lumbar level")
    findings: tuple[Finding, ...] = ()
    if image.quantity == "hounsfield":
        doubts = attenuation_doubts(image, voxels)
        flags += [*doubts, *protocol_gaps(image)]
        findings = tuple(
            # A finding is read on its own, so it says itself what its input suffers from.
            replace(finding, flags=(*finding.flags, *doubts)) if finding.used else finding
            for finding in _findings(subject)
        )
    else:
        flags.append("the image does not hold HU: attenuation and fat were not measured")
    return ScanResult(
        subject=subject,
        findings=findings,
        flags=tuple(dict.fromkeys(flags)),
        bodies=bodies,
    )


def read_scan(
    image: Path, labels: Path, *, scheme: str | Path, series: str | None = None
) -> tuple[Image, LabelMap]:
    """Read a scan and its labels.

    Parameters
    ----------
    image : NIfTI file, DICOM file or folder of a CT series
    labels : label NIfTI, or a folder of one mask a region
    scheme : a name of `read.SCHEMES`, or a file that names the numbers
    series : which series, where a folder holds several

    Raises
    ------
    InputError : unreadable or unusable input.
    """
    quantity = "signal" if scheme in read.MR_SCHEMES else None
    return read.image(image, quantity=quantity, series=series), read.labels(labels, scheme)


def _findings(subject: Subject) -> tuple[Finding, ...]:
    return (
        *(diagnosis.l1_attenuation(subject, cohort=name) for name in diagnosis.L1_COHORTS),
        *(
            diagnosis.muscle_attenuation(subject, cutoffs=name)
            for name in diagnosis.ATTENUATION_CUTOFFS
        ),
        *diagnosis.muscle_attenuation_review(subject),
    )
