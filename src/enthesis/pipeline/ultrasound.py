"""One ultrasound picture or loop of a muscle to a folder of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enthesis import muscle, read
from enthesis.anatomy import STRUCTURES
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle import Architecture, Landmarks
from enthesis.pipeline.measure import ANYBODY
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.ultrasound_page import ultrasound_page
from enthesis.read.files import is_nifti
from enthesis.read.scan import OTHERS
from enthesis.records import Measurement, Subject, long_table
from enthesis.report import page


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UltrasoundResult:
    """What one picture or loop gave.

    Parameters
    ----------
    subject : with its measurements, means over the frames
    image : the first frame
    landmarks, frames : of each frame
    times_s : of each frame from the first, NaN where the file does not say
    flags : doubts about the file
    """

    subject: Subject
    image: Image
    landmarks: tuple[Landmarks, ...]
    frames: tuple[Architecture, ...]
    times_s: tuple[float, ...]
    flags: tuple[str, ...]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All measurements."""
        return self.subject.measurements

    def to_frame(self) -> pd.DataFrame:
        """The long table."""
        return long_table(self.measurements, subject=self.subject.id)

    def by_frame(self) -> pd.DataFrame:
        """A row per frame: time, thickness, pennation and fascicle length."""
        return pd.DataFrame(
            {
                "frame": range(len(self.frames)),
                "time_s": self.times_s,
                "muscle_thickness_mm": [one.thickness_mm for one in self.frames],
                "covering_thickness_mm": [one.covering_mm for one in self.frames],
                "pennation_angle_deg": [one.pennation_deg for one in self.frames],
                "fascicle_length_mm": [one.fascicle_length_mm for one in self.frames],
                "fascicles": [len(one.fascicles) for one in self.frames],
                "flags": ["; ".join(one.flags) for one in self.frames],
            }
        )

    def points(self) -> pd.DataFrame:
        """A row per point of each line of each frame."""
        parts = [one.to_frame() for one in self.landmarks]
        for i, part in enumerate(parts):
            part.insert(0, "frame", i)
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "subject": self.subject.id,
            "flags": list(self.flags),
            "measurements": self.to_frame().to_dict("records"),
            "frames": self.by_frame().to_dict("records"),
        }


def ultrasound_files(
    path: Path,
    *,
    output: Path,
    region: str,
    side: str = "",
    landmarks: Path | None = None,
    depths_mm: tuple[float, float] | None = None,
    fat_slope: float | None = None,
    series: str | None = None,
    part: int | None = None,
    pixel_spacing: float | Sequence[float] | None = None,
    subject: Subject = ANYBODY,
    announce: Announce = silently,
) -> UltrasoundResult:
    """Measure one picture or loop; write measurements, landmarks, frames, report and provenance.

    Parameters
    ----------
    path : DICOM file or folder of one; or NIfTI, NRRD, MHA of one picture
    output : folder; its files appear only when all of them are made
    region, side : the muscle, a structure of `anatomy`
    landmarks : CSV of traced points with line, x_mm and depth_mm, as landmarks.csv has them; found
        on the picture if not given
    depths_mm : of the two aponeuroses, as in `muscle.find_landmarks`
    fat_slope : as in `muscle.echo_intensity`
    series, part, pixel_spacing : as series, region and pixel_spacing in `read.frames`
    subject : the study's code, height and weight as known
    announce : told what is being done

    Raises
    ------
    InputError : unreadable or unusable input; nothing is written.
    """
    if STRUCTURES.get(region) != "muscle":
        known = ", ".join(name for name, kind in STRUCTURES.items() if kind == "muscle")
        raise InputError(f"no muscle named {region!r}; known are: {known}")
    announce("Reading the picture")
    images = _frames(path, series, part, pixel_spacing)
    announce("Finding aponeuroses and fascicles")
    result = _measured(
        images,
        None if landmarks is None else muscle.landmarks(read.table(landmarks)),
        region=region,
        side=side,
        depths_mm=depths_mm,
        fat_slope=fat_slope,
        subject=subject,
    )
    options = {
        "muscle": region,
        "side": side,
        "depths_mm": None if depths_mm is None else list(depths_mm),
        "fat_slope": fat_slope,
        "series": series,
        "part": part,
        "pixel_spacing": None if pixel_spacing is None else np.atleast_1d(pixel_spacing).tolist(),
        "subject": subject.id,
        "height_m": subject.height_m,
        "weight_kg": subject.weight_kg,
    }
    inputs = {"picture": path} | ({} if landmarks is None else {"landmarks": landmarks})
    record = provenance("ultrasound", inputs=inputs, options=options)
    announce("Drawing the report")
    with output_folder(output) as folder:
        result.to_frame().to_csv(folder / "measurements.csv", index=False)
        result.by_frame().to_csv(folder / "frames.csv", index=False)
        result.points().to_csv(folder / "landmarks.csv", index=False)
        (folder / "measurements.json").write_text(json_text(result.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(
            ultrasound_page(
                result.image,
                result.landmarks,
                result.frames,
                result.by_frame(),
                result.to_frame(),
                flags=result.flags,
                provenance=record,
            ),
            folder / "report.html",
        )
    return result


def _frames(
    path: Path, series: str | None, part: int | None, pixel_spacing: float | Sequence[float] | None
) -> Iterator[Image]:
    if is_nifti(path) or path.suffix.lower() in OTHERS:
        return iter([read.image(path, quantity="echo_intensity", pixel_spacing=pixel_spacing)])
    return read.frames(path, series=series, region=part, pixel_spacing=pixel_spacing)


def _measured(
    images: Iterator[Image],
    traced: Landmarks | None,
    *,
    region: str,
    side: str,
    depths_mm: tuple[float, float] | None,
    fat_slope: float | None,
    subject: Subject,
) -> UltrasoundResult:
    first: Image | None = None
    before: Landmarks | None = None
    marks, frames, brightness, times = [], [], [], []
    for image in images:
        if traced is not None and first is not None:
            raise InputError("landmarks are of one picture, and the file is a loop; leave them out")
        first = first or image
        before = traced or muscle.find_landmarks(image, depths_mm=depths_mm, before=before)
        one = muscle.architecture(before)
        marks.append(before)
        frames.append(one)
        brightness.append(
            muscle.echo_intensity(
                image,
                muscle.inside_fascia(before),
                region=region,
                side=side,
                fat_mm=one.covering_mm,
                fat_slope=fat_slope,
            )
        )
        step = image.source.facts.get("frame_time_s")
        times.append(np.nan if step is None else step * (len(frames) - 1))
    if first is None:
        raise InputError("the file holds no frame")
    measured = _means(
        [
            [*one.measurements(region=region, side=side), *bright]
            for one, bright in zip(frames, brightness, strict=True)
        ]
    )
    indices = muscle.thickness_indices(
        measured[0].value,
        region=region,
        side=side,
        height_m=subject.height_m,
        weight_kg=subject.weight_kg,
        covering_mm=measured[1].value,
    )
    return UltrasoundResult(
        subject=replace(subject, measurements=(*subject.measurements, *measured, *indices)),
        image=first,
        landmarks=tuple(marks),
        frames=tuple(frames),
        times_s=tuple(times),
        flags=first.source.flags,
    )


def _means(frames: list[list[Measurement]]) -> list[Measurement]:
    """Means over the frames of what each of them gave; a picture's own where it is one."""
    if len(frames) == 1:
        return frames[0]
    means = []
    for same in zip(*frames, strict=True):
        values = np.array([one.value for one in same])
        known = values[np.isfinite(values)]
        doubted = sum(bool(one.flags) for one in same)
        # Methods name each frame's own number of fascicles: what comes before is common.
        method = same[0].method.split(", ")[0]
        means.append(
            replace(
                same[0],
                value=float(known.mean()) if known.size else np.nan,
                method=f"{method}, mean of {known.size} frames",
                flags=(f"{doubted} of {len(same)} frames are doubtful: see frames.csv",)
                if doubted and same[0].quantity != "echo_intensity"
                else same[0].flags,
            )
        )
    return means
