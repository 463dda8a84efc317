"""The whole house on a body and on studies that it makes itself, so that the truth is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enthesis import phantom, read
from enthesis.pipeline.measure import ScanResult, measure
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.pool import PoolResult, pool
from enthesis.pipeline.pool_files import write_pooled
from enthesis.pipeline.pool_page import pool_pictures, pool_sections, pool_tables
from enthesis.pipeline.scan_page import scan_sections
from enthesis.quantities import quantity
from enthesis.records import Measurement, Subject
from enthesis.report import page
from enthesis.report.page import Page, Section
from enthesis.report.tables import Table, superscript

SEED = 7
"""Seed of the digital body, so that everyone sees the same one."""

BANNER = "Simulated: a digital body and simulated studies. Nothing here is of a patient."

ABOUT_TRUTH = (
    "Each number of the scan beside what the digital body was made with. The truth is counted on "
    "the body's shapes before any scan of it is simulated: what is left between the two is the "
    "scan's noise and blur, which mix the rim of a muscle with the fat or bone beside it, and the "
    "counting of voxels."
)

OUTCOMES = {"CSA": "cross-sectional area", "FI": "fat infiltration"}
"""Outcomes of the simulated studies; area falls where fat rises, so each is pooled on its own."""

SUBGROUPS = ("muscle", "comparison")
"""How an outcome is divided: as in the published meta-analysis that shaped the studies."""

MIN_EFFECTS = 3
"""Effects that a subgroup needs to be pooled, as in that meta-analysis."""

COMPARED = ("area", "attenuation_mean", "fat_infiltration", "trabecular_attenuation", "volume")
"""Quantities whose truth the digital body knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demonstration gave.

    Parameters
    ----------
    scan : the digital body measured
    against_truth : a row per quantity and place: measured, true, difference
    pooled : outcome → the simulated studies pooled
    """

    scan: ScanResult
    against_truth: pd.DataFrame
    pooled: Mapping[str, PoolResult]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "simulated": True,
            "scan": self.scan.to_dict(),
            "against_truth": self.against_truth.to_dict("records"),
            "pooled": {outcome: one.to_dict() for outcome, one in self.pooled.items()},
        }


def demo(output: Path, *, announce: Announce = silently) -> DemoResult:
    """Make a digital body, measure it beside its truth, pool simulated studies, report all.

    Parameters
    ----------
    output : folder for the scan and its labels (NIfTI), tables, forests and report.html; its files
        appear only when all of them are made
    announce : told what is being done
    """
    announce("Making a digital body and a scan of it")
    made = phantom.lumbar_ct(rng=np.random.default_rng(SEED))
    announce("Measuring the scan")
    scan = measure(made.image, made.labels, subject=Subject(id="digital body"))
    compared = against_truth(scan.measurements, made.truth)
    announce("Pooling simulated studies")
    studies = phantom.simulated_studies()
    pooled = {
        outcome: pool(studies[studies["outcome"] == outcome], by=SUBGROUPS, min_effects=MIN_EFFECTS)
        for outcome in OUTCOMES
    }
    pictures = {outcome: pool_pictures(one) for outcome, one in pooled.items()}
    record = provenance("demo", inputs={}, options={"seed": SEED})
    result = DemoResult(scan=scan, against_truth=compared, pooled=pooled)
    report = Page(
        title="Enthesis: from scan to evidence",
        subtitle="A digital lumbar spine measured beside its truth, and simulated studies pooled",
        banner=BANNER,
        sections=(
            Section(
                title="Measured beside true",
                text=(ABOUT_TRUTH,),
                tables=tuple(truth_tables(compared)),
            ),
            *scan_sections(made.image, made.labels, scan),
            *(
                section
                for outcome, one in pooled.items()
                for section in pool_sections(
                    one, pictures[outcome], title=f"Simulated studies, {OUTCOMES[outcome]}"
                )
            ),
        ),
        provenance=record,
    )
    announce("Drawing the report")
    with output_folder(output) as folder:
        read.write_nifti(made.image, folder / "phantom_ct.nii.gz")
        read.write_nifti(made.labels, folder / "phantom_labels.nii.gz")
        scan.to_frame().to_csv(folder / "measurements.csv", index=False)
        compared.to_csv(folder / "measured_beside_true.csv", index=False)
        for outcome, one in pooled.items():
            write_pooled(one, pictures[outcome], folder, prefix=f"{outcome.lower()}_")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(report, folder / "report.html")
    return result


def against_truth(measured: Iterable[Measurement], true: Iterable[Measurement]) -> pd.DataFrame:
    """Measured beside true, a row per quantity, region, side, level and set of slices.

    Returns
    -------
    DataFrame with quantity, unit, region, side, level, slices ("mid-body", "body height" or
    "whole"), measured, true, difference and, but for percentages and HU, difference_percent.
    """
    truth = {_place(m): m.value for m in true}
    rows = []
    for m in measured:
        place = _place(m)
        if m.quantity not in COMPARED or place not in truth:
            continue
        gap = m.value - truth[place]
        relative = quantity(m.quantity).unit in {"mm2", "mm3"}
        rows.append(
            dict(zip(("quantity", "region", "side", "level", "slices"), place, strict=True))
            | {
                "unit": m.unit,
                "measured": m.value,
                "true": truth[place],
                "difference": gap,
                "difference_percent": 100 * gap / truth[place] if relative else np.nan,
            }
        )
    return pd.DataFrame(rows)


def truth_tables(compared: pd.DataFrame) -> list[Table]:
    """Measured beside true at mid-body, as people read it: muscles, then vertebral bodies."""
    shown = compared[compared["slices"] != "body height"]
    of_bone = shown["region"] == "vertebral_body"
    return [
        _beside(shown[~of_bone], caption="Muscles at mid-body, measured beside true"),
        _beside(shown[of_bone], caption="Vertebral bodies, measured beside true"),
    ]


def _beside(shown: pd.DataFrame, *, caption: str) -> Table:
    rows: dict[tuple[str, str, str], dict[str, float]] = {}
    decimals: dict[str, int] = {}
    for row in shown.to_dict("records"):
        what = quantity(row["quantity"])
        place = rows.setdefault((row["region"].replace("_", " "), row["level"], row["side"]), {})
        for kind in ("measured", "true"):
            column = f"{what.label}, {superscript(what.unit)}: {kind}"
            place[column] = row[kind]
            decimals[column] = what.decimals
    frame = pd.DataFrame(
        [
            dict(zip(("Region", "Level", "Side"), place, strict=True)) | values
            for place, values in rows.items()
        ]
    )
    if not frame["Side"].any():
        frame = frame.drop(columns="Side")
    return Table(frame=frame, caption=caption, decimals=decimals)


def demo_tables(result: DemoResult) -> list[Table]:
    """The tables that the terminal shows: measured beside true, and the pooled effects."""
    pooled = [table for one in result.pooled.values() for table in pool_tables(one)]
    return [*truth_tables(result.against_truth), *pooled]


def _place(m: Measurement) -> tuple[str, str, str, str, str]:
    slices = "whole"
    if "mid-body" in m.method:
        slices = "mid-body"
    elif "height" in m.method:
        slices = "body height"
    return m.quantity, m.region, m.side, m.level, slices
