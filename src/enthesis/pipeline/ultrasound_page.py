"""The page of one ultrasound picture or loop of a muscle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from enthesis.image import Image
from enthesis.muscle import Architecture, Landmarks
from enthesis.quantities import quantity
from enthesis.report.bmode import bmode
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import number
from enthesis.report.tables import Table, superscript

MOST_ROWS = 60
"""Frames listed on the page; all of them are in the file."""

FRAME_HEADERS = {
    "frame": "Frame",
    "time_s": "Time, s",
    "muscle_thickness_mm": "Thickness, mm",
    "covering_thickness_mm": "Covering, mm",
    "pennation_angle_deg": "Pennation, deg",
    "fascicle_length_mm": "Fascicle length, mm",
    "fascicles": "Fascicles",
}


def ultrasound_tables(long: pd.DataFrame) -> list[Table]:
    """The measurements as people read them: a row each."""
    rows = [
        {
            "quantity": quantity(one["quantity"]).label,
            "value": number(one["value"], quantity(one["quantity"]).decimals),
            "unit": superscript(one["unit"]),
            "how": one["method"],
            "flags": one["flags"],
        }
        for one in long.to_dict("records")
    ]
    side, region = long["side"].iloc[0], long["region"].iloc[0].replace("_", " ")
    return [
        Table(
            frame=pd.DataFrame(rows),
            caption=f"{side} {region}".strip().capitalize(),
            headers={"quantity": "Quantity", "value": "Value", "unit": "Unit", "how": "How"},
            flags="flags",
        )
    ]


def ultrasound_page(
    image: Image,
    landmarks: Sequence[Landmarks],
    frames: Sequence[Architecture],
    by_frame: pd.DataFrame,
    long: pd.DataFrame,
    *,
    flags: Sequence[str],
    provenance: dict[str, Any],
) -> Page:
    """The report of one picture or loop.

    Parameters
    ----------
    image : the first frame
    landmarks, frames : of each frame
    by_frame : a row per frame
    long : the measurements
    flags : doubts about the file
    provenance : how it came about
    """
    shown = Picture.of(
        bmode(image, landmarks[0], frames[0]),
        alt="Ultrasound picture with the superficial and the deep aponeurosis and the fascicles "
        "that were measured",
        caption=(f"The first of {len(frames)} frames. " if len(frames) > 1 else "")
        + "Lines are what was measured: move them in landmarks.csv and give that file to measure "
        "again.",
    )
    doubts = dict.fromkeys([*flags, *(flag for one in frames for flag in one.flags)])
    sections = [
        *([Section(title="To check first", text=tuple(doubts))] if doubts else []),
        Section(title="Where it was measured", pictures=(shown,)),
        Section(title="Measurements", tables=tuple(ultrasound_tables(long))),
    ]
    if len(frames) > 1:
        sections.append(Section(title="Frames", tables=(_frame_table(by_frame),)))
    i, j, _ = image.shape
    across, down = image.spacing[:2]
    return Page(
        title="Muscle on ultrasound",
        subtitle="Measured by Enthesis from a B-mode picture",
        facts={
            "Picture": f"{i} × {j} pixels of {across:.3g} × {down:.3g} mm",
            "Frames": str(len(frames)),
            "Landmarks": landmarks[0].origin,
        },
        sections=tuple(sections),
        provenance=provenance,
    )


def _frame_table(by_frame: pd.DataFrame) -> Table:
    left = len(by_frame) - MOST_ROWS
    return Table(
        frame=by_frame.head(MOST_ROWS),
        caption="Frame by frame",
        headers=FRAME_HEADERS,
        decimals={name: 1 for name in FRAME_HEADERS if name.endswith(("_mm", "_deg"))}
        | {"frame": 0, "fascicles": 0, "time_s": 3},
        flags="flags",
        notes=(f"{left} more frames are in frames.csv.",) if left > 0 else (),
    )
