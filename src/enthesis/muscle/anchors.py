"""What lean muscle and fat look like on this scan: the two ends of a scale of fat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.regions import LabelVoxels, finite

LEAN_REFERENCES = ("psoas_major", "iliopsoas")
"""Muscles that stand for lean muscle, the first that is labelled: even in the old the psoas has
little fat (Si 2023, cited by the meta-analysis)."""

FAT_REFERENCES = ("subcutaneous_fat", "torso_fat", "visceral_fat")
"""Regions that stand for fat, the first that is labelled."""

ENOUGH = 200_000
"""Voxels of a reference beyond which every n-th is taken: its middle is then known to a thousandth
of its spread."""

FEWEST = 50
"""Voxels of a reference below which it is flagged."""

APART = 3.0
"""Least distance of the anchors that is not flagged, in spreads of the reference muscle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Values of lean muscle and of fat in one image.

    Parameters
    ----------
    muscle, fat : in the image's unit, different from each other
    muscle_from, fat_from : where they are from, for the method
    flags : what is doubtful about them

    Raises
    ------
    InputError : not finite, or equal.
    """

    muscle: float
    fat: float
    muscle_from: str = "given"
    fat_from: str = "given"
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not np.isfinite([self.muscle, self.fat]).all() or self.muscle == self.fat:
            raise InputError(
                "the anchors of muscle and fat must be two different numbers, got "
                f"{self.muscle!r} and {self.fat!r}"
            )

    def place(self, value: float) -> float:
        """Where a value lies from muscle (0) to fat (1); beyond them it goes on."""
        return (value - self.muscle) / (self.fat - self.muscle)

    def words(self, unit: str = "") -> str:
        """The anchors as a method prints them."""
        unit = f" {unit}" if unit else ""
        return (
            f"{self.muscle:.0f}{unit} of lean muscle ({self.muscle_from}) and "
            f"{self.fat:.0f}{unit} of fat ({self.fat_from})"
        )


def reference_anchors(
    voxels: LabelVoxels,
    *,
    muscle: Sequence[str] = LEAN_REFERENCES,
    fat: Sequence[str] = FAT_REFERENCES,
) -> Anchors:
    """Anchors from regions of the same scan.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    muscle, fat : structures that stand for lean muscle and fat; the first that is labelled counts,
        both sides together

    Raises
    ------
    InputError : none of them is labelled, or the two do not differ.

    Notes
    -----
    Each anchor is the mean of the shortest interval that holds half of the region's values: fat
    within the muscle, and whatever shares the rim of either, lie in the other half.

    References
    ----------
    Andrews DF, et al. Robust estimates of location. Princeton University Press, 1972 (the shorth).
    """
    lean, lean_from = _reference(voxels, muscle, "lean muscle")
    fatty, fat_from = _reference(voxels, fat, "fat")
    flags = [
        f"the reference of {name} has only {values.size} voxels"
        for name, values in (("lean muscle", lean), ("fat", fatty))
        if values.size < FEWEST
    ]
    low, high = shorth(lean), shorth(fatty)
    spread = float(np.subtract(*np.percentile(lean, (75, 25)))) / 1.349
    if abs(high - low) < APART * spread:
        flags.append("lean muscle and fat differ little on this scan: a share of fat is a guess")
    return Anchors(
        muscle=low, fat=high, muscle_from=lean_from, fat_from=fat_from, flags=tuple(flags)
    )


def shorth(values: NDArray[Any]) -> float:
    """Mean of the shortest interval that holds half of the values.

    Parameters
    ----------
    values : (n,), at least one
    """
    ordered = np.sort(values).astype(np.float64)
    half = ordered.size // 2 + 1
    start = int(np.argmin(ordered[half - 1 :] - ordered[: ordered.size - half + 1]))
    return float(ordered[start : start + half].mean())


def _reference(
    voxels: LabelVoxels, structures: Sequence[str], what: str
) -> tuple[NDArray[Any], str]:
    for structure in structures:
        numbers = voxels.numbers(structure)
        parts = []
        for number in numbers.values():
            size = int(voxels.counts(number).sum())
            step = max(1, size // ENOUGH)
            whole = voxels.parts(number, 0, voxels.shape[2] - 1)
            parts += [finite(part[::step])[0] for part in whole]
        values = np.concatenate(parts) if parts else np.empty(0)
        if values.size:
            return values, structure.replace("_", " ")
    raise InputError(
        f"no reference of {what}: none of {', '.join(structures)} is labelled; label one, or give "
        "the value of each anchor"
    )
