"""Architecture of a pennate muscle on one ultrasound picture, from its landmarks.

A point of a picture is (x, depth) in mm: x to the right from the middle of its first column, depth
down from the middle of its first row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.records import Measurement

LEAST_PENNATION_DEG = 3.0
"""Below this angle a fascicle meets no aponeurosis near the picture, and its length is not given.

Length goes as one over the sine: at 3 degrees, one degree more or less changes it by a third.
"""

FAR_OFF = 2.0
"""Times the visible part from which a length is mostly extrapolated, and flagged."""

LANDMARK_COLUMNS = ("line", "x_mm", "depth_mm")
"""Columns of a table of landmarks; `line` is superficial, deep, or begins with fascicle."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarks:
    """What was traced on one picture, by hand or automatically.

    Parameters
    ----------
    superficial, deep : (n, 2) points along the two aponeuroses, mm, n at least 2
    fascicles : (m, 2) points along each fascicle, mm, m at least 2
    origin : "traced" or "automatic"
    flags : what is doubtful about them, one sentence each

    Raises
    ------
    InputError : a line of fewer than two points, or one whose points coincide.
    """

    superficial: NDArray[np.float64]
    deep: NDArray[np.float64]
    fascicles: tuple[NDArray[np.float64], ...] = ()
    origin: str = "traced"
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "superficial", points(self.superficial, "superficial"))
        object.__setattr__(self, "deep", points(self.deep, "deep"))
        fascicles = tuple(
            points(one, f"fascicle {i}") for i, one in enumerate(self.fascicles, start=1)
        )
        object.__setattr__(self, "fascicles", fascicles)

    def to_frame(self) -> pd.DataFrame:
        """A row per point with `LANDMARK_COLUMNS`; `landmarks` reads it back."""
        lines = {"superficial": self.superficial, "deep": self.deep}
        lines |= {f"fascicle {i}": one for i, one in enumerate(self.fascicles, start=1)}
        rows = [(name, x, depth) for name, line in lines.items() for x, depth in line.tolist()]
        return pd.DataFrame(rows, columns=list(LANDMARK_COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line across a picture.

    Parameters
    ----------
    depth_mm : at x = 0
    slope : mm deeper per mm to the right
    """

    depth_mm: float
    slope: float

    @property
    def angle_deg(self) -> float:
        """Angle to the picture's upper edge, positive where it runs deeper to the right."""
        return math.degrees(math.atan(self.slope))

    def at(self, x: float) -> float:
        """Depth at x, mm."""
        return self.depth_mm + self.slope * x


@dataclass(frozen=True, slots=True, kw_only=True)
class Fascicle:
    """One fascicle.

    Parameters
    ----------
    angle_deg : to the picture's upper edge, positive where it runs deeper to the right
    to_deep_deg, to_superficial_deg : to the two aponeuroses, 0 to 90
    straight_mm : between the ends of its visible part
    length_mm : along its visible part and from there straight on to both aponeuroses
    """

    angle_deg: float
    to_deep_deg: float
    to_superficial_deg: float
    straight_mm: float
    length_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Thickness, and angle and length of the fascicles, on one picture.

    Parameters
    ----------
    superficial, deep : aponeuroses
    thickness_mm : across the muscle at the middle of the picture
    covering_mm : from the picture's first row to the superficial aponeurosis at its middle: skin
        and fat below the probe
    fascicles : one for each that was traced
    origin : of the landmarks
    flags : what is doubtful, one sentence each
    """

    superficial: Line
    deep: Line
    thickness_mm: float
    covering_mm: float
    fascicles: tuple[Fascicle, ...]
    origin: str
    flags: tuple[str, ...] = ()

    @property
    def pennation_deg(self) -> float:
        """Median angle of the fascicles to the deep aponeurosis; NaN without fascicles."""
        return _median([one.to_deep_deg for one in self.fascicles])

    @property
    def fascicle_length_mm(self) -> float:
        """Median length of the fascicles, extended to both aponeuroses; NaN where none has one."""
        return _median([one.length_mm for one in self.fascicles])

    def measurements(self, *, region: str, side: str = "") -> list[Measurement]:
        """As rows of the long table, medians over the fascicles.

        Parameters
        ----------
        region : a muscle of `anatomy`
        side : "left", "right" or ""

        Returns
        -------
        Thickness of the muscle and of what covers it, pennation to both aponeuroses, and length in
        three ways: between visible ends, extended to the aponeuroses, and thickness over the sine
        of the pennation angle.
        """
        pennation = self.pennation_deg
        from_thickness = (
            self.thickness_mm / math.sin(math.radians(pennation))
            if pennation >= LEAST_PENNATION_DEG
            else math.nan
        )
        one = self.fascicles
        n = f"median of {len(one)}, {self.origin}"
        rows = [
            (
                "muscle_thickness",
                self.thickness_mm,
                f"across at the middle of the picture, {self.origin}",
            ),
            ("covering_thickness", self.covering_mm, f"skin and subcutis, {self.origin}"),
            ("pennation_angle", pennation, f"to the deep aponeurosis, {n}"),
            (
                "pennation_angle",
                _median([f.to_superficial_deg for f in one]),
                f"to the superficial aponeurosis, {n}",
            ),
            (
                "fascicle_length",
                _median([f.straight_mm for f in one]),
                f"straight between visible ends, {n}",
            ),
            (
                "fascicle_length",
                self.fascicle_length_mm,
                f"extended straight to both aponeuroses, {n}",
            ),
            ("fascicle_length", from_thickness, f"thickness over sine of pennation, {n}"),
        ]
        return [
            Measurement(
                quantity=name,
                value=value,
                region=region,
                side=side,
                method=method,
                flags=self.flags,
            )
            for name, value, method in rows
        ]


def landmarks(table: pd.DataFrame) -> Landmarks:
    """Landmarks from a table of points.

    Parameters
    ----------
    table : `LANDMARK_COLUMNS`; points of one line in the order traced

    Raises
    ------
    InputError : a column or an aponeurosis is missing, or a line of another name.
    """
    missing = [name for name in LANDMARK_COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"a table of landmarks needs the columns {', '.join(LANDMARK_COLUMNS)}; "
            f"missing: {', '.join(missing)}"
        )
    if "frame" in table.columns and len(table["frame"].unique()) > 1:
        raise InputError("the table holds the landmarks of several frames; keep the rows of one")
    lines: dict[str, NDArray[np.float64]] = {}
    for name, part in table.groupby("line", sort=False):
        try:
            lines[str(name)] = part[["x_mm", "depth_mm"]].to_numpy(dtype=np.float64)
        except ValueError as error:
            raise InputError(f"points of {name!r} are not all numbers: {error}") from None
    for name in ("superficial", "deep"):
        if name not in lines:
            raise InputError(f"no line named {name!r}; the table has: {', '.join(lines)}")
    for name in lines:
        if name not in {"superficial", "deep"} and not name.startswith("fascicle"):
            raise InputError(
                f"line {name!r} is not known; lines are superficial, deep, fascicle 1, fascicle 2 …"
            )
    return Landmarks(
        superficial=lines["superficial"],
        deep=lines["deep"],
        fascicles=tuple(line for name, line in lines.items() if name.startswith("fascicle")),
    )


def architecture(landmarks: Landmarks) -> Architecture:
    """Thickness, pennation and fascicle length from the landmarks of one picture.

    Raises
    ------
    InputError : the superficial aponeurosis does not lie above the deep one.

    Notes
    -----
    Aponeuroses are straight lines by least squares. Thickness is taken at right angles to the line
    midway between them. A fascicle's direction is that of its points' principal axis; from its two
    ends it is extended that way. Straight extension overestimates a curved fascicle.

    References
    ----------
    Ando R, et al. Validity of fascicle length estimation in the vastus lateralis and vastus
    intermedius using ultrasonography. J Electromyogr Kinesiol 2014;24:214-220.
    doi:10.1016/j.jelekin.2014.01.003
    """
    superficial, deep = fit(landmarks.superficial), fit(landmarks.deep)
    x = np.concatenate([landmarks.superficial[:, 0], landmarks.deep[:, 0]])
    middle = float((x.min() + x.max()) / 2)
    if not superficial.at(middle) < deep.at(middle):
        raise InputError(
            "the superficial aponeurosis must lie above the deep one: at the middle it is "
            f"{superficial.at(middle):.1f} mm deep, the other {deep.at(middle):.1f} mm"
        )
    fascicles = tuple(_fascicle(one, superficial, deep) for one in landmarks.fascicles)
    return Architecture(
        superficial=superficial,
        deep=deep,
        thickness_mm=_across(superficial, deep, middle),
        covering_mm=superficial.at(middle),
        fascicles=fascicles,
        origin=landmarks.origin,
        flags=(*landmarks.flags, *_doubts(fascicles)),
    )


def fit(line: NDArray[np.float64]) -> Line:
    """Straight line through points, by least squares of depth on x.

    Raises
    ------
    InputError : all points have one x.
    """
    x, depth = line.T
    if np.ptp(x) == 0:
        raise InputError("an aponeurosis must run across the picture; its points have one x")
    slope, start = np.polyfit(x - x.mean(), depth, 1)
    return Line(depth_mm=float(start - slope * x.mean()), slope=float(slope))


def points(line: ArrayLike, name: str, *, least: int = 2) -> NDArray[np.float64]:
    """Points of a line, (n, 2) mm, read-only.

    Raises
    ------
    InputError : another shape, fewer than `least` points, a point without number, or all in one
        place.
    """
    array = np.array(line, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < least:
        raise InputError(
            f"{name} is {least} or more points (x, depth) in mm, got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} has a point without a number; leave it out")
    if not np.ptp(array, axis=0).any():
        raise InputError(f"all points of {name} lie in one place")
    array.flags.writeable = False
    return array


def _across(superficial: Line, deep: Line, x: float) -> float:
    angle = math.radians((superficial.angle_deg + deep.angle_deg) / 2)
    depth = (superficial.at(x) + deep.at(x)) / 2
    # From the midway point along its normal, up and down.
    dx, dy = -math.sin(angle), math.cos(angle)
    return float(
        sum(abs((line.at(x) - depth) / (dy - line.slope * dx)) for line in (superficial, deep))
    )


def _fascicle(line: NDArray[np.float64], superficial: Line, deep: Line) -> Fascicle:
    centred = line - line.mean(axis=0)
    dx, dy = np.linalg.svd(centred, full_matrices=False)[2][0].tolist()
    if dy < 0:
        dx, dy = -dx, -dy
    angle = math.degrees(math.atan2(dy, dx))
    angle = angle - 180 if angle > 90 else angle
    along = centred @ (dx, dy)
    first, last = line[along.argmin()], line[along.argmax()]
    to_deep, to_superficial = _between(angle, deep), _between(angle, superficial)
    length = math.nan
    if min(to_deep, to_superficial) >= LEAST_PENNATION_DEG:
        visible = float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())
        above = (first[1] - superficial.at(first[0])) / (dy - superficial.slope * dx)
        below = (deep.at(last[0]) - last[1]) / (dy - deep.slope * dx)
        length = float(above + visible + below)
    return Fascicle(
        angle_deg=angle,
        to_deep_deg=to_deep,
        to_superficial_deg=to_superficial,
        straight_mm=float(np.linalg.norm(last - first)),
        length_mm=length,
    )


def _between(angle: float, line: Line) -> float:
    apart = abs(angle - line.angle_deg) % 180
    return min(apart, 180 - apart)


def _doubts(fascicles: Sequence[Fascicle]) -> list[str]:
    doubts = []
    flat = sum(math.isnan(one.length_mm) for one in fascicles)
    if flat:
        doubts.append(
            f"{flat} of {len(fascicles)} fascicles run within {LEAST_PENNATION_DEG:g} degrees of "
            "an aponeurosis: no length is extrapolated"
        )
    far = sum(one.length_mm > FAR_OFF * one.straight_mm for one in fascicles)
    if far:
        doubts.append(
            f"{far} of {len(fascicles)} fascicle lengths are mostly extrapolated: less than "
            f"1/{FAR_OFF:g} of them is seen"
        )
    return doubts


def _median(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan
