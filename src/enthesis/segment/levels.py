"""Which vertebra is which: counted from the sacrum, proposed with its confidence, or told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LEVELS
from enthesis.errors import InputError

COUNTED_UPWARDS = tuple(
    level for level in reversed(LEVELS[: LEVELS.index("S1") + 1]) if level not in {"T13", "L6"}
)
"""S1, L5, L4, … : the usual spine of five lumbar vertebrae, from the sacrum to the head."""

ALA_SIDE_MM, ALA_FRONT_MM, ALA_DEPTH_MM = (32.0, 46.0), (14.0, 34.0), (3.0, 12.0)
"""To the side and in front of the canal and below a disc, mm: where only the sacrum has bone."""

ALA_SHARE, ALA_DROP = 0.35, 0.24
"""Share of that width that bone spans, on both sides, if the vertebra is the sacrum, and by how
much less the one above it has. Lumbar vertebrae have a tenth, with bony spurs a third."""

CLEAR_DROP = 1.4
"""The drop at the lumbosacral disc is so many times any other one, or it is not told."""

CREST_DISCS = (0.0, 2.6)
"""How many discs above the lumbosacral one the iliac crests end: at the body of L4, or near it."""

SURE, LIKELY = 0.9, 0.6
"""Confidence of levels on which sacrum and iliac crest agree, and of those of the sacrum alone."""

COUNT_NOTE = (
    "levels were counted upwards from the sacrum as if there were five lumbar vertebrae; look at "
    "the sagittal picture and confirm them"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelProposal:
    """Names of a spine's bodies.

    Parameters
    ----------
    names : of each body from feet to head, one more than there are discs; "" where unknown
    confidence : 0 to 1; 1 where the user said it
    reason : what the names rest on, or why there are none, in one sentence
    """

    names: tuple[str, ...]
    confidence: float
    reason: str

    @property
    def known(self) -> bool:
        """Whether the bodies have names."""
        return any(self.names)


def proposed_levels(
    ala: NDArray[np.float64], discs: NDArray[np.float64], crest: float | None
) -> LevelProposal:
    """Names of the bodies, if the sacrum can be told.

    Parameters
    ----------
    ala : (n,) share of the width beside the body below each disc that bone spans, from feet to head
    discs : (n,) heights of the discs along the spine, from feet to head
    crest : height at which the iliac crests end; None where they are not in the field
    """
    n = len(ala)
    if n < 2 or ala.max() < ALA_SHARE:
        return _unknown(n, "the sacrum was not seen: set a level by hand (--level L4=<height>)")
    drops = ala[:-1] - ala[1:]
    lowest = int(drops.argmax())
    others = np.delete(drops, lowest)
    if (
        drops[lowest] < ALA_DROP
        or ala[lowest] < ALA_SHARE
        or others.max(initial=0.0) * CLEAR_DROP > drops[lowest]
    ):
        return _unknown(n, "sacrum and lumbar vertebrae could not be told apart: set a level")
    names = _counted(n, lowest, "S1")
    if crest is None:
        return LevelProposal(
            names=names, confidence=LIKELY, reason=f"the wings of the sacrum; {COUNT_NOTE}"
        )
    above = float(np.interp(crest, discs[lowest:], np.arange(n - lowest), left=-1, right=n))
    if not CREST_DISCS[0] <= above <= CREST_DISCS[1]:
        return _unknown(
            n, "the iliac crests do not end where the sacrum would have them: set a level"
        )
    return LevelProposal(
        names=names,
        confidence=SURE,
        reason=f"the wings of the sacrum and the iliac crests; {COUNT_NOTE}",
    )


def told_levels(centers: NDArray[np.float64], told: Mapping[str, float]) -> LevelProposal:
    """Names of the bodies as the user says them.

    Parameters
    ----------
    centers : (n,) heights of the bodies, mm, from feet to head
    told : level → height in the scan of any point of that body, mm

    Raises
    ------
    InputError : an unknown level, a height where no body is, or levels that contradict each other.
    """
    names: tuple[str, ...] = ()
    for level, height in told.items():
        if level not in COUNTED_UPWARDS:
            raise InputError(f"no vertebral level is called {level!r}; name one such as L4")
        away = np.abs(centers - height)
        nearest = int(away.argmin())
        if away[nearest] > 25:
            found = ", ".join(f"{z:.0f}" for z in centers)
            raise InputError(
                f"no vertebral body lies at {height:g} mm, told to be {level}; those found lie at "
                f"{found} mm"
            )
        counted = _counted(len(centers) - 1, nearest, level)
        if names and counted != names:
            raise InputError(f"{level} at {height:g} mm contradicts the other levels that were set")
        names = counted
    return LevelProposal(names=names, confidence=1.0, reason="set by the user")


def _counted(n_discs: int, at: int, level: str) -> tuple[str, ...]:
    """Names of all bodies, counted from one of them; what lies below S1 has none."""
    start = COUNTED_UPWARDS.index(level) - at
    return tuple(
        COUNTED_UPWARDS[start + n] if 0 <= start + n < len(COUNTED_UPWARDS) else ""
        for n in range(n_discs + 1)
    )


def _unknown(n_discs: int, reason: str) -> LevelProposal:
    return LevelProposal(names=("",) * (n_discs + 1), confidence=0.0, reason=reason)
