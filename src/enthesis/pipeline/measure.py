"""One scan with its labels, through the house: measured, judged, written and drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import bone, diagnosis, maps, read, regions
from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.pipeline.measure_doubts import (
    attenuation_doubts,
    fat_map_doubts,
    grid_doubts,
    protocol_gaps,
)
from enthesis.pipeline.measure_muscles import measure_muscles, stamped
from enthesis.pipeline.measure_protocol import USUAL, Protocol
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
    rules : the protocol by which muscles were measured
    """

    subject: Subject
    findings: tuple[Finding, ...]
    flags: tuple[str, ...]
    bodies: dict[str, VertebralBody]
    rules: Protocol = USUAL

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
    image: Image, labels: LabelMap, *, subject: Subject = ANYBODY, rules: Protocol = USUAL
) -> ScanResult:
    """Measure every labelled region of a scan and judge what can be judged.

    Parameters
    ----------
    image : CT in HU, a map of the fat fraction, of T2 or of diffusion, or a conventional MR image;
        what it holds decides what is measured beyond volumes and areas
    labels : on the same grid
    subject : sex, height and weight widen what can be judged
    rules : how muscles are measured

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
    measured = [*of_muscles, *bone.trabecular_attenuations(image, bodies), *whole]
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
    findings: tuple[Finding, ...] = ()
    if image.quantity == "hounsfield":
        doubts = attenuation_doubts(image, whole)
        flags += [*doubts, *protocol_gaps(image)]
        findings = tuple(
            # A finding is read on its own, so it says itself what its input suffers from.
            replace(finding, flags=(*finding.flags, *doubts)) if finding.used else finding
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
        scan = replace(share, source=source)
        return scan, read.labels(labels, scheme, like=scan)
    quantity = holds or ("signal" if scheme in read.MR_SCHEMES else None)
    scan = read.image(image, quantity=quantity, series=series)
    return scan, read.labels(labels, scheme, like=scan)


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
    return (
        *(diagnosis.l1_attenuation(subject, cohort=name) for name in diagnosis.L1_COHORTS),
        *(
            diagnosis.muscle_attenuation(subject, cutoffs=name)
            for name in diagnosis.ATTENUATION_CUTOFFS
        ),
        *diagnosis.muscle_attenuation_review(subject),
    )
