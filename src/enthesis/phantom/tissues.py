"""What each tissue of the reference body gives in a magnetic resonance scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tissue:
    """A tissue as a scanner for protons sees it.

    Parameters
    ----------
    protons : visible protons per volume, those of muscle being 1
    fat : share of them that is fat's, 0..1, where nothing else is said of the place
    r2_star : decay of a gradient echo, 1/s
    t1_ms, t2_ms : relaxation times of its water
    """

    protons: float
    fat: float
    r2_star: float
    t1_ms: float
    t2_ms: float


TISSUES: Mapping[str, Tissue] = {
    "air": Tissue(0, 0, 0, 1, 1),
    "CaHA": Tissue(0, 0, 0, 1, 1),
    "K2HPO4": Tissue(0, 0, 0, 1, 1),
    "annulus": Tissue(0.70, 0, 70, 1000, 40),
    "blood": Tissue(0.95, 0, 15, 1440, 4),
    "bowel_content": Tissue(0.75, 0.02, 45, 1100, 85),
    "bowel_wall": Tissue(0.95, 0.01, 35, 900, 60),
    "cartilage": Tissue(0.80, 0, 45, 1020, 32),
    "cerebrospinal_fluid": Tissue(1.15, 0, 5, 4000, 1500),
    "cortical_bone": Tissue(0.08, 0.10, 300, 300, 1),
    "fat": Tissue(1.00, 0.94, 45, 900, 50),
    "kidney": Tissue(1.00, 0.01, 25, 966, 87),
    "ligament": Tissue(0.45, 0, 120, 700, 9),
    "liver": Tissue(0.92, 0.03, 42, 586, 46),
    "marrow": Tissue(0.80, 0.45, 95, 700, 55),
    "metal": Tissue(0, 0, 0, 1, 1),
    "muscle": Tissue(1.00, 0.01, 36, 1008, 44),
    "nucleus": Tissue(0.95, 0, 20, 1200, 105),
    "skin": Tissue(0.70, 0.10, 80, 900, 30),
    "spleen": Tissue(0.98, 0, 30, 1057, 79),
    "urine": Tissue(1.10, 0, 5, 3500, 1000),
    "vein": Tissue(0.95, 0.1, 25, 1400, 150),
}
"""Tissues by name, rounded from the literature or set by eye where it is silent.

T1 and T2 are those at 1.5 T: muscle, cartilage and blood's T1 of Stanisz, liver, spleen and kidney
of de Bazelaire. Blood that flows leaves the slice before a spin echo is read, for which a short T2
stands. R2* is used at every field strength.

References
----------
Stanisz GJ et al. Magn Reson Med 2005;54:507-512. doi:10.1002/mrm.20605
de Bazelaire CMJ et al. Radiology 2004;230:652-659. doi:10.1148/radiol.2303021331
"""

LEAN_MARROW = 0.0
"""Share of fat in marrow where no fat marrow is."""

FAT_T1_MS, FAT_T2_MS = 343.0, 110.0
"""Relaxation times of fat at 1.5 T, ms: T1 of de Bazelaire 2004; T2 as it seems in a fast spin
echo, longer than its 58 ms because close refocusing pulses stop the coupling of its protons."""


def fat_fraction(tissue: str, taken: NDArray[np.float32] | float | None = None) -> Any:
    """Share of the protons that is fat's, 0..1.

    Parameters
    ----------
    tissue : a key of `TISSUES`
    taken : share of the tissue that fat has taken, 0..1; None for the tissue as it is by itself

    Notes
    -----
    Fat has as many visible protons as the tissue whose place it takes, so that the mean of the
    fractions of many voxels is the fraction of their sums.
    """
    own = TISSUES[tissue].fat
    if taken is None:
        return own
    lean = LEAN_MARROW if tissue == "marrow" else own
    return lean + taken * (TISSUES["fat"].fat - lean)
