"""Stages of bone loss, and which of them are compared with which."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from enthesis.errors import InputError

STAGE_WORDS: Mapping[str, tuple[str, ...]] = {
    "Control": ("control", "controls", "normal", "healthy", "normal bmd", "normal bone mass"),
    "OPN": ("opn", "osteopenia", "osteopenic", "low bone mass", "low bmd", "osteopaenia"),
    "OP": ("op", "osteoporosis", "osteoporotic"),
}
"""Stage → words that mean it in tables, in lower case, from healthy to ill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which stages are compared with which.

    Parameters
    ----------
    name : e.g. "OP&OPN vs Control"
    first_name, second_name : its two sides
    first, second : the stages of each side
    """

    name: str
    first_name: str
    second_name: str
    first: tuple[str, ...]
    second: tuple[str, ...]


def staged(
    labels: pd.Series[str], stages: Mapping[str, str] | None
) -> tuple[pd.Series[str], tuple[str, ...]]:
    """The stage of every subject, and the stages that occur in order from healthy to ill.

    Parameters
    ----------
    labels : as the table has them; missing ones stay missing
    stages : label → stage, from healthy to ill; the words of `STAGE_WORDS` if not given

    Raises
    ------
    InputError : a label that is none of these, or fewer than two stages.
    """
    known = _by_words() if stages is None else {_plain(a): b for a, b in stages.items()}
    found: pd.Series[str] = labels.map(lambda label: known.get(_plain(label)), na_action="ignore")
    strange = np.flatnonzero(found.isna() & labels.notna())
    if strange.size:
        wanted = ", ".join(map(repr, known if stages else STAGE_WORDS))
        raise InputError(
            f"the group {str(labels.iloc[strange[0]])!r} is none of {wanted}; name the stages from "
            "healthy to ill, e.g. --stages 0=Control 1=OPN 2=OP"
        )
    order = dict.fromkeys(STAGE_WORDS if stages is None else stages.values())
    present = tuple(name for name in order if (found == name).any())
    if len(present) < 2:
        raise InputError(
            f"two or more groups are needed to compare, got {', '.join(present) or 'none'}; name "
            "the column that tells the groups apart"
        )
    return found, present


def pairings(stages: tuple[str, ...]) -> tuple[Pairing, ...]:
    """The comparisons of ordered stages.

    Parameters
    ----------
    stages : from healthy to ill

    Returns
    -------
    Of three stages five: OP vs Control, OPN vs Control, OP vs OPN, OP vs Non-OP, OP&OPN vs Control;
    of more stages every pair, the last against all others, and all others against the first.
    """
    last, first = stages[-1], stages[0]
    later = [
        _pairing((b,), (a,), b, a)
        for reach in range(len(stages) - 1, 0, -1)
        for a, b in zip(stages, stages[reach:], strict=False)
    ]
    if len(stages) == 2:
        return tuple(later)
    # With the widest pair first, then each against the first stage, as the literature lists them.
    later.sort(key=lambda one: (stages.index(one.second[0]), -stages.index(one.first[0])))
    ill = stages[:0:-1]
    return (
        *later,
        _pairing((last,), stages[:-1], last, f"Non-{last}"),
        _pairing(ill, (first,), "&".join(ill), first),
    )


def _pairing(
    first: tuple[str, ...], second: tuple[str, ...], first_name: str, second_name: str
) -> Pairing:
    return Pairing(
        name=f"{first_name} vs {second_name}",
        first_name=first_name,
        second_name=second_name,
        first=first,
        second=second,
    )


def _by_words() -> dict[str, str]:
    return {word: stage for stage, words in STAGE_WORDS.items() for word in words}


def _plain(label: object) -> str:
    """A label in lower case with single spaces; a whole number without its decimals."""
    text = re.sub(r"\s+", " ", str(label).strip().lower())
    return re.sub(r"^(-?\d+)\.0+$", r"\1", text)
