"""Windows of attenuation that tell tissues apart on CT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int]

MUSCLE_HU: Window = (-29, 150)
"""Attenuation counted as muscle, HU, both bounds included (Aubrey 2014)."""

LOW_HU: Window = (-29, 29)
"""The part of it counted as muscle of low attenuation, HU, both bounds included (Aubrey 2014)."""

NORMAL_HU: Window = (30, 150)
"""The part of it counted as muscle of normal attenuation, HU, both bounds included."""

FAT_HU: Window = (-190, -30)
"""Attenuation counted as fat, HU, both bounds included (Aubrey 2014)."""

VISCERAL_FAT_HU: Window = (-150, -50)
"""Attenuation counted as fat among the organs, HU: narrower, because bowel content mixes with it
(Aubrey 2014)."""


def in_window(values: NDArray[Any], window: Window) -> NDArray[np.bool_]:
    """Which values, rounded to whole HU, lie within the window, both bounds included."""
    low, high = window
    # Half a unit beyond whole bounds is what rounding to whole HU admits, without a copy.
    inside: NDArray[np.bool_] = (values >= low - 0.5) & (values < high + 0.5)
    return inside


def share_within(values: NDArray[Any], window: Window) -> float:
    """Share of the values within the window, 0..1; 0 where there is none."""
    return int(np.count_nonzero(in_window(values, window))) / values.size if values.size else 0.0


def words(window: Window) -> str:
    """The window as a method prints it: "-29..150"."""
    return f"{window[0]}..{window[1]}"
