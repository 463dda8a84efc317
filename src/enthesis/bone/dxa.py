"""Areal BMD of the lumbar spine: which vertebrae count, and their density taken together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from enthesis.errors import InputError
from enthesis.records import Measurement, find

SPINE_LEVELS = ("L1", "L2", "L3", "L4")
"""Vertebrae of a spine scan that may count (ISCD)."""

T_SCORE_GAP = 1.0
"""A vertebra is out of line when its T-score differs by more than this from the next one (ISCD)."""

FEWEST_VERTEBRAE = 2
"""Of fewer no diagnosis is made: another site is measured (ISCD)."""

ROUNDING = 1e-9
"""A gap of 1.0 between scores of one decimal is 1.0 plus rounding, and still not more than 1.0."""

ANOTHER_SITE = "fewer than two vertebrae can be read: use another site"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluableSpine:
    """The vertebrae of a spine scan that count.

    Parameters
    ----------
    levels : that count, from above
    excluded : level → why it does not
    usable : whether two or more are left
    notes : what is to be looked at
    """

    levels: tuple[str, ...]
    excluded: Mapping[str, str] = field(default_factory=dict)
    usable: bool
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "excluded", MappingProxyType(dict(self.excluded)))


def evaluable_vertebrae(
    t_scores: Mapping[str, float], *, abnormal: Mapping[str, str] | None = None
) -> EvaluableSpine:
    """Vertebrae of L1 to L4 that count, and why the others do not.

    Parameters
    ----------
    t_scores : level → T-score of that vertebra; a level that was not measured is left out or NaN
    abnormal : level → what a reader saw there: "fracture", "laminectomy", "metal"

    Returns
    -------
    EvaluableSpine.

    Raises
    ------
    InputError : a level that is not one of L1 to L4.

    Notes
    -----
    What a reader saw goes first. Then, one after the other, a vertebra that differs by more than
    1.0 from both of its neighbours the same way. Where a step of more than 1.0 is left between two
    neighbours, the side with fewer vertebrae is left out, of two as long sides the higher, because
    osteophytes, sclerosis and fractures raise density. Vertebrae are neighbours when none that
    counts lies between them. The positions give the rule of 1.0 and leave the rest to the reader:
    that order is ours, and `abnormal` overrides it. Two vertebrae suffice, next to each other or
    not (ISCD 2023).

    References
    ----------
    ISCD Adult Official Positions 2019 and 2023. Hansen KE, et al. J Bone Miner Res
    2005;20:501-508. doi:10.1359/JBMR.041134
    """
    seen = dict(abnormal or {})
    for level in (*t_scores, *seen):
        if level not in SPINE_LEVELS:
            raise InputError(f"a spine scan counts L1 to L4, got {level!r}")
    excluded = {level: what for level, what in seen.items() if level in SPINE_LEVELS}
    excluded |= {
        level: "not measured"
        for level in SPINE_LEVELS
        if level not in excluded and not math.isfinite(t_scores.get(level, math.nan))
    }
    left = [level for level in SPINE_LEVELS if level not in excluded]
    out: list[tuple[str, str]] = []
    while (found := _standing_out(left, t_scores)) is not None:
        out.append(found)
        left.remove(found[0])
    kept = _longest_run(left, t_scores)
    out += [(level, _nearest(level, kept)) for level in left if level not in kept]
    notes = []
    for level, neighbour in out:
        gap = t_scores[level] - t_scores[neighbour]
        where = "above" if gap > 0 else "below"
        excluded[level] = f"T-score {abs(gap):.1f} {where} {neighbour}"
        if gap < 0:
            notes.append(f"{level} reads lower than {neighbour}: look for a cause")
    left = kept
    if len(left) < FEWEST_VERTEBRAE:
        notes.append(ANOTHER_SITE)
    return EvaluableSpine(
        levels=tuple(left),
        excluded={level: excluded[level] for level in SPINE_LEVELS if level in excluded},
        usable=len(left) >= FEWEST_VERTEBRAE,
        notes=tuple(notes),
    )


def lumbar_bmd(
    measurements: Iterable[Measurement], *, spine: EvaluableSpine | None = None
) -> Measurement:
    """Areal BMD of the lumbar spine: the vertebrae's mineral over their area, both summed.

    Parameters
    ----------
    measurements : with `bone_mineral_content` and `projected_area` of each vertebra that counts
    spine : which vertebrae count; all of L1 to L4 if not given

    Returns
    -------
    Measurement of `areal_bmd` of the lumbar spine, g/cm2; its method names the vertebrae, its flags
    those left out and why. NaN with a flag where fewer than two count.

    Raises
    ------
    InputError : mineral content or area of a vertebra is missing, doubled or not above zero.

    Notes
    -----
    The mean of the vertebrae's own BMDs is another number, because the lower ones are larger. A
    T-score belongs to one set of vertebrae: the reference and the least significant change are to
    be those of the set in the method.

    References
    ----------
    ISCD Adult Official Positions 2023.
    """
    given = tuple(measurements)
    levels = SPINE_LEVELS if spine is None else spine.levels
    excluded = {} if spine is None else spine.excluded
    flags = tuple(f"{level} left out: {why}" for level, why in excluded.items())
    if len(levels) < FEWEST_VERTEBRAE:
        return _lumbar(math.nan, levels, (*flags, ANOTHER_SITE))
    content = sum(_of_vertebra(given, "bone_mineral_content", level) for level in levels)
    area = sum(_of_vertebra(given, "projected_area", level) for level in levels)
    return _lumbar(content / area, levels, flags)


def _lumbar(value: float, levels: tuple[str, ...], flags: tuple[str, ...]) -> Measurement:
    return Measurement(
        quantity="areal_bmd",
        value=value,
        region="lumbar_spine",
        method=f"mineral content over area of {', '.join(levels) or 'no vertebra'}",
        flags=flags,
    )


def _of_vertebra(measurements: tuple[Measurement, ...], wanted: str, level: str) -> float:
    found = find(measurements, wanted, region="vertebra", level=level)
    if len(found) != 1 or found[0].value <= 0:
        got = f"{found[0].value:g}" if len(found) == 1 else f"{len(found)} of them"
        raise InputError(f"one {wanted} of {level}, above zero, is needed, got {got}")
    return found[0].value


def _standing_out(left: list[str], t_scores: Mapping[str, float]) -> tuple[str, str] | None:
    """The vertebra furthest above or below both of its neighbours, and the one it is furthest from.

    None where no vertebra differs by more than 1.0 from both.
    """
    found = []
    for above, level, below in zip(left, left[1:], left[2:], strict=False):
        gaps = {other: t_scores[level] - t_scores[other] for other in (above, below)}
        apart = [abs(gap) for gap in gaps.values()]
        same_way = gaps[above] * gaps[below] > 0
        if same_way and min(apart) > T_SCORE_GAP + ROUNDING:
            found.append((max(apart), level, max(gaps, key=lambda other: abs(gaps[other]))))
    return max(found)[1:] if found else None


def _longest_run(left: list[str], t_scores: Mapping[str, float]) -> list[str]:
    """Neighbours without a step of more than 1.0 between them: the most, of as many the lowest."""
    runs: list[list[str]] = [left[:1]]
    for above, level in itertools.pairwise(left):
        if abs(t_scores[level] - t_scores[above]) > T_SCORE_GAP + ROUNDING:
            runs.append([])
        runs[-1].append(level)
    return max(runs, key=lambda run: (len(run), -sum(t_scores[level] for level in run)))


def _nearest(level: str, kept: list[str]) -> str:
    place = SPINE_LEVELS.index(level)
    return min(kept, key=lambda other: abs(SPINE_LEVELS.index(other) - place))
