"""From the file of a scan to a file of its regions, with the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.segment import (
    AUTOMATIC,
    Outline,
    SegmentedScan,
    filled_in,
    level_slices,
    quality_beside,
    segmented,
    told_levels,
)
from enthesis.report import overlay, page
from enthesis.report.page import Page, Picture, Section
from enthesis.report.tables import Table

SUFFIXES = (".nii.gz", ".nii")

SEEN_FROM_THE_FEET = (
    "Axial slices are seen from the feet, as radiologists do: the patient's left is on the right."
)

PICTURED_STRUCTURES = (
    "erector_spinae",
    "multifidus",
    "deep_back_muscle",
    "quadratus_lumborum",
    "psoas_major",
    "vertebral_body",
    "vertebra",
    "vertebra_posterior",
    "spinal_canal",
    "intervertebral_disc",
)


def segment_files(
    scan: Path,
    output: Path,
    *,
    using: str = AUTOMATIC,
    contours: Sequence[Path] = (),
    scheme: str | None = None,
    levels: Iterable[str] = (),
    outline: Outline = "fascia",
    series: str | None = None,
    holds: str | None = None,
    dicom_seg: bool = False,
    announce: Announce = silently,
) -> SegmentedScan:
    """Segment one scan and write its labels with a report beside them.

    Beside ``NAME.nii.gz`` appear ``NAME_labels.json`` (what the numbers mean),
    ``NAME_quality.csv``, ``NAME_report.html``, ``NAME_provenance.json``; where told apart
    ``NAME_tissues.nii.gz``; as asked ``NAME.dcm``.

    Parameters
    ----------
    scan : NIfTI file, DICOM file or folder of a CT or MR series
    output : .nii or .nii.gz file for the labels
    using, outline : see `segmented`
    contours : files of what was drawn on a few slices, see `read.drawn_contours`; filled in
        between, nothing else is looked for
    scheme : what the numbers of a label file among them mean, see `read.labels`
    levels : as typed, see `told_levels`
    series : which series, where a folder holds several
    holds : what the voxels of a NIfTI file hold, a key of `quantities`; HU if not given
    dicom_seg : write a DICOM SEG too; the scan must be a folder of DICOM files
    announce : told what is being done

    Raises
    ------
    InputError : unreadable or unusable input; nothing is written.
    """
    suffix = next((end for end in SUFFIXES if output.name.lower().endswith(end)), None)
    if suffix is None:
        raise InputError(f"the output is a .nii or .nii.gz file, got {output.name!r}")
    if dicom_seg and not scan.is_dir():
        raise InputError("a DICOM SEG refers to its slices: give the scan as a folder of DICOM")
    told = told_levels(levels)
    if contours and (using != AUTOMATIC or told):
        raise InputError("contours are filled in by themselves: leave out --with and --level")
    announce("Reading the scan")
    image = read.image(scan, quantity=holds, series=series)
    if contours:
        announce("Filling in between the contours")
        found = filled_in(image, read.drawn_contours(contours, like=image, scheme=scheme))
    else:
        found = segmented(image, using=using, levels=told, outline=outline, announce=announce)
    record = provenance(
        "segment",
        inputs={"image": scan, **{f"contours_{n}": path for n, path in enumerate(contours, 1)}},
        options={
            "using": found.labels.origin,
            "levels": told,
            "outline": outline,
            "series": series,
            "holds": image.quantity,
        },
    )
    announce("Drawing the report")
    stem = output.name[: -len(suffix)]
    with output_folder(output.parent) as folder:
        read.write_nifti(found.labels, folder / output.name)
        if found.tissues is not None:
            read.write_nifti(found.tissues, folder / f"{stem}_tissues{suffix}")
        if dicom_seg:
            read.write_seg(found.labels, scan, folder / f"{stem}.dcm", series=series)
        found.quality.to_csv(quality_beside(folder / output.name), index=False)
        (folder / f"{stem}_provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(segmentation_page(found, provenance=record), folder / f"{stem}_report.html")
    return found


def segmentation_page(found: SegmentedScan, *, provenance: dict[str, object]) -> Page:
    """Pictures of the regions at every level, with the quality beside."""
    sections = [Section(title="To check first", text=found.notes)]
    sections.append(Section(title="Quality", tables=(quality_table(found),)))
    pictures = _pictures(found)
    if pictures:
        sections.append(
            Section(
                title="The regions",
                text=(SEEN_FROM_THE_FEET,),
                pictures=pictures,
            )
        )
    return Page(
        title="Segmentation",
        subtitle="A starting contour for review, by Enthesis",
        banner="Not validated: look at every picture before anything is measured.",
        facts={
            "Regions": str(len(found.labels.names)),
            "To review": str(len(found.to_review)),
            "Method": found.labels.origin,
        },
        sections=tuple(sections),
        provenance=provenance,
    )


def quality_table(found: SegmentedScan) -> Table:
    """The quality of each region as people read it."""
    frame = found.quality.assign(review=found.quality["review"].map({True: "look", False: ""}))
    return Table(
        frame=frame,
        caption="Quality of each region",
        headers={
            "region": "Region",
            "score": "Score (0 to 1)",
            "agreement": "Agreement of two readers (Dice)",
            "steadiness": "Steadiness (Dice)",
            "review": "Review",
            "reasons": "Why",
        },
        decimals={"score": 2, "agreement": 2, "steadiness": 2},
    )


def _pictures(found: SegmentedScan) -> tuple[Picture, ...]:
    slices = level_slices(found.labels)
    image, labels = found.image, found.labels
    if not slices:
        held = np.flatnonzero(labels.array.any(axis=(0, 1)))
        middle = int(held[held.size // 2]) if held.size else image.shape[2] // 2
        drawn = overlay.axial_overlay(
            image, labels, slice_index=middle, structures=PICTURED_STRUCTURES
        )
        return (
            Picture.of(
                drawn,
                alt="Axial slice through the middle of the regions, outlined",
                caption=f"Slice {middle + 1} of {image.shape[2]} from the feet, in the middle of "
                "the regions; levels are not known.",
            ),
        )
    sagittal = overlay.sagittal_overlay(image, labels, slice_levels=slices)
    pictures = [
        Picture.of(
            sagittal,
            alt="Sagittal slice through the vertebral bodies with their levels",
            caption="Sagittal slice through the vertebral bodies: confirm the levels here.",
        )
    ]
    for level, middle in slices.items():
        pictures.append(
            Picture.of(
                overlay.axial_overlay(
                    image,
                    labels,
                    slice_index=middle,
                    level=level,
                    structures=PICTURED_STRUCTURES,
                ),
                alt=f"Axial slice through the middle of {level} with its regions outlined",
                caption=f"{level}, slice {middle + 1} of {image.shape[2]} from the feet. "
                f"{_scores(found, level, middle)}",
            )
        )
    return tuple(pictures)


def _scores(found: SegmentedScan, level: str, middle: int) -> str:
    """Scores of the muscles on the slice and of the body of a level, in words."""
    here = set(np.unique(found.labels.array[:, :, middle]).tolist())
    present = {name for number, name in found.labels.names.items() if number in here}
    rows = found.quality.dropna(subset=["score"])
    named = rows["region"].str.endswith(("_left", "_right")) | rows["region"].eq(
        f"vertebral_body_{level}"
    )
    shown = rows.loc[named & rows["region"].isin(present), ["region", "score"]]
    return "; ".join(
        f"{str(name).replace('_', ' ')} {score:.2f}"
        for name, score in shown.itertuples(index=False, name=None)
    )
