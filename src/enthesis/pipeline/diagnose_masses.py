"""Lean mass of the limbs for criteria, worked out of the regions of a whole-body DXA scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from enthesis.muscle import dxa_composition
from enthesis.read.device_columns import Column
from enthesis.records import Measurement

MASS = "appendicular_lean_mass"

PARTS = frozenset({"lean_mass", "fat_free_mass", "bone_mineral_content"})
LIMBS = frozenset({"arm", "arms", "leg", "legs"})


def with_limb_mass(
    table: pd.DataFrame, columns: Sequence[Column]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with appendicular lean mass, and the columns that it was worked out of.

    Parameters
    ----------
    table : by our names, in our units
    columns : what its columns hold

    Returns
    -------
    The table itself where it has that mass, or has no lean mass of limbs. A subject of whom a limb
    is missing, or whose masses do not add up, has none: the finding then names it as missing.
    """
    parts = [one for one in columns if one.quantity in PARTS and one.region in LIMBS]
    if MASS in table or not any(one.quantity != "bone_mineral_content" for one in parts):
        return table, ()
    names = tuple(one.name for one in parts)
    values = table[list(names)].to_numpy(dtype=float)
    return table.assign(**{MASS: [_mass(parts, row) for row in values]}), names


def _mass(parts: Sequence[Column], values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    found = dxa_composition(
        Measurement(quantity=one.quantity, value=float(value), region=one.region, side=one.side)
        for one, value in zip(parts, values, strict=True)
        if np.isfinite(value)
    )
    return next((m.value for m in found if m.quantity == MASS and not m.flags), np.nan)
