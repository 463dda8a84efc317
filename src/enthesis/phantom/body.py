"""What the reference body is made of: sizes, areas, fat and attenuation, all set by the user."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.errors import InputError

PerLevel = tuple[float, float, float, float, float]
"""One value per lumbar level, L1 to L5."""

MUSCLES = ("erector_spinae", "multifidus", "quadratus_lumborum", "psoas_major")
"""The four paraspinal compartments, in the order in which they are drawn."""

MAX_LORDOSIS_DEG = 60.0
"""Beyond this the planes across the spine would meet inside the back muscles, degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment:
    """One paraspinal muscle inside its fascia, fat included.

    Parameters
    ----------
    area_mm2 : area in the plane across the spine through the middle of each lumbar body, mm2,
        mean of both sides; 0 where the muscle does not reach
    fat_percent : share of fat in the compartment at L3, percent of volume; a tenth less or more
        of it with each level upwards or downwards
    """

    area_mm2: PerLevel
    fat_percent: float

    def __post_init__(self) -> None:
        _per_level("area_mm2", self.area_mm2, low=0, high=6000, unit="mm2")
        _between("fat_percent", self.fat_percent, 0, 75, "percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class LumbarBody:
    """A lumbar spine with its muscles inside a trunk.

    The defaults are round numbers of a middle-aged adult with moderate fat infiltration. Multifidus
    and erector spinae part at a fatty cleft from the facet joints to the fascia, as Crawford et al.
    define them.

    Parameters
    ----------
    multifidus, erector_spinae, quadratus_lumborum, psoas_major : the compartments
    left_excess_percent : by how much the left compartments are larger in area than the right ones,
        percent of their mean; a flipped image shows in the numbers
    trabecular_hu : attenuation of the cancellous bone of L1 to L5, HU
    marrow_fat_percent : share of fat marrow in the cancellous space of L1 to L5, percent of volume
    cortical_hu : attenuation of the shell, HU
    cortical_mm : its thickness, mm
    body_height_mm : height of the bodies of L1 to L5 at their rim, mm
    disc_height_mm : height of the disc below each of L1 to L5, mm
    lordosis_deg : angle between the upper endplates of L1 and S1, degrees
    lean_hu, fat_hu : attenuation of muscle without fat and of fat, HU
    subcutaneous_mm : thickness of the fat under the skin at the flanks, mm
    noise_sd_hu : standard deviation of the image noise, HU
    psf_fwhm_mm : full width at half maximum of the in-plane point spread, mm

    Raises
    ------
    InputError : a value outside what a living adult, or a scanner, can have.

    References
    ----------
    Crawford RJ et al. BMC Musculoskelet Disord 2017;18:25. doi:10.1186/s12891-016-1378-z
    """

    multifidus: Compartment = field(
        default_factory=lambda: Compartment(area_mm2=(250, 330, 470, 700, 880), fat_percent=18)
    )
    erector_spinae: Compartment = field(
        default_factory=lambda: Compartment(area_mm2=(1600, 1750, 1800, 1450, 760), fat_percent=13)
    )
    quadratus_lumborum: Compartment = field(
        default_factory=lambda: Compartment(area_mm2=(130, 290, 460, 600, 0), fat_percent=8)
    )
    psoas_major: Compartment = field(
        default_factory=lambda: Compartment(area_mm2=(170, 450, 800, 1120, 1230), fat_percent=5)
    )
    left_excess_percent: float = 8.0
    trabecular_hu: PerLevel = (148, 143, 138, 140, 146)
    marrow_fat_percent: PerLevel = (40, 42, 44, 46, 48)
    cortical_hu: float = 620.0
    cortical_mm: float = 1.2
    body_height_mm: PerLevel = (26, 27, 27.5, 27.5, 27)
    disc_height_mm: PerLevel = (8, 9, 10, 11, 10.5)
    lordosis_deg: float = 42.0
    lean_hu: float = 58.0
    fat_hu: float = -105.0
    subcutaneous_mm: float = 17.0
    noise_sd_hu: float = 11.0
    psf_fwhm_mm: float = 1.2

    def __post_init__(self) -> None:
        _per_level("trabecular_hu", self.trabecular_hu, low=-50, high=500, unit="HU")
        _per_level("marrow_fat_percent", self.marrow_fat_percent, low=0, high=95, unit="percent")
        _per_level("body_height_mm", self.body_height_mm, low=18, high=40, unit="mm")
        _per_level("disc_height_mm", self.disc_height_mm, low=3, high=18, unit="mm")
        for name, low, high, unit in (
            ("left_excess_percent", -60, 60, "percent"),
            ("cortical_hu", 150, 2000, "HU"),
            ("cortical_mm", 0.3, 3, "mm"),
            ("lordosis_deg", 0, MAX_LORDOSIS_DEG, "degrees"),
            ("lean_hu", 20, 90, "HU"),
            ("fat_hu", -140, -70, "HU"),
            ("subcutaneous_mm", 4, 60, "mm"),
            ("noise_sd_hu", 0, 200, "HU"),
            ("psf_fwhm_mm", 0, 5, "mm"),
        ):
            _between(name, getattr(self, name), low, high, unit)

    def compartment(self, muscle: str) -> Compartment:
        """The compartment of one of `MUSCLES`."""
        found: Compartment = getattr(self, muscle)
        return found

    def wanted_area(self, muscle: str, side: str, level: int) -> float:
        """Area asked for on one side at the level-th lumbar body (0 = L1), mm2."""
        sign = 1 if side == "left" else -1
        share = 1 + sign * self.left_excess_percent / 200
        return self.compartment(muscle).area_mm2[level] * share


def _per_level(name: str, values: PerLevel, *, low: float, high: float, unit: str) -> None:
    if len(values) != len(LUMBAR_LEVELS):
        raise InputError(f"{name} wants five values, L1 to L5, got {len(values)}")
    for level, value in zip(LUMBAR_LEVELS, values, strict=True):
        _between(f"{name} of {level}", value, low, high, unit)


def _between(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{name} is in {unit} and between {low:g} and {high:g}, got {value:g}")
