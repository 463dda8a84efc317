"""Public codes of quantities and units, for reports that other programs read."""

from __future__ import annotations

CODES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "attenuation_mean": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "373098007", "Mean"),
    ),
    "attenuation_sd": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "386136009", "Standard Deviation"),
    ),
    "attenuation_median": (
        ("DCM", "112031", "Attenuation Coefficient"),
        ("SCT", "373099004", "Median"),
    ),
    "area": (("SCT", "42798000", "Area"),),
    "volume": (("SCT", "118565006", "Volume"),),
    "fat_fraction": (("DCM", "129100", "Fat fraction"),),
    "r2_star": (("DCM", "126395", "R2*"),),
    "t1": (("DCM", "113063", "T1"),),
    "t2": (("DCM", "113065", "T2"),),
    "t2_star": (("DCM", "113064", "T2*"),),
    "fractional_anisotropy": (("DCM", "110808", "Fractional Anisotropy"),),
    "k_trans": (("DCM", "126312", "Ktrans"),),
    "k_ep": (("DCM", "126313", "kep"),),
    "v_e": (("DCM", "126314", "ve"),),
    "v_p": (("DCM", "126331", "vp"),),
}
"""Scheme, value and meaning of a quantity's public code, and of what was derived (mean, SD) if so.

From DICOM's CID 7469 and 7464. A quantity whose definition says more than any public code, as
"muscle attenuation between -29 and 150 HU" does, has none.
"""

UCUM: dict[str, tuple[str, str]] = {
    "": ("1", "no units"),
    "0/1": ("1", "no units"),
    "HU": ("[hnsf'U]", "Hounsfield unit"),
    "% s": ("%.s", "percent times second"),
}
"""Code and meaning in UCUM of the units that it spells differently; others are their own code."""
