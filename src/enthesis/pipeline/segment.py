"""One scan to its regions, by whatever reads it, with what is to be looked at."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from enthesis import read, regions, segment
from enthesis.anatomy import region
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.pipeline.outputs import Announce, silently
from enthesis.read.files import nifti_stem

Outline = Literal["fascia", "muscle"]

AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentedScan:
    """A scan with its regions.

    Parameters
    ----------
    image : the scan
    labels : its regions
    tissues : muscle and fat of the whole trunk; None where they were not told apart
    quality : a row a region: region, score, agreement, steadiness, review, reasons
    notes : what to know before the regions are used, one sentence each
    """

    image: Image
    labels: LabelMap
    tissues: LabelMap | None
    quality: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def to_review(self) -> tuple[str, ...]:
        """Names of the regions that a person should look at."""
        return tuple(self.quality.loc[self.quality["review"], "region"])

    @property
    def doubts(self) -> dict[str, str]:
        """Why a person should look at each of these regions, one sentence each."""
        return doubts_of(self.quality)

    def flagged_labels(self) -> LabelMap:
        """The label map with its doubts as flags, so that they travel with what is measured."""
        flags = list(self.notes)
        if self.to_review:
            flags.append(f"look at these regions before using them: {', '.join(self.to_review)}")
        source = replace(
            self.labels.source, flags=tuple(dict.fromkeys((*self.labels.source.flags, *flags)))
        )
        return replace(self.labels, source=source)


def doubts_of(quality: pd.DataFrame) -> dict[str, str]:
    """Why each region of a table of quality is to be looked at, by its name."""
    looked_at = quality[quality["review"]]
    return {
        str(name): f"sent to review: {str(reasons).replace('; ', ' and ')}"
        for name, reasons in zip(looked_at["region"], looked_at["reasons"], strict=True)
    }


def quality_beside(labels: Path) -> Path:
    """Where the quality of a label map's regions is kept, beside it."""
    return labels.with_name(f"{nifti_stem(labels)}_quality.csv")


def doubts_beside(labels: Path) -> dict[str, str]:
    """Why regions of a label map that Enthesis segmented are to be looked at, by their names.

    Parameters
    ----------
    labels : file of the label map; nothing is doubted where no table of quality lies beside it

    Raises
    ------
    InputError : a table of quality that is none.
    """
    table = quality_beside(labels)
    if not table.is_file():
        return {}
    try:
        return doubts_of(pd.read_csv(table).astype({"review": bool}))
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{table.name} is not the table of quality that was written beside the labels; "
            "segment again or take it away"
        ) from None


def segmented(
    image: Image,
    *,
    using: str = AUTOMATIC,
    levels: Mapping[str, float] | None = None,
    outline: Outline = "fascia",
    announce: Announce = silently,
) -> SegmentedScan:
    """The regions of a scan.

    Parameters
    ----------
    image : CT or MR
    using : "automatic", a backend's name, or the folder of a model
    levels : level → height in the scan of a point of that body, mm; for "automatic" alone
    outline : see `segment.automatic`
    announce : told what is being done

    Raises
    ------
    InputError : a scan that cannot be read, an unknown or missing backend, levels for a backend.
    """
    if using == AUTOMATIC:
        announce("Finding the regions")
        found = segment.automatic(image, levels=levels, outline=outline)
        return SegmentedScan(
            image=image,
            labels=found.labels,
            tissues=found.tissues,
            quality=_quality_table(found),
            notes=found.notes,
        )
    if levels:
        raise InputError(f"levels are set for {AUTOMATIC!r} alone; {using!r} names its own")
    labels = _by_backend(image, segment.backend(using), announce)
    checked = checked_labels(image, labels)
    return SegmentedScan(
        image=image,
        labels=checked.labels,
        tissues=None,
        quality=_doubts_table(checked),
        notes=checked.notes,
    )


def filled_in(image: Image, contours: LabelMap) -> SegmentedScan:
    """Regions drawn on a few slices of a scan, filled in between, and checked as given ones are.

    Parameters
    ----------
    image : the scan
    contours : what was drawn, on its grid

    Raises
    ------
    InputError : nothing is drawn. GridError : drawn on another grid.
    """
    found = segment.interactive(contours, image)
    checked = checked_labels(image, found.labels)
    notes = []
    for name, slices in found.drawn.items():
        n_slices = int((found.areas_mm2[name] > 0).sum())
        notes.append(f"{_words(name)} was drawn on {len(slices)} of its {n_slices} slices")
    if (helpful := segment.next_contour(found)) is not None:
        name, k = helpful
        height = float((image.affine @ [0, 0, k, 1])[2])
        notes.append(
            f"one more contour helps most for {_words(name)} on slice {k + 1} of {image.shape[2]} "
            f"from the feet, at {height:.1f} mm"
        )
    return SegmentedScan(
        image=image,
        labels=checked.labels,
        tissues=None,
        quality=_doubts_table(checked),
        notes=(*checked.notes, *notes),
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def checked_labels(image: Image, labels: LabelMap) -> segment.CheckedLabels:
    """A label map checked against the scan and, on CT, against the levels that geometry finds."""
    spine = None
    if image.quantity == "hounsfield" and any(region(n).level for n in labels.names.values()):
        spine = segment.found_spine(image)
    return segment.given(labels, image, spine=spine)


def told_levels(said: Iterable[str]) -> dict[str, float]:
    """Levels as typed, e.g. ``L4=-120.5``: the height in the scan of a point of that body, mm.

    Raises
    ------
    InputError : not a name, an equals sign and a number.
    """
    levels = {}
    for text in said:
        name, equals, height = text.partition("=")
        try:
            levels[name.strip()] = float(height)
        except ValueError:
            equals = ""
        if not equals or not math.isfinite(levels[name.strip()]):
            raise InputError(f"a level is given as L4=<height in mm>, got {text!r}")
    return levels


def _by_backend(image: Image, backend: segment.Backend, announce: Announce) -> LabelMap:
    """Let a model read the scan, as its own process where it is one."""
    missing = backend.missing()
    if missing:
        raise InputError(missing)
    announce(f"Segmenting with {backend.name}")
    if isinstance(backend, segment.ArrayBackend):
        return backend.labels(image)
    if not isinstance(backend, segment.FileBackend):
        raise InputError(f"the segmenter {backend.name!r} reads neither files nor arrays")
    with tempfile.TemporaryDirectory(prefix="enthesis-") as folder:
        scan, output = Path(folder) / "in" / backend.input_name, Path(folder) / "out"
        scan.parent.mkdir()
        output.mkdir()
        read.write_nifti(image, scan)
        made = backend.run(scan, output, quantity=image.quantity, announce=announce)
        scheme = made.scheme
        if not isinstance(scheme, str):
            table = Path(folder) / "scheme.json"
            table.write_text(made.scheme_json(), encoding="utf-8")
            scheme = str(table)
        labels = read.labels(made.path, scheme if made.path.is_file() else None, like=image)
        # Loaded before the folder goes away.
        return replace(
            labels, array=labels.array.copy(), origin=backend.origin(), source=image.source
        )


def _quality_table(found: segment.Segmentation) -> pd.DataFrame:
    present = set(found.labels.names.values())
    return _table(
        {
            "region": name,
            "score": one.score if one.agreement or one.steadiness else math.nan,
            "agreement": math.nan if one.agreement is None else one.agreement,
            "steadiness": math.nan if one.steadiness is None else one.steadiness,
            "review": one.review,
            "reasons": "; ".join(one.reasons),
        }
        for name, one in found.quality.items()
        if name in present
    )


def _doubts_table(checked: segment.CheckedLabels) -> pd.DataFrame:
    return _table(
        {
            "region": name,
            "score": math.nan,
            "agreement": math.nan,
            "steadiness": math.nan,
            "review": bool(checked.doubts.get(name)),
            "reasons": "; ".join(checked.doubts.get(name, ())),
        }
        for name in checked.labels.names.values()
    )


def _table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    columns = ["region", "score", "agreement", "steadiness", "review", "reasons"]
    frame = pd.DataFrame(list(rows), columns=columns)
    return frame.astype({"review": bool})


def level_slices(labels: LabelMap) -> dict[str, int]:
    """The slice through the middle of each vertebral body, by level, from head to feet."""
    return {level: body.middle for level, body in regions.vertebral_bodies(labels).items()}
