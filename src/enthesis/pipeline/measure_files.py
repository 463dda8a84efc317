"""From the files of one scan to a folder of results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.calibrated import calibrated, rod_phantom
from enthesis.pipeline.measure import (
    ANYBODY,
    NO_DOUBTS,
    ScanResult,
    measure,
    protocol_facts,
    read_image,
)
from enthesis.pipeline.measure_protocol import USUAL
from enthesis.pipeline.measure_protocol import protocol as read_protocol
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.reference_scores import against_reference, reference_table
from enthesis.pipeline.scan_page import scan_page
from enthesis.pipeline.segment import (
    AUTOMATIC,
    SegmentedScan,
    doubts_beside,
    segmented,
    told_levels,
)
from enthesis.read.writing import table_beside
from enthesis.records import Subject
from enthesis.report import page

CONFIRMED_BY_NOBODY = (
    "the labels were found by the program: unless a person corrected them, look at every picture"
)


def measure_files(
    image: Path,
    labels: Path | None = None,
    *,
    scheme: str | None = None,
    output: Path,
    series: str | None = None,
    holds: str | None = None,
    echoes: bool = False,
    protocol: str | Path | None = None,
    calibrate: Path | None = None,
    reference: Path | None = None,
    sr: bool = False,
    levels: Iterable[str] = (),
    subject: Subject = ANYBODY,
    session: str = "",
    announce: Announce = silently,
) -> ScanResult:
    """Measure one scan and write measurements.csv, .json, report.html and provenance.json.

    Parameters
    ----------
    image : NIfTI file, DICOM file or folder of a CT series
    labels : label NIfTI on the image's grid, or a folder of one mask a region; None to have the
        regions found, see `segment.automatic`
    scheme : a name of `read.SCHEMES`, or a file that names the numbers; if not given, the table
        that lies beside labels which Enthesis wrote, else TotalSegmentator's
    output : folder; its files appear only when all of them are made
    series : which series, where a folder holds several
    holds : what the voxels of a NIfTI file hold; if not given, what the protocol is for, else HU,
        or signal for a scheme of MR
    echoes : `image` is a multi-echo scan, whose fat fraction is made and measured
    protocol : a name of `measure_protocol.SHIPPED` or a TOML file; the usual rules if not given
    calibrate : certificate of the phantom under the body, TOML; the HU are calibrated to density by
        its rods, and density of vertebral bodies is measured too
    reference : table of reference values, see `reference_table`; what it has is scored
    sr : write measurements.dcm too, a DICOM SR that refers to the slices of a DICOM scan
    levels : where no labels are given, levels that are known, each as ``L4=<height in mm>``
    subject : the study's code, sex, height and weight as known
    session : the study's code for this of several scans of the subject
    announce : told what is being done

    Raises
    ------
    InputError : unreadable or unusable input; nothing is written.
    """
    rules = USUAL if protocol is None else read_protocol(protocol)
    if sr and image.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError(
            f"a DICOM report refers to the slices of a DICOM scan, and {image.name!r} is NIfTI; "
            "name the DICOM folder or leave the report out"
        )
    if scheme is None:
        beside = None if labels is None else table_beside(labels)
        scheme = "totalsegmentator" if beside is None else str(beside)
    told = told_levels(levels)
    if told and labels is not None:
        raise InputError("levels are set where labels are to be found; the given ones name theirs")
    norms = None if reference is None else reference_table(reference)
    certificate = None if calibrate is None else rod_phantom(calibrate)
    announce("Reading the scan and its labels" if labels else "Finding the regions of the scan")
    if holds is None and rules.image and rules.image != "hounsfield":
        holds = rules.image
    scan = read_image(image, scheme=scheme, series=series, holds=holds, echoes=echoes)
    found: SegmentedScan | None = None
    doubts = NO_DOUBTS
    if labels is None:
        found = segmented(scan, levels=told)
        regions, doubts = found.flagged_labels(), found.doubts
    else:
        regions = read.labels(labels, scheme, like=scan)
        if regions.origin.startswith(AUTOMATIC):
            doubts = doubts_beside(labels)
            flags = (*regions.source.flags, CONFIRMED_BY_NOBODY)
            regions = replace(regions, source=replace(regions.source, flags=flags))
    line = None
    if certificate is not None:
        announce("Finding the rods of the phantom")
        line = calibrated(scan, certificate)
    announce("Measuring")
    result = measure(
        scan,
        regions,
        subject=subject,
        rules=rules,
        calibrated=line,
        doubts=doubts,
    )
    if norms is not None:
        against = against_reference(result.measurements, norms, subject=subject, image=scan)
        result = replace(result, against=against)
    options = {
        "labels": regions.origin,
        "levels": list(levels),
        "scheme": scheme if not Path(scheme).exists() else "file",
        "series": series,
        "holds": scan.quantity,
        "echoes": echoes,
        "protocol": protocol_facts(rules),
        "sr": sr,
        "subject": subject.id,
        "sex": subject.sex,
        "age": subject.age,
        "height_m": subject.height_m,
        "weight_kg": subject.weight_kg,
    }
    inputs = {"image": image}
    if labels is not None:
        inputs["labels"] = labels
    if Path(scheme).is_file():
        inputs["scheme"] = Path(scheme)
    if calibrate is not None:
        inputs["calibrate"] = calibrate
    if reference is not None:
        inputs["reference"] = reference
    record = provenance("measure", inputs=inputs, options=options)
    announce("Drawing the report")
    with output_folder(output) as folder:
        table = result.to_frame(session=session)
        table.to_csv(folder / "measurements.csv", index=False)
        (folder / "measurements.json").write_text(json_text(result.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        if sr:
            read.write_sr(result.measurements, image, folder / "measurements.dcm", series=series)
        drawn = scan_page(scan, regions, result, found=found, provenance=record)
        page.write(drawn, folder / "report.html")
    return result
