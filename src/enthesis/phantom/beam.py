"""How a CT's tube voltage changes what each material attenuates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.spine import Piece

USUAL_KVP = 120.0
"""Tube voltage at which the body's attenuation is given, kV."""

TUBE_KVP = (80.0, 100.0, 120.0, 140.0)
"""Tube voltages of the tables below; between them attenuation is read off straight lines."""

HU_PER_DENSITY: Mapping[str, tuple[float, ...]] = {
    "CaHA": (1.863, 1.535, 1.307, 1.168),
    "K2HPO4": (1.669, 1.365, 1.153, 1.025),
}
"""HU per mg/cm3 of a salt that takes the place of water, at `TUBE_KVP`.

Computed from the elements' mass attenuation (Elam WT, Ravel BD, Sieber JR. Radiat Phys Chem
2002;63:121-128, doi:10.1016/S0969-806X(01)00227-4) at effective energies of 56, 63, 70 and 76 keV,
which are usual behind a trunk, with densities of 3.16 and 2.44 g/cm3. Real scanners differ by some
5%, which is why there are rods.
"""

IODINE = (1.64, 1.275, 1.0, 0.828)
"""Enhancement by iodine as a share of that at 120 kVp, from NIST's table at the same energies."""

FAT = (1.26, 1.105, 1.0, 0.93)
"""Distance of fat from water as a share of that at 120 kVp, from the first source's elements."""

SALT_OF: Mapping[str, str] = {
    "cortical_bone": "CaHA",
    "marrow": "CaHA",
    "CaHA": "CaHA",
    "K2HPO4": "K2HPO4",
}
"""Tissues whose attenuation above water's is a salt's."""


def check_kvp(kvp: float) -> None:
    """Pass if attenuation at this tube voltage is known."""
    if not TUBE_KVP[0] <= kvp <= TUBE_KVP[-1]:
        raise InputError(
            f"kvp is in kV and between {TUBE_KVP[0]:g} and {TUBE_KVP[-1]:g}, got {kvp:g}"
        )


def hu_per_density(salt: str, kvp: float) -> float:
    """HU per mg/cm3 of "CaHA" or "K2HPO4"."""
    return float(np.interp(kvp, TUBE_KVP, HU_PER_DENSITY[salt]))


def bone_gain(kvp: float, salt: str = "CaHA") -> float:
    """HU of a salt at this tube voltage over those at 120 kVp."""
    return hu_per_density(salt, kvp) / hu_per_density(salt, USUAL_KVP)


def fat_gain(kvp: float) -> float:
    """HU of fat at this tube voltage over those at 120 kVp."""
    return float(np.interp(kvp, TUBE_KVP, FAT))


def attenuation(piece: Piece, body: LumbarBody, kvp: float) -> NDArray[Any] | float:
    """Attenuation of a piece at this tube voltage, contrast medium included, HU."""
    hu = piece.hu
    if kvp != USUAL_KVP:
        if piece.tissue in SALT_OF:
            hu = np.maximum(hu, 0) * bone_gain(kvp, SALT_OF[piece.tissue]) + np.minimum(hu, 0)
        elif piece.tissue == "fat":
            hu = hu * fat_gain(kvp)
        elif piece.fat is not None:
            hu = hu + np.float32((fat_gain(kvp) - 1) * body.fat_hu) * piece.fat
    if body.contrast_hu and piece.contrast:
        iodine = float(np.interp(kvp, TUBE_KVP, IODINE))
        hu = hu + piece.contrast * body.contrast_hu * iodine
    return hu
