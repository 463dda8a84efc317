"""What the reference body is made of: sizes, areas, fat and attenuation, all set by the user."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.errors import InputError

PerLevel = tuple[float, float, float, float, float]
"""One value per lumbar level, L1 to L5."""

MUSCLES = ("erector_spinae", "multifidus", "quadratus_lumborum", "psoas_major")
"""The four paraspinal compartments, in the order in which they are drawn."""

SIDES = ("left", "right")

Pattern = Literal["streaks", "homogeneous", "lamellar"]

FractureShape = Literal["wedge", "biconcave", "crush"]

Salt = Literal["CaHA", "K2HPO4"]

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
    pattern : "streaks" between the bundles, "homogeneous" in every voxel alike, or "lamellar": fat
        takes the muscle's place from its attachment outwards
    left_excess_percent : by how much the left one is larger in area than the right one, percent of
        their mean; None for the body's own
    """

    area_mm2: PerLevel
    fat_percent: float
    pattern: Pattern = "streaks"
    left_excess_percent: float | None = None

    def __post_init__(self) -> None:
        _per_level("area_mm2", self.area_mm2, low=0, high=6000, unit="mm2")
        _between("fat_percent", self.fat_percent, 0, 80, "percent")
        _one_of("pattern", self.pattern, ("streaks", "homogeneous", "lamellar"))
        if self.left_excess_percent is not None:
            _between("left_excess_percent", self.left_excess_percent, -60, 60, "percent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fracture:
    """A vertebral body that has lost height; the discs beside it fill the place.

    Parameters
    ----------
    level : "L1" ... "L6" or "T12"
    shape : "wedge" loses height in front, "biconcave" in the middle, "crush" everywhere
    loss_percent : of the body's height, where it has lost most
    """

    level: str
    shape: FractureShape
    loss_percent: float

    def __post_init__(self) -> None:
        _one_of("level", self.level, ("T12", *LUMBAR_LEVELS, "L6"))
        _one_of("shape", self.shape, ("wedge", "biconcave", "crush"))
        _between(f"loss_percent of {self.level}", self.loss_percent, 0, 70, "percent")


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
    trabecular_hu : attenuation of the cancellous bone of L1 to L5 at 120 kVp, HU
    marrow_fat_percent : share of fat marrow in the cancellous space of L1 to L5, percent of volume
    cortical_hu : attenuation of the shell at 120 kVp, HU
    cortical_mm : its thickness, mm; one number, or one of each of L1 to L5
    body_height_mm : height of the bodies of L1 to L5 at their rim, mm
    disc_height_mm : height of the disc below each of L1 to L5, mm
    lordosis_deg : angle between the upper endplates of L1 and S1, degrees
    scoliosis_deg : angle in the frontal plane between the upper endplates of T12 and the middle of
        L4 (Cobb), degrees; positive is convex to the patient's right
    rotation_deg : turn of the vertebrae about their axis at its apex near L2, degrees; positive
        turns their front to the right
    n_lumbar : lumbar vertebrae, 4 to 6; a sixth is like the fifth, and of four the fifth is none
    size : of bones and of what is attached to them across the spine, share of the usual
    fractures : bodies that have lost height
    osteophyte_mm : reach of the lips at the rims of the bodies, mm
    disc_bulge_mm : largest bulge of the discs past the rims, mm
    lean_hu, fat_hu : attenuation of muscle without fat and of fat, HU
    subcutaneous_mm : thickness of the fat under the skin at the flanks, mm
    trunk_width_mm, trunk_depth_mm : of the trunk inside its subcutaneous fat, at L3, mm
    bowel_gas : share of the bowel that holds gas, 0..1
    contrast_hu : by how much contrast medium raises the aorta at 120 kVp, HU; 0 for none
    rods : salt of the calibration rods under the body ("CaHA", "K2HPO4"), None for no rods
    screws : levels with a pair of pedicle screws, each "T12" or "L1" ...
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
    cortical_mm: float | PerLevel = 1.2
    body_height_mm: PerLevel = (26, 27, 27.5, 27.5, 27)
    disc_height_mm: PerLevel = (8, 9, 10, 11, 10.5)
    lordosis_deg: float = 42.0
    scoliosis_deg: float = 0.0
    rotation_deg: float = 0.0
    n_lumbar: int = 5
    size: float = 1.0
    fractures: tuple[Fracture, ...] = ()
    osteophyte_mm: float = 1.0
    disc_bulge_mm: float = 1.5
    lean_hu: float = 58.0
    fat_hu: float = -105.0
    subcutaneous_mm: float = 17.0
    trunk_width_mm: float = 296.0
    trunk_depth_mm: float = 170.0
    bowel_gas: float = 0.2
    contrast_hu: float = 0.0
    rods: Salt | None = None
    screws: tuple[str, ...] = ()
    noise_sd_hu: float = 11.0
    psf_fwhm_mm: float = 1.2

    def __post_init__(self) -> None:
        _per_level("trabecular_hu", self.trabecular_hu, low=-50, high=500, unit="HU")
        _per_level("marrow_fat_percent", self.marrow_fat_percent, low=0, high=95, unit="percent")
        _per_level("body_height_mm", self.body_height_mm, low=18, high=40, unit="mm")
        _per_level("disc_height_mm", self.disc_height_mm, low=3, high=18, unit="mm")
        shell = self.cortical_mm if isinstance(self.cortical_mm, tuple) else (self.cortical_mm,) * 5
        _per_level("cortical_mm", shell, low=0.3, high=3, unit="mm")
        _one_of("n_lumbar", self.n_lumbar, (4, 5, 6))
        _one_of("rods", self.rods, (None, "CaHA", "K2HPO4"))
        for level in (*(one.level for one in self.fractures), *self.screws):
            _one_of("a fractured or instrumented level", level, self.levels[:-1])
        for name, low, high, unit in (
            ("left_excess_percent", -60, 60, "percent"),
            ("cortical_hu", 150, 2000, "HU"),
            ("lordosis_deg", 0, MAX_LORDOSIS_DEG, "degrees"),
            ("scoliosis_deg", -50, 50, "degrees"),
            ("rotation_deg", -35, 35, "degrees"),
            ("size", 0.8, 1.25, "shares of the usual"),
            ("osteophyte_mm", 0, 8, "mm"),
            ("disc_bulge_mm", 0, 6, "mm"),
            ("trunk_width_mm", 240, 420, "mm"),
            ("trunk_depth_mm", 140, 330, "mm"),
            ("bowel_gas", 0, 1, "shares"),
            ("contrast_hu", 0, 600, "HU"),
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

    @property
    def lumbar_levels(self) -> tuple[str, ...]:
        """Names of the lumbar vertebrae, from the head."""
        return tuple(f"L{i + 1}" for i in range(self.n_lumbar))

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the vertebrae from T12 to S1."""
        return ("T12", *self.lumbar_levels, "S1")

    def at_levels(self, values: Sequence[float]) -> tuple[float, ...]:
        """Five values, L1 to L5, for the lumbar vertebrae that this body has."""
        return tuple(values[min(i, 4)] for i in range(self.n_lumbar))

    def shell_mm(self, level: int) -> float:
        """Thickness of the shell at the level-th lumbar body (0 = L1), mm."""
        if isinstance(self.cortical_mm, tuple):
            return self.cortical_mm[min(level, 4)]
        return self.cortical_mm

    def wanted_area(self, muscle: str, side: str, level: int) -> float:
        """Area asked for on one side at the level-th lumbar body (0 = L1), mm2."""
        compartment = self.compartment(muscle)
        excess = compartment.left_excess_percent
        if excess is None:
            excess = self.left_excess_percent
        sign = 1 if side == "left" else -1
        return self.at_levels(compartment.area_mm2)[level] * (1 + sign * excess / 200)


def _one_of(name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        choices = ", ".join(repr(one) for one in known)
        raise InputError(f"{name} is one of {choices}, got {value!r}")


def _per_level(name: str, values: PerLevel, *, low: float, high: float, unit: str) -> None:
    if len(values) != len(LUMBAR_LEVELS):
        raise InputError(f"{name} wants five values, L1 to L5, got {len(values)}")
    for level, value in zip(LUMBAR_LEVELS, values, strict=True):
        _between(f"{name} of {level}", value, low, high, unit)


def _between(name: str, value: float, low: float, high: float, unit: str) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{name} is in {unit} and between {low:g} and {high:g}, got {value:g}")
