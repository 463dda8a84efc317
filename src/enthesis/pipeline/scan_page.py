"""The page and the tables of one measured scan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from enthesis.anatomy import LUMBAR_LEVELS, STRUCTURES
from enthesis.image import Image, LabelMap
from enthesis.muscle.tissue_maps import MAPS
from enthesis.pipeline.calibrated import Calibrated
from enthesis.pipeline.measure import ScanResult
from enthesis.pipeline.reference_section import reference_section
from enthesis.pipeline.segment import AUTOMATIC, SegmentedScan
from enthesis.pipeline.segment_files import quality_table
from enthesis.records import Measurement, long_table
from enthesis.report import overlay, rods
from enthesis.report.page import Page, Picture, Section
from enthesis.report.tables import Table, measurement_tables

SEEN_FROM_THE_FEET = (
    "Axial slices are seen from the feet, as radiologists do: the patient's left is on the right."
)

AS_GIVEN, AS_FOUND = (
    "Outlines show the labels as given.",
    "Outlines show the regions as the program found them.",
)

FOUND_BY_ITSELF = (
    "The regions were found by the program and confirmed by nobody. A score is the agreement of "
    "two ways of finding a region, or of one with itself, not that with a person's outline."
)

UNSEEN = "Regions not validated: look at every picture before a number is used."

THEMES = {
    "Size of muscles": {"area", "area_perpendicular", "obliquity", "volume", "volume_per_height"},
    "Attenuation of muscles": {"attenuation_mean", "muscle_attenuation"},
    "Spread of attenuation": {"attenuation_median", "attenuation_sd"},
    "Parts of muscles": {
        "functional_area",
        "noncontractile_area",
        "normal_attenuation_area",
        "low_attenuation_area",
        "intramuscular_fat_area",
        "intermuscular_fat_area",
    },
    "Maps of muscles": MAPS,
    "Left and right": {"area_asymmetry", "fat_asymmetry"},
    "Relative areas": {"relative_area", "relative_functional_area"},
    "Over height squared": {"area_index", "psoas_muscle_index", "skeletal_muscle_index"},
}
"""Quantities of muscles that make a table together; the rest are under the heading of fat."""

BONE_THEMES = {
    "Vertebral heights": {"height_anterior", "height_middle", "height_posterior", "height_sd"},
    "Vertebral fractures": {"genant_grade", "height_loss", "spinal_deformity_index"},
    "Curves of the spine": {"kyphosis_angle", "lordosis_angle", "scoliosis_angle", "angle_sd"},
    "Bone density": {"trabecular_bmd", "trabecular_bmd_sd", "cortical_bmd", "integral_bmd"},
}
"""Quantities of the spine that make a table together; the rest are under the vertebral bodies."""

SPINE = frozenset({"vertebral_body", "vertebra", "lumbar_spine", "spine"})

BRIEF = (
    "Size of muscles",
    "Attenuation of muscles",
    "Fat in muscles",
    "Maps of muscles",
    "Body composition",
    "Vertebral bodies",
    "Vertebral fractures",
    "Bone density",
)
"""Beginnings of the captions of tables that a terminal shows."""

SIDED = frozenset({"left", "right"})


def scan_tables(result: ScanResult) -> list[Table]:
    """The measurements as people read them: by theme and level, by vertebra, by region."""
    stamp = f" ({result.rules.stamp})"
    parts: dict[str, list[Measurement]] = {}
    for m in result.measurements:
        # The protocol stands once on the page; beside every number it would hide the method.
        plain = replace(m, method=m.method.removesuffix(stamp))
        parts.setdefault(_caption(plain), []).append(plain)
    last = ("Vertebral bodies", *BONE_THEMES, "Whole regions")
    captions = [*(c for c in parts if c not in last), *(c for c in last if c in parts)]
    return [
        table
        for caption in captions
        for table in measurement_tables(long_table(parts[caption]), caption=caption)
    ]


def brief_tables(result: ScanResult) -> list[Table]:
    """Those of the tables that fit a terminal: size, attenuation and fat, and the vertebrae.

    Of single sides; of both sides and several levels where the protocol wants nothing else.
    """
    fitting = [table for table in scan_tables(result) if table.caption.startswith(BRIEF)]
    single = [table for table in fitting if "," not in table.caption.partition(":")[0]]
    of_muscles = any(table.caption.startswith(BRIEF[:4]) for table in single)
    return single if of_muscles else fitting


def _caption(m: Measurement) -> str:
    """The table in which a measurement stands."""
    if m.quantity == "trabecular_attenuation":
        return "Vertebral bodies"
    if m.method == "whole region":
        return "Whole regions"
    if m.region in SPINE:
        named = (title for title, names in BONE_THEMES.items() if m.quantity in names)
        return next(named, "Vertebral bodies")
    if STRUCTURES.get(m.region) == "fat" or m.region == "skeletal_muscle":
        return "Body composition"
    if ", quarter " in m.method:
        return "Fat by quarters of a muscle"
    theme = next(
        (title for title, names in THEMES.items() if m.quantity in names), "Fat in muscles"
    )
    if m.method.startswith("mean of ") and not m.level:
        return f"{theme}, means over levels"
    both = "" if m.side in SIDED or theme in {"Left and right"} else ", both sides"
    return theme + both


def scan_sections(
    image: Image, labels: LabelMap, result: ScanResult, *, found: SegmentedScan | None = None
) -> tuple[Section, ...]:
    """Doubts, findings, scores, pictures, quality and tables of one scan.

    Parameters
    ----------
    image, labels : the scan and its regions
    result : what was measured
    found : how the regions were found, where the program did it
    """
    sections = []
    if result.flags:
        sections.append(Section(title="To check first", text=result.flags))
    if result.findings:
        sections.append(Section(title="Findings", findings=result.findings))
    if result.against:
        sections.append(reference_section(result.against, age=result.subject.age))
    if result.calibrated:
        sections.append(_calibration(image, result.calibrated))
    pictures = _pictures(image, labels, result)
    if pictures:
        sections.append(
            Section(
                title="Where it was measured",
                text=(f"{AS_FOUND if found else AS_GIVEN} {SEEN_FROM_THE_FEET}",),
                pictures=pictures,
            )
        )
    if found is not None:
        quality = quality_table(found)
        sections.append(
            Section(title="Quality of the regions", text=(FOUND_BY_ITSELF,), tables=(quality,))
        )
    sections.append(Section(title="Measurements", tables=tuple(scan_tables(result))))
    return tuple(sections)


def scan_page(
    image: Image,
    labels: LabelMap,
    result: ScanResult,
    *,
    found: SegmentedScan | None = None,
    provenance: dict[str, Any],
) -> Page:
    """The report of one scan; `found` where the program found the regions by itself."""
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
    if result.rules.text:
        facts["Protocol"] = result.rules.title or result.rules.name
        facts["Protocol (hash)"] = result.rules.sha256[:12]
    return Page(
        title="Muscle and bone on CT" if image.quantity == "hounsfield" else "Muscle and bone",
        subtitle="Measured by Enthesis from a scan "
        + ("alone, on regions that it found itself" if found else "and its label map"),
        banner=UNSEEN if labels.origin.startswith(AUTOMATIC) else "",
        facts=facts,
        sections=scan_sections(image, labels, result, found=found),
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


def _calibration(image: Image, line: Calibrated) -> Section:
    """The rods as they were found and the line through them."""
    densities = line.phantom.densities
    found = Picture.of(
        rods.rods_found(image, line.rods, densities),
        alt="Axial slice through the phantom with its rods outlined",
        caption="The rods as they were found, on the middle slice; circles are what was measured, "
        "numbers the densities of the certificate in mg/cm³.",
    )
    drawn = Picture.of(
        rods.rods_line(line.calibration, line.rods, densities),
        alt="Density of the rods over their attenuation, with the line through them",
        caption="Density of the certificate over the attenuation of each rod.",
    )
    return Section(
        title="Calibration",
        text=("Check that every circle lies on its rod.", *line.calibration.flags),
        pictures=(found, drawn),
    )


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
