"""Aponeuroses and fascicles found on B-mode pictures by filters that answer to bright lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle.architecture import Landmarks, Line, fit
from enthesis.muscle.ultrasound_fascicles import fascicles_between
from enthesis.muscle.ultrasound_search import PIXEL_MM, Searched, responses, searched_picture

APONEUROSIS_MM = (0.45, 5.0)
"""SD across and along of the aponeuroses looked for, mm."""

STEEPEST_APONEUROSIS_DEG = 20.0
USUAL_APONEUROSIS_DEG = 12.0
"""Aponeuroses run within the first angle of the probe, degrees; a steeper one is no standard view.
The second is the SD of a Gaussian by which steeper lines count less, for fascicles are steeper."""

WAVY_MM = 0.6
"""How far an aponeurosis may bend away from a straight line and still lie on it, mm."""

APART_MM = (8.0, 60.0)
"""Least and most distance between the aponeuroses of one muscle, mm."""

NO_LINE, FAINT_LINE = 0.1, 0.2
"""Strength below which a line is speckle, and below which it is flagged as hard to see.

In multiples of the local contrast, so alike on every picture: lines through nothing but speckle
reach 0.08, aponeuroses 0.2 to 0.5.
"""

NEAR_MM = 4.0
"""How far from a depth that is given, or from the frame before, an aponeurosis is looked for."""


def find_landmarks(
    image: Image, *, depths_mm: tuple[float, float] | None = None, before: Landmarks | None = None
) -> Landmarks:
    """Aponeuroses and fascicles of the muscle on a B-mode picture along its fascicles.

    Parameters
    ----------
    image : `echo_intensity`, one slice; only the machine's own region of tissue is searched where
        the file states it
    depths_mm : about how deep the superficial and the deep aponeurosis lie at the middle of the
        picture, mm; by their brightness if not given
    before : landmarks of the frame before of a loop, near which this one's lie

    Returns
    -------
    Landmarks "automatic": straight aponeuroses across the picture and up to ten fascicles. Write
    them to a table, move what is wrong, and read it back with `landmarks`.

    Raises
    ------
    InputError : not an ultrasound picture, too small, or no two aponeuroses.

    Notes
    -----
    Aponeuroses are the two lines across the whole picture with the highest mean response of an
    oriented second-derivative filter (a Hough transform weighted by ridges), without a third one
    as bright between them, then fitted through each column's nearest ridge. Fascicles: the
    direction in which the same filter, finer and shorter, has most energy between the aponeuroses,
    then the clearest separate pieces near that direction. The idea of both steps is that of van
    der Zee and Kuo; filters, selection and code are our own.

    References
    ----------
    van der Zee TJ, Kuo AD. TimTrack: a drift-free algorithm for estimating geometric muscle
    features from ultrasound images. PLoS One 2022;17:e0265752. doi:10.1371/journal.pone.0265752
    """
    searched = searched_picture(image)
    ridges = np.stack(list(responses(searched.values, APONEUROSIS_MM, _APONEUROSIS_ANGLES)))
    if before is not None:
        middle = searched.x_mm + searched.values.shape[1] * PIXEL_MM / 2
        depths_mm = (fit(before.superficial).at(middle), fit(before.deep).at(middle))
    lines, doubts = _aponeuroses(ridges, searched, depths_mm)
    superficial, deep = (_refined(ridges, line) for line in lines)
    fascicles, flags = fascicles_between(searched.values, superficial, deep)
    offset = np.array([searched.x_mm, searched.depth_mm])
    columns = np.array([0.0, (searched.values.shape[1] - 1) * PIXEL_MM])
    return Landmarks(
        superficial=_ends(superficial, columns) + offset,
        deep=_ends(deep, columns) + offset,
        fascicles=tuple(piece + offset for piece in fascicles),
        origin="automatic",
        flags=(*doubts, *flags),
    )


def track_landmarks(
    frames: Iterable[Image], *, depths_mm: tuple[float, float] | None = None
) -> Iterator[Landmarks]:
    """Yield the landmarks of each frame of a loop.

    Parameters
    ----------
    frames : pictures in order of time
    depths_mm : of the aponeuroses on the first frame, as in `find_landmarks`

    Notes
    -----
    Aponeuroses are looked for near those of the frame before; fascicles are found anew on every
    frame, so that their angle cannot drift.
    """
    before = None
    for image in frames:
        before = find_landmarks(image, depths_mm=depths_mm, before=before)
        yield before


_APONEUROSIS_ANGLES = np.arange(-STEEPEST_APONEUROSIS_DEG, STEEPEST_APONEUROSIS_DEG + 0.5)


def _aponeuroses(
    ridges: NDArray[np.float64], searched: Searched, depths_mm: tuple[float, float] | None
) -> tuple[tuple[Line, Line], list[str]]:
    """The two lines, in mm from the searched picture's first pixel, and what is doubtful."""
    strength = _line_strength(ridges)
    if depths_mm is not None:
        if not depths_mm[0] < depths_mm[1]:
            raise InputError(f"depths_mm are (superficial, deep) in mm, got {depths_mm}")
        rows = [(mm - searched.depth_mm) / PIXEL_MM for mm in depths_mm]
        pair = _near(strength, rows[0], searched), _near(strength, rows[1], searched)
    else:
        pair = _brightest_pair(_peaks(strength))
    names = ("superficial", "deep")
    faint = [
        f"the {name} aponeurosis is hard to see: check it on the picture"
        for name, peak in zip(names, pair, strict=True)
        if peak[2] < FAINT_LINE
    ]
    n_columns = searched.values.shape[1]
    return (_line(*pair[0][:2], n_columns), _line(*pair[1][:2], n_columns)), faint


_Peak = tuple[float, int, float]


def _brightest_pair(peaks: list[_Peak]) -> tuple[_Peak, _Peak]:
    least, most = (mm / PIXEL_MM for mm in APART_MM)
    best, pair = -math.inf, None
    for i, upper in enumerate(peaks):
        for lower in peaks[i + 1 :]:
            if not least <= lower[1] - upper[1] <= most:
                continue
            between = max((p[2] for p in peaks if upper[1] < p[1] < lower[1]), default=0.0)
            # A brighter line between the two is the border of this muscle or of another.
            hidden = between if between > min(upper[2], lower[2]) else 0.0
            score = upper[2] + lower[2] - hidden
            if score > best:
                best, pair = score, (upper, lower)
    if pair is None:
        raise InputError(
            f"no two aponeuroses {APART_MM[0]:g} to {APART_MM[1]:g} mm apart were found; give "
            "their depths (depths_mm), or trace them"
        )
    return pair


def _line_strength(ridges: NDArray[np.float64]) -> NDArray[np.float64]:
    """How bright lines are throughout, by angle and by row at the middle column: (angles, rows).

    The mean response over the two dimmest of the picture's four quarters: an aponeurosis runs
    across all of it, a fascicle does not.
    """
    n_rows, n_columns = ridges.shape[1:]
    wavy = 2 * round(WAVY_MM / PIXEL_MM) + 1
    # A few glaring spots must not make a line.
    top = float(np.percentile(ridges.max(axis=0), 97))
    quarters = np.array_split(np.arange(n_columns), 4)
    offsets = np.arange(n_columns) - (n_columns - 1) / 2
    found = np.empty(ridges.shape[:2])
    columns = np.broadcast_to(np.arange(n_columns), (n_rows, n_columns))
    for i, angle in enumerate(np.deg2rad(_APONEUROSIS_ANGLES)):
        rows = np.arange(n_rows)[:, None] + math.tan(angle) * offsets
        inside = (rows >= 0) & (rows <= n_rows - 1)
        nearest = np.clip(np.rint(rows), 0, n_rows - 1).astype(np.intp)
        near = ndimage.maximum_filter1d(ridges[i], wavy, axis=0)
        values = np.clip(near[nearest, columns], 0, top) * inside
        means = np.sort([values[:, part].mean(axis=1) for part in quarters], axis=0)
        found[i] = means[:2].mean(axis=0)
    usual = np.exp(-((_APONEUROSIS_ANGLES / USUAL_APONEUROSIS_DEG) ** 2) / 2)
    return np.asarray(found * usual[:, None])


def _peaks(strength: NDArray[np.float64]) -> list[_Peak]:
    """Angle, row and strength of the clearest separate lines, from the top down."""
    apart = round(APART_MM[0] / 2 / PIXEL_MM)
    by_row, left = strength.max(axis=0).copy(), 8
    found = []
    strongest = by_row.max()
    while left and by_row.max() > max(0.25 * strongest, NO_LINE):
        row = int(by_row.argmax())
        angle = float(_APONEUROSIS_ANGLES[int(strength[:, row].argmax())])
        found.append((angle, row, float(by_row[row])))
        by_row[max(row - apart, 0) : row + apart + 1] = 0
        left -= 1
    return sorted(found, key=lambda peak: peak[1])


def _near(strength: NDArray[np.float64], row: float, searched: Searched) -> _Peak:
    reach = NEAR_MM / PIXEL_MM
    first, last = max(round(row - reach), 0), min(round(row + reach) + 1, strength.shape[1])
    if first >= last:
        raise InputError(
            f"an aponeurosis at {row * PIXEL_MM + searched.depth_mm:.1f} mm lies outside the "
            "picture; depths_mm count from its first row"
        )
    part = strength[:, first:last]
    angle, at = divmod(int(part.argmax()), part.shape[1])
    return float(_APONEUROSIS_ANGLES[angle]), first + at, float(part[angle, at])


def _line(angle: float, row: float, n_columns: int) -> Line:
    slope = math.tan(math.radians(angle))
    middle = (n_columns - 1) / 2 * PIXEL_MM
    return Line(depth_mm=row * PIXEL_MM - slope * middle, slope=slope)


def _refined(ridges: NDArray[np.float64], line: Line) -> Line:
    """Through the brightest ridge near the line in each column; far ones count less and less."""
    response = ridges.max(axis=0)
    n_rows, n_columns = response.shape
    x = np.arange(n_columns) * PIXEL_MM
    reach = 1.5
    for _ in range(3):
        near = np.rint((line.depth_mm + line.slope * x) / PIXEL_MM).astype(np.intp)
        steps = np.arange(-round(reach / PIXEL_MM), round(reach / PIXEL_MM) + 1)[:, None]
        rows = np.clip(near + steps, 0, n_rows - 1)
        values = np.clip(response[rows, np.arange(n_columns)], 0, None)
        best = values.argmax(axis=0)
        depth = rows[best, np.arange(n_columns)] * PIXEL_MM
        weight = values.max(axis=0)
        if not weight.any():
            return line
        away = depth - (line.depth_mm + line.slope * x)
        weight = weight / (1 + (away / 0.5) ** 2)
        slope, start = np.polyfit(x, depth, 1, w=np.sqrt(weight))
        line = Line(depth_mm=float(start), slope=float(slope))
        reach = 0.9
    return line


def _ends(line: Line, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([columns, line.depth_mm + line.slope * columns])
