"""Which vertebra is which: counted from the sacrum and from the lowest ribs, or told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LEVELS
from enthesis.errors import InputError

ALL_UPWARDS = tuple(reversed(LEVELS[: LEVELS.index("S1") + 1]))

COUNTED_UPWARDS = tuple(level for level in ALL_UPWARDS if level not in {"T13", "L6"})
"""S1, L5, L4, … : the usual spine of five lumbar vertebrae, from the sacrum to the head."""

SPINES = (
    COUNTED_UPWARDS,
    tuple(level for level in ALL_UPWARDS if level != "T13"),
    tuple(level for level in COUNTED_UPWARDS if level != "L5"),
    tuple(level for level in ALL_UPWARDS if level != "L6"),
    tuple(level for level in COUNTED_UPWARDS if level != "T12"),
)
"""The usual spine first, then six and four lumbar vertebrae, thirteen and eleven pairs of ribs."""

T12 = COUNTED_UPWARDS.index("T12")
"""How many vertebrae T12 lies above S1 in the usual spine."""

ALA_SIDE_MM, ALA_FRONT_MM, ALA_DEPTH_MM = (32.0, 46.0), (14.0, 34.0), (3.0, 12.0)
"""To the side and in front of the canal and below a disc, mm: where only the sacrum has bone."""

ALA_SHARE, ALA_DROP = 0.35, 0.24
"""Share of that width that bone spans, on both sides, if the vertebra is the sacrum, and by how
much less the one above it has. Lumbar vertebrae have a tenth, with bony spurs a third."""

FAINT_SHARE, FAINT_DROP = 0.2, 0.1
"""The same of a sacrum that is believed only where the count from the ribs has it too: L5 with
spurs looks alike."""

CLEAR_DROP = 1.4
"""The drop at the lumbosacral disc is so many times any other one, or it is not told."""

CREST_DISCS = (0.0, 2.6)
"""How many discs above the lumbosacral one the iliac crests end: at the body of L4, or near it."""

NEXT_RIB = 1.6
"""Above a rib lies another one, or the end of the spine in view, at this distance at most, in
vertebrae; what lies alone is none."""

ABOVE_SACRUM, ABOVE_CREST = 3.5, 2.0
"""Ribs begin so many vertebrae above S1 or above the end of the iliac crests at least; what looks
like a rib lower down is part of an iliac wing."""

AT_BODY = 0.4
"""A rib belongs to a vertebra if it meets the spine this near to its middle, in vertebrae."""

EVEN, ENOUGH_DISCS = 1.22, 4
"""Nothing is counted from the ribs alone unless so many discs are seen and the greatest distance
between neighbours is at most so many times the least: otherwise one may have been missed."""

CERTAIN, SURE, LIKELY, GUESSED = 0.95, 0.9, 0.6, 0.5
"""Confidence of levels on which sacrum, iliac crests and ribs agree, two of them, and of those of
the sacrum or the ribs alone: about one spine in ten has four or six lumbar vertebrae."""

LOOK = "look at the sagittal picture and confirm them"

SET = "set a level by hand (--level L4=<height>)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelProposal:
    """Names of a spine's bodies.

    Parameters
    ----------
    names : of each body from feet to head, one more than there are discs; "" where unknown
    confidence : 0 to 1; 1 where the user said it
    reason : what the names rest on, or why there are none, in one sentence
    sacrum : the body that is S1, below 0 if it lies under those in view; told also where the ribs
        contradict the count from it; None if unknown
    """

    names: tuple[str, ...]
    confidence: float
    reason: str
    sacrum: int | None = None

    @property
    def known(self) -> bool:
        """Whether the bodies have names."""
        return any(self.names)


def proposed_levels(
    ala: NDArray[np.float64],
    discs: NDArray[np.float64],
    crest: float | None,
    ribs: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> LevelProposal:
    """Names of the bodies, if sacrum or ribs can be told and do not contradict each other.

    Parameters
    ----------
    ala : (n,) share of the width beside the body below each disc that bone spans, from feet to head
    discs : (n,) heights of the discs along the spine, from feet to head
    crest : height at which the iliac crests end; None where they are not in the field
    ribs : of each side, heights at which ribs meet the spine; none where no rib begins in the field
    """
    n = len(discs)
    sacrum, doubt = _sacrum(ala, ALA_SHARE, ALA_DROP)
    least = _place(crest, discs) + ABOVE_CREST if crest is not None else 0.0
    least = least if sacrum is None else sacrum + ABOVE_SACRUM
    lowest = [_lowest_with_rib(side, discs, least) for side in ribs]
    seen = [body for body in lowest if body is not None]
    if sacrum is None:
        if len(seen) < 2 or seen[0] != seen[1]:
            return _unknown(n, doubt)
        return _counted_downwards(ala, discs, crest, seen[0], doubt)
    if seen and min(seen) - sacrum != T12:
        return _unknown(n, _miscounted(min(seen) - sacrum - 1), sacrum)
    fits = _crest_fits(crest, discs, sacrum)
    if fits is False and not seen:
        return _unknown(
            n, f"the iliac crests do not end where the sacrum would have them: {SET}", sacrum
        )
    others = ["the iliac crests"] * bool(fits) + ["the lowest ribs"] * bool(seen)
    reason = "levels were counted upwards from the wings of the sacrum"
    if others:
        reason += f", in agreement with {' and '.join(others)}"
    if not seen:
        reason += ", as if there were five lumbar vertebrae: the lowest ribs were not seen"
    elif fits is False:
        reason += ", though the iliac crests end elsewhere"
    return LevelProposal(
        names=_names(n, sacrum, COUNTED_UPWARDS),
        confidence=LIKELY if fits is False else (LIKELY, SURE, CERTAIN)[len(others)],
        reason=f"{reason}; {LOOK}",
        sacrum=sacrum,
    )


def told_levels(centers: NDArray[np.float64], told: Mapping[str, float]) -> LevelProposal:
    """Names of the bodies as the user says them.

    Parameters
    ----------
    centers : (n,) heights of the bodies, mm, from feet to head
    told : level → height in the scan of any point of that body, mm; L6 or T13 for a spine that has
        one, and both neighbours, e.g. L4 and S1, for one that lacks a level between them

    Raises
    ------
    InputError : an unknown level, a height where no body is, or levels that contradict each other.
    """
    n = len(centers) - 1
    bodies = {level: _body_at(height, level, centers) for level, height in told.items()}
    said = " and ".join(f"{level} at {height:g} mm" for level, height in told.items())
    for spine in SPINES:
        sacrum = {
            body - spine.index(level) if level in spine else None for level, body in bodies.items()
        }
        (lowest, *others) = sacrum
        if lowest is not None and not others:
            if lowest >= n:
                raise InputError(
                    f"no vertebra above S1 would be in view with {said}; look at the height again"
                )
            return LevelProposal(
                names=_names(n, lowest, spine),
                confidence=1.0,
                reason="set by the user",
                sacrum=lowest,
            )
    raise InputError(f"{said} contradict each other; set one of them only")


def held_against(
    told: LevelProposal, counted: LevelProposal, *, asked: Collection[str]
) -> LevelProposal:
    """The levels as told, with what was counted in the reason where one that was asked differs."""
    for said, seen in zip(told.names, counted.names, strict=True):
        if said in asked and seen and said != seen:
            reason = f"{told.reason}, but what is called {said} was counted as {seen}; {LOOK}"
            return replace(told, reason=reason)
    return told


def body_middles(discs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights of the bodies, (n + 1,), below, between and above the discs.

    Parameters
    ----------
    discs : (n,) heights of the discs along the spine, from feet to head, two or more
    """
    gap = float(np.median(np.diff(discs)))
    ends = [discs[0] - gap / 2], (discs[1:] + discs[:-1]) / 2, [discs[-1] + gap / 2]
    return np.concatenate(ends)


def _sacrum(ala: NDArray[np.float64], share: float, drop: float) -> tuple[int | None, str]:
    """The body with the wings of a sacrum, the next one having none; or why it was not told."""
    if len(ala) < 2 or ala.max() < share:
        return None, f"the sacrum was not seen: {SET}"
    drops = ala[:-1] - ala[1:]
    lowest = int(drops.argmax())
    others = np.delete(drops, lowest)
    if (
        drops[lowest] < drop
        or ala[lowest] < share
        or others.max(initial=0.0) * CLEAR_DROP > drops[lowest]
    ):
        return None, f"sacrum and lumbar vertebrae could not be told apart: {SET}"
    return lowest, ""


def _lowest_with_rib(
    ribs: NDArray[np.float64], discs: NDArray[np.float64], least: float
) -> int | None:
    """The lowest body above a place that bears a rib; None where there is none or it is not clear.

    Parameters
    ----------
    ribs, discs : heights of the ribs of one side, and of the discs
    least : place from which on ribs may be, in vertebrae from the lowest body in view
    """
    if len(discs) < 2:
        return None
    middles = body_middles(discs)
    gap = float(np.median(np.diff(discs)))
    # Discs near the end of a field are missed: one body more is counted there.
    middles = np.append(middles, middles[-1] + gap)
    ribs = ribs[ribs <= middles[-1] + AT_BODY * gap]
    places = np.interp(np.sort(ribs), middles, np.arange(len(middles)))
    places = places[places >= least]
    above = np.append(places, len(discs))[1:]
    followed = (above - places <= NEXT_RIB) | (places >= len(discs))
    if not followed.any():
        return None
    lowest = float(places[followed][0])
    body = round(lowest)
    return body if abs(lowest - body) <= AT_BODY else None


def _counted_downwards(
    ala: NDArray[np.float64],
    discs: NDArray[np.float64],
    crest: float | None,
    bearing: int,
    doubt: str,
) -> LevelProposal:
    """Names counted from the lowest ribs, where the sacrum alone could not be told.

    What lies below L4 is named only where a faint sacrum lies at its place: L5 may be part of it.
    """
    n, sacrum = len(discs), bearing - T12
    faint, _ = _sacrum(ala[: max(sacrum + 3, 0)], FAINT_SHARE, FAINT_DROP)
    fits = _crest_fits(crest, discs, sacrum)
    contradicted = fits is False or (fits is None and faint not in (None, sacrum))
    gaps = np.diff(discs)
    if contradicted or n < ENOUGH_DISCS or gaps.max() > EVEN * gaps.min():
        return _unknown(n, doubt)
    lowest_named = 0 if faint == sacrum else COUNTED_UPWARDS.index("L4")
    names = tuple(
        name if at - sacrum >= lowest_named else ""
        for at, name in enumerate(_names(n, sacrum, COUNTED_UPWARDS))
    )
    return LevelProposal(
        names=names,
        confidence=LIKELY if fits or faint == sacrum else GUESSED,
        reason="levels were counted downwards from the lowest ribs, as if they were the twelfth: "
        f"the sacrum was not seen well enough; {LOOK}",
        sacrum=sacrum,
    )


def _crest_fits(crest: float | None, discs: NDArray[np.float64], sacrum: int) -> bool | None:
    """Whether the iliac crests end where this sacrum would have them; None where none is seen."""
    if crest is None:
        return None
    return bool(CREST_DISCS[0] <= _place(crest, discs) - sacrum <= CREST_DISCS[1])


def _place(height: float, discs: NDArray[np.float64]) -> float:
    """How many discs above the lowest one in view a height lies, below 0 under it."""
    gap = float(np.median(np.diff(discs)))
    beyond = min(height - discs[0], 0.0) + max(height - discs[-1], 0.0)
    return float(np.interp(height, discs, np.arange(len(discs))) + beyond / gap)


def _miscounted(between: int) -> str:
    return (
        f"{between} vertebrae without ribs lie between the sacrum and the lowest ribs, not five: a "
        "lumbar vertebra more or fewer, a transitional one, very short lowest ribs, or one missed; "
        "set levels by hand, S1 among them (--level L4=<height> --level S1=<height>)"
    )


def _body_at(height: float, level: str, centers: NDArray[np.float64]) -> int:
    """The body at a height at which the user says a level is."""
    if level not in ALL_UPWARDS:
        raise InputError(f"no vertebral level is called {level!r}; name one such as L4")
    away = np.abs(centers - height)
    nearest = int(away.argmin())
    if away[nearest] > 25:
        found = ", ".join(f"{z:.0f}" for z in centers)
        raise InputError(
            f"no vertebral body lies at {height:g} mm, told to be {level}; those found lie at "
            f"{found} mm"
        )
    return nearest


def _names(n_discs: int, sacrum: int, spine: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all bodies, counted from the sacrum; what lies below S1 has none."""
    places = (body - sacrum for body in range(n_discs + 1))
    return tuple(spine[at] if 0 <= at < len(spine) else "" for at in places)


def _unknown(n_discs: int, reason: str, sacrum: int | None = None) -> LevelProposal:
    return LevelProposal(names=("",) * (n_discs + 1), confidence=0.0, reason=reason, sacrum=sacrum)
