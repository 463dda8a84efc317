"""Vertebral deformity against a reference group: the algorithms of Eastell and of McCloskey."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enthesis.anatomy import LEVELS
from enthesis.bone.vertebra_heights import VertebralHeights
from enthesis.errors import InputError

GRADE_1_SD, GRADE_2_SD = 3.0, 4.0
"""Standard deviations below the reference mean from which a ratio is deformed, and gravely so."""

NEIGHBOURS_PREDICTING = 4
"""The posterior height is predicted from at most so many neighbours, two to either side."""

FEWEST = 10
"""Smallest reference group; a standard deviation from fewer people is off by a quarter or more."""

REFERENCE_COLUMNS = ("level", "ratio", "mean", "sd", "n")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceDeformity:
    """What a reference group says of one vertebra.

    Parameters
    ----------
    level : e.g. "T8"
    method : "Eastell 1991" or "McCloskey 1993"
    type : "none", "wedge", "biconcave" or "crush"; the first met, in this order of severity:
        crush, biconcave, wedge
    grade : 0, 1 below 3 SD, 2 below 4 SD
    scores : distance of each ratio from the reference mean in its SDs
    """

    level: str
    method: str
    type: str
    grade: int
    scores: Mapping[str, float]


def reference_ratios(spines: Sequence[Mapping[str, VertebralHeights]]) -> pd.DataFrame:
    """Mean and SD of every ratio by level, of a group without deformities.

    Parameters
    ----------
    spines : heights by level, one spine a person

    Returns
    -------
    DataFrame of `REFERENCE_COLUMNS`; the row of ratio "Hp" holds the posterior height itself, mm,
    from which that of a neighbour is predicted.

    Raises
    ------
    InputError : fewer than ten people.
    """
    if len(spines) < FEWEST:
        raise InputError(f"a reference wants at least {FEWEST} people, got {len(spines)}")
    posterior = {
        level: float(np.mean([s[level].posterior for s in spines if level in s]))
        for level in LEVELS
        if any(level in spine for spine in spines)
    }
    collected: dict[tuple[str, str], list[float]] = {}
    for spine in spines:
        for level in spine:
            ratios = {"Hp": spine[level].posterior, **_ratios(level, spine, posterior)}
            for ratio, value in ratios.items():
                if math.isfinite(value):
                    collected.setdefault((level, ratio), []).append(value)
    rows = [
        (level, ratio, float(np.mean(values)), float(np.std(values, ddof=1)), len(values))
        for (level, ratio), values in collected.items()
        if len(values) >= FEWEST
    ]
    return pd.DataFrame(rows, columns=list(REFERENCE_COLUMNS))


def eastell(
    spine: Mapping[str, VertebralHeights], reference: pd.DataFrame
) -> dict[str, ReferenceDeformity]:
    """Deformities by ratios below the reference mean by 3 (grade 1) or 4 SD (grade 2).

    Parameters
    ----------
    spine : heights by level
    reference : as `reference_ratios` gives, or typed from a published group measured alike

    Raises
    ------
    InputError : a reference without its columns.

    Notes
    -----
    Wedge by Ha/Hp, biconcave by Hm/Hp, crush by both Hp and Ha against the same neighbour's, above
    or below. The rules are as later papers describe them; the reference must be of the same method
    of measurement, since corners are placed otherwise on radiographs, DXA and label maps.

    References
    ----------
    Eastell R et al. J Bone Miner Res 1991;6:207-215. doi:10.1002/jbmr.5650060302
    """
    return _judge(
        spine,
        reference,
        method="Eastell 1991",
        rules={
            "crush": (("Hp/Hp above", "Ha/Ha above"), ("Hp/Hp below", "Ha/Ha below")),
            "biconcave": (("Hm/Hp",),),
            "wedge": (("Ha/Hp",),),
        },
    )


def mccloskey(
    spine: Mapping[str, VertebralHeights], reference: pd.DataFrame
) -> dict[str, ReferenceDeformity]:
    """Deformities by two criteria: own ratio, and ratio to the predicted posterior height.

    Parameters
    ----------
    spine, reference : as in `eastell`

    Notes
    -----
    The posterior height is predicted from up to four neighbours by the reference's mean heights.
    Wedge: Ha/Hp and Ha over the predicted Hp; biconcave: Hm likewise; crush: Hp over the predicted
    with Ha or Hm over the predicted. Both below the mean by 3 SD (grade 1) or 4 SD (grade 2). The
    rules are as later papers describe them.

    References
    ----------
    McCloskey EV et al. Osteoporos Int 1993;3:138-147. doi:10.1007/BF01623275
    """
    return _judge(
        spine,
        reference,
        method="McCloskey 1993",
        rules={
            "crush": (
                ("Hp/Hp predicted", "Ha/Hp predicted"),
                ("Hp/Hp predicted", "Hm/Hp predicted"),
            ),
            "biconcave": (("Hm/Hp", "Hm/Hp predicted"),),
            "wedge": (("Ha/Hp", "Ha/Hp predicted"),),
        },
    )


def _judge(
    spine: Mapping[str, VertebralHeights],
    reference: pd.DataFrame,
    *,
    method: str,
    rules: Mapping[str, tuple[tuple[str, ...], ...]],
) -> dict[str, ReferenceDeformity]:
    wanted = [name for name in REFERENCE_COLUMNS[:4] if name not in reference]
    if wanted:
        raise InputError(f"the reference has no column {wanted[0]!r}; it wants {REFERENCE_COLUMNS}")
    rows = list(
        zip(*(reference[name].tolist() for name in ("level", "ratio", "mean", "sd")), strict=True)
    )
    table = {(level, ratio): (mean, sd) for level, ratio, mean, sd in rows}
    posterior = {level: mean for (level, ratio), (mean, _) in table.items() if ratio == "Hp"}
    found = {}
    for level in (name for name in LEVELS if name in spine):
        scores = {
            ratio: (value - table[level, ratio][0]) / table[level, ratio][1]
            for ratio, value in _ratios(level, spine, posterior).items()
            if (level, ratio) in table and math.isfinite(value)
        }
        kind, grade = _worst(scores, rules)
        found[level] = ReferenceDeformity(
            level=level, method=method, type=kind, grade=grade, scores=scores
        )
    return found


def _worst(
    scores: Mapping[str, float], rules: Mapping[str, tuple[tuple[str, ...], ...]]
) -> tuple[str, int]:
    """The gravest deformity; of equal ones the first of the rules."""
    best = ("none", 0)
    for kind, ways in rules.items():
        for needed in ways:
            if not all(ratio in scores for ratio in needed):
                continue
            # Every criterion must be met, so the least deviant one decides.
            least = max(scores[ratio] for ratio in needed)
            grade = int(least < -GRADE_1_SD) + int(least < -GRADE_2_SD)
            if grade > best[1]:
                best = (kind, grade)
    return best


def _ratios(
    level: str, spine: Mapping[str, VertebralHeights], posterior: Mapping[str, float]
) -> dict[str, float]:
    body = spine[level]
    found = {"Ha/Hp": body.anterior / body.posterior, "Hm/Hp": body.middle / body.posterior}
    order = [name for name in LEVELS if name in spine or name not in {"T13", "L6"}]
    at = order.index(level)
    for where, step in (("above", -1), ("below", 1)):
        near = spine.get(order[at + step]) if 0 <= at + step < len(order) else None
        if near is not None:
            found[f"Hp/Hp {where}"] = body.posterior / near.posterior
            found[f"Ha/Ha {where}"] = body.anterior / near.anterior
    reach = NEIGHBOURS_PREDICTING // 2
    around = [
        posterior[level] * spine[name].posterior / posterior[name]
        for name in order[max(at - reach, 0) : at + reach + 1]
        if name != level and name in spine and name in posterior and level in posterior
    ]
    if around:
        predicted = float(np.mean(around))
        found |= {
            "Hp/Hp predicted": body.posterior / predicted,
            "Ha/Hp predicted": body.anterior / predicted,
            "Hm/Hp predicted": body.middle / predicted,
        }
    return found
