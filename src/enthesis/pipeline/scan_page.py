"""The page and the tables of one measured scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.image import Image, LabelMap
from enthesis.pipeline.measure import ScanResult
from enthesis.records import Measurement, long_table
from enthesis.report import overlay
from enthesis.report.page import Page, Picture, Section
from enthesis.report.tables import Table, measurement_tables

SEEN_FROM_THE_FEET = (
    "Outlines show the labels as given. Axial slices are seen from the feet, as radiologists do: "
    "the patient's left is on the right."
)


def scan_tables(result: ScanResult) -> list[Table]:
    """The measurements as people read them: by level, by vertebra, by region."""
    parts: dict[str, Callable[[Measurement], bool]] = {
        "Muscles at mid-body of each vertebra": lambda m: "mid-body" in m.method,
        "Muscles over the height of each vertebral body": lambda m: "body's height" in m.method,
        "Vertebral bodies": lambda m: m.quantity == "trabecular_attenuation",
        "Whole regions": lambda m: m.method == "whole region",
    }
    return [
        table
        for caption, belongs in parts.items()
        for table in measurement_tables(
            long_table(m for m in result.measurements if belongs(m)), caption=caption
        )
    ]


def scan_sections(image: Image, labels: LabelMap, result: ScanResult) -> tuple[Section, ...]:
    """Doubts, findings, pictures and tables of one scan."""
    sections = []
    if result.flags:
        sections.append(Section(title="To check first", text=result.flags))
    if result.findings:
        sections.append(Section(title="Findings", findings=result.findings))
    pictures = _pictures(image, labels, result)
    if pictures:
        sections.append(
            Section(
                title="Where it was measured",
                text=(SEEN_FROM_THE_FEET,),
                pictures=pictures,
            )
        )
    sections.append(Section(title="Measurements", tables=tuple(scan_tables(result))))
    return tuple(sections)


def scan_page(
    image: Image, labels: LabelMap, result: ScanResult, *, provenance: dict[str, Any]
) -> Page:
    """The report of one scan."""
    facts = {"Subject": result.subject.id or "not given", **_scan_facts(image)}
    for name, value in (
        ("Sex", result.subject.sex),
        ("Age (years)", result.subject.age),
        ("Height (m)", result.subject.height_m),
        ("Weight (kg)", result.subject.weight_kg),
    ):
        if value is not None:
            facts[name] = value if isinstance(value, str) else f"{value:g}"
    facts["Labels"] = labels.origin
    return Page(
        title="Muscle and bone on CT" if image.quantity == "hounsfield" else "Muscle and bone",
        subtitle="Measured by Enthesis from a scan and its label map",
        facts=facts,
        sections=scan_sections(image, labels, result),
        provenance=provenance,
    )


def _pictures(image: Image, labels: LabelMap, result: ScanResult) -> tuple[Picture, ...]:
    bodies = result.bodies
    # Every lumbar level; where the scan shows none, whatever levels it shows.
    levels = [level for level in bodies if level in LUMBAR_LEVELS] or list(bodies)
    if not levels:
        return ()
    sagittal = overlay.sagittal_overlay(
        image, labels, slice_levels={level: bodies[level].middle for level in levels}
    )
    pictures = [
        Picture.of(
            sagittal,
            alt="Sagittal slice through the vertebral bodies with the measured slices marked",
            caption="Sagittal slice through the vertebral bodies; dashed lines are the axial "
            "slices below.",
        )
    ]
    for level in levels:
        middle = bodies[level].middle
        pictures.append(
            Picture.of(
                overlay.axial_overlay(image, labels, slice_index=middle, level=level),
                alt=f"Axial slice through the middle of {level} with its regions outlined",
                caption=f"Axial slice through the middle of the body of {level} "
                f"(slice {middle + 1} of {image.shape[2]} from the feet).",
            )
        )
    return tuple(pictures)


def _scan_facts(image: Image) -> dict[str, str]:
    source, (i, j, k) = image.source, image.shape
    facts = {
        "Modality": source.modality or "not stated",
        "Voxels": f"{i} × {j} × {k}",
        "Voxel size (mm)": " × ".join(f"{step:.3g}" for step in image.spacing),
    }
    for name, label in (
        ("kvp", "Tube voltage (kVp)"),
        ("kernel", "Kernel"),
        ("slice_thickness_mm", "Slice thickness (mm)"),
        ("contrast", "Contrast agent"),
    ):
        value = source.facts.get(name)
        if isinstance(value, bool):
            facts[label] = "yes" if value else "no"
        elif value is not None:
            facts[label] = f"{value:g}" if isinstance(value, float) else str(value)
    if source.series:
        facts["Series (hash)"] = source.series[:12]
    return facts
