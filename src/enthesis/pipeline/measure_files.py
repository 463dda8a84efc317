"""From the files of one scan to a folder of results."""

from __future__ import annotations

from pathlib import Path

from enthesis.pipeline.measure import ANYBODY, ScanResult, measure, read_scan
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.scan_page import scan_page
from enthesis.records import Subject
from enthesis.report import page


def measure_files(
    image: Path,
    labels: Path,
    *,
    scheme: str = "totalsegmentator",
    output: Path,
    series: str | None = None,
    subject: Subject = ANYBODY,
    announce: Announce = silently,
) -> ScanResult:
    """Measure one scan and write measurements.csv, .json, report.html and provenance.json.

    Parameters
    ----------
    image : NIfTI file, DICOM file or folder of a CT series
    labels : label NIfTI on the image's grid, or a folder of one mask a region
    scheme : a name of `read.SCHEMES`, or a file that names the numbers
    output : folder; its files appear only when all of them are made
    series : which series, where a folder holds several
    subject : the study's code, sex, height and weight as known
    announce : told what is being done

    Raises
    ------
    InputError : unreadable or unusable input; nothing is written.
    """
    announce("Reading the scan and its labels")
    scan, regions = read_scan(image, labels, scheme=scheme, series=series)
    announce("Measuring")
    result = measure(scan, regions, subject=subject)
    options = {
        "scheme": scheme if not Path(scheme).exists() else "file",
        "series": series,
        "subject": subject.id,
        "sex": subject.sex,
        "age": subject.age,
        "height_m": subject.height_m,
        "weight_kg": subject.weight_kg,
    }
    inputs = {"image": image, "labels": labels}
    if Path(scheme).is_file():
        inputs["scheme"] = Path(scheme)
    record = provenance("measure", inputs=inputs, options=options)
    announce("Drawing the report")
    with output_folder(output) as folder:
        result.to_frame().to_csv(folder / "measurements.csv", index=False)
        (folder / "measurements.json").write_text(json_text(result.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(scan_page(scan, regions, result, provenance=record), folder / "report.html")
    return result
