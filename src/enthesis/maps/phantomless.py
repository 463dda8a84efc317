"""Bone density without a phantom: the body's own tissues tell the beam's energy and the scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.maps.calibration import WATER_DENSITY, WATER_PER_K2HPO4, Calibration

ENERGIES_KEV = (40, 45, 50, 55, 60, 65, 70, 75, 80, 90, 100, 110, 120)
"""Energies of the table below; effective energies of CT lie well within."""

# fmt: off
MASS_ATTENUATION: Mapping[str, tuple[float, ...]] = MappingProxyType({
    "H": (0.3458, 0.3406, 0.3355, 0.3307, 0.3260, 0.3216, 0.3173,
          0.3131, 0.3091, 0.3015, 0.2944, 0.2878, 0.2816),
    "C": (0.2076, 0.1957, 0.1871, 0.1805, 0.1753, 0.1710, 0.1672,
          0.1640, 0.1610, 0.1558, 0.1514, 0.1474, 0.1438),
    "N": (0.2288, 0.2105, 0.1980, 0.1888, 0.1817, 0.1761, 0.1714,
          0.1674, 0.1639, 0.1579, 0.1529, 0.1486, 0.1448),
    "O": (0.2585, 0.2314, 0.2133, 0.2004, 0.1907, 0.1832, 0.1772,
          0.1721, 0.1679, 0.1608, 0.1551, 0.1504, 0.1462),
    "Na": (0.3969, 0.3262, 0.2804, 0.2491, 0.2268, 0.2103, 0.1976,
           0.1877, 0.1796, 0.1674, 0.1585, 0.1516, 0.1459),
    "Mg": (0.4880, 0.3915, 0.3292, 0.2869, 0.2570, 0.2350, 0.2184,
           0.2055, 0.1951, 0.1797, 0.1686, 0.1602, 0.1536),
    "P": (0.8095, 0.6160, 0.4918, 0.4081, 0.3494, 0.3070, 0.2754,
          0.2513, 0.2324, 0.2051, 0.1865, 0.1731, 0.1630),
    "S": (0.9873, 0.7423, 0.5850, 0.4792, 0.4053, 0.3520, 0.3123,
          0.2821, 0.2586, 0.2248, 0.2020, 0.1858, 0.1738),
    "Cl": (1.1165, 0.8313, 0.6484, 0.5253, 0.4394, 0.3775, 0.3316,
           0.2967, 0.2696, 0.2309, 0.2050, 0.1868, 0.1733),
    "Ar": (1.2280, 0.9071, 0.7012, 0.5629, 0.4664, 0.3969, 0.3453,
           0.3063, 0.2760, 0.2329, 0.2043, 0.1843, 0.1696),
    "K": (1.5407, 1.1309, 0.8678, 0.6911, 0.5678, 0.4791, 0.4134,
          0.3636, 0.3252, 0.2705, 0.2345, 0.2094, 0.1912),
    "Ca": (1.8302, 1.3365, 1.0195, 0.8065, 0.6579, 0.5508, 0.4717,
           0.4118, 0.3655, 0.3001, 0.2571, 0.2274, 0.2059),
    "Fe": (3.6289, 2.6136, 1.9574, 1.5146, 1.2049, 0.9816, 0.8164,
           0.6915, 0.5952, 0.4597, 0.3717, 0.3118, 0.2693),
})
# fmt: on
"""Total mass attenuation of elements at `ENERGIES_KEV`, cm2/g; no absorption edge lies between.
From the public-domain tables of Elam WT, Ravel BD, Sieber JR. Radiat Phys Chem 2002;63:121-128.
doi:10.1016/S0969-806X(01)00227-4. Water at 60 keV comes to 0.2059, as NIST's tables print."""

WATER = MappingProxyType({"H": 0.1119, "O": 0.8881})
"""Mass fractions of water."""

K2HPO4 = MappingProxyType({"H": 0.00579, "O": 0.36743, "P": 0.17783, "K": 0.44895})
"""Mass fractions of K2HPO4, from atomic weights."""

STEP_KEV = 0.1
"""Grid of effective energies tried, keV: a tenth moves density by less than half a percent."""

TISSUE_SD_HU = 5.0
"""How far a person's tissue is taken to lie from the published one, SD in HU. An assumption of
ours, without a source: fat and muscle differ by this much with water, fat and temperature."""

GOOD_ENERGIES_KEV = (50.0, 90.0)
"""Effective energies of clinical CT at 80 to 140 kVp lie inside; one outside is flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """A reference tissue.

    Parameters
    ----------
    density : g/cm3
    composition : element → mass fraction
    """

    density: float
    composition: Mapping[str, float]


# fmt: off
TISSUES: Mapping[str, Tissue] = MappingProxyType({
    "air": Tissue(density=0.001205, composition={
        "C": 0.000124, "N": 0.755268, "O": 0.231781, "Ar": 0.012827}),
    "adipose": Tissue(density=0.95, composition={
        "H": 0.114, "C": 0.598, "N": 0.007, "O": 0.278, "Na": 0.001, "S": 0.001, "Cl": 0.001}),
    "blood": Tissue(density=1.06, composition={
        "H": 0.102, "C": 0.110, "N": 0.033, "O": 0.745, "Na": 0.001, "P": 0.001, "S": 0.002,
        "Cl": 0.003, "K": 0.002, "Fe": 0.001}),
    "muscle": Tissue(density=1.05, composition={
        "H": 0.102, "C": 0.143, "N": 0.034, "O": 0.710, "Na": 0.001, "P": 0.002, "S": 0.003,
        "Cl": 0.001, "K": 0.004}),
    "cortical_bone": Tissue(density=1.92, composition={
        "H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103,
        "S": 0.003, "Ca": 0.225}),
})
# fmt: on
"""Adult tissues of ICRU Report 44 (1989), as NISTIR 5632 lists them."""


def attenuation(
    composition: Mapping[str, float], energy_kev: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mass attenuation of a mixture, cm2/g, between the table's energies.

    Parameters
    ----------
    composition : element → mass fraction
    energy_kev : any shape, 40 to 120 keV
    """
    log_energy, grid = np.log(energy_kev), np.log(ENERGIES_KEV)
    total = np.zeros(np.shape(energy_kev))
    for element, share in composition.items():
        total = total + share * np.exp(
            np.interp(log_energy, grid, np.log(MASS_ATTENUATION[element]))
        )
    return total


def phantomless(
    hounsfield: Mapping[str, float],
    *,
    energy_kev: float | None = None,
    kvp: float | None = None,
    contrast: bool = False,
    tissue_sd: float = TISSUE_SD_HU,
) -> Calibration:
    """Line from HU to K2HPO4 from the HU of tissues in the same scan.

    Parameters
    ----------
    hounsfield : mean HU of "air", "adipose", "muscle", "blood" or "cortical_bone": three or more
    energy_kev : effective energy of the beam, 40 to 120 keV, as `effective_energy` tells of a
        phantom scanned at the same tube voltage; may be left out only if cortical bone is given
    kvp : tube voltage of the scan
    contrast : whether a contrast agent was given
    tissue_sd : HU, how far each tissue but air may lie from the published one; the uncertainty of
        the line and of the energy follows from it

    Raises
    ------
    InputError : unknown tissue, fewer than three, no spread, blood after contrast, or neither
        cortical bone nor an energy within the table.

    Notes
    -----
    Of the energies on a grid the one is taken at which the tissues' published linear attenuation
    lies best on a line with their HU; that is the idea of Michalski 2020. The line then turns
    HU into attenuation, and attenuation into a solution of K2HPO4 whose water falls by 0.2174 mg
    per mg of salt, so that zero is water, as with a liquid phantom. (Michalski splits each voxel
    into triglyceride and salt instead, so that fat is zero: densities differ by a constant for
    fat.) Marrow fat lowers the density here
    as it does with any single-energy phantom. Soft tissues cannot tell the energy: published
    adipose tissue is denser than most people's fat (-72 HU at 72 keV, against some -100 seen),
    which would be read as a soft beam and halve densities. The covariance is that of the line,
    and of the energy where it was fitted, when each tissue but air is moved by `tissue_sd`.

    References
    ----------
    Michalski AS, Besler BA, Michalak GJ, Boyd SK. Med Eng Phys 2020;78:55-63.
    doi:10.1016/j.medengphy.2020.01.009
    """
    unknown = [name for name in hounsfield if name not in TISSUES]
    if unknown:
        raise InputError(f"no reference tissue {unknown[0]!r}; known are: {', '.join(TISSUES)}")
    if len(hounsfield) < 3:
        raise InputError(
            f"three tissues or more tell scale and energy, got {len(hounsfield)}; "
            "air, adipose and muscle are in every scan"
        )
    if contrast and "blood" in hounsfield:
        raise InputError("blood after contrast is no reference; leave it out")
    values = np.array(list(hounsfield.values()), dtype=np.float64)
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        raise InputError(f"the tissues' HU must be finite and differ, got {dict(hounsfield)}")
    names = tuple(hounsfield)
    tried = _energies_tried(names, energy_kev)
    energy, found, left = _line(values, names, tried)
    per_salt = _per_salt(energy)
    moved = np.stack(
        [
            (_line(values + shift, names, tried)[1] - _line(values - shift, names, tried)[1]) / 2
            for shift in np.diag([0.0 if name == "air" else tissue_sd for name in names])
        ],
        axis=1,
    )
    linear = _linear_attenuation(names, np.array([energy]))[:, 0]
    return Calibration(
        slope=float(found[1]),
        intercept=float(found[0]),
        material="K2HPO4",
        method=(
            f"{values.size} tissues of the body, attenuation in 1/cm on HU at {energy:.1f} keV "
            "(phantomless)"
        ),
        r_squared=float(1 - left @ left / ((linear - linear.mean()) ** 2).sum()),
        residuals=tuple(left.tolist()),
        residual_sd=float(np.sqrt(left @ left / (values.size - 2))) / per_salt,
        covariance=moved @ moved.T,
        kvp=kvp,
        flags=_doubts(energy, contrast=contrast),
    )


def effective_energy(calibration: Calibration) -> float:
    """Effective energy of the beam, keV, at which a phantom's line is that of K2HPO4 in water.

    Raises
    ------
    InputError : not in K2HPO4, or a slope that no energy from 40 to 120 keV gives.
    """
    if calibration.material != "K2HPO4":
        raise InputError(
            "the energy is told by a line in K2HPO4; convert it with in_material, "
            f"got {calibration.material}"
        )
    energies = _grid()
    water = attenuation(WATER, energies)
    slopes = water / (attenuation(K2HPO4, energies) + WATER_PER_K2HPO4 * water)
    if not slopes[0] <= calibration.slope <= slopes[-1]:
        raise InputError(
            f"a slope of {slopes[0]:.2f} to {slopes[-1]:.2f} mg/cm3 per HU was wanted, got "
            f"{calibration.slope:.2f}; look at the phantom's rods"
        )
    return float(np.interp(calibration.slope, slopes, energies))


def _grid() -> NDArray[np.float64]:
    return np.arange(ENERGIES_KEV[0], ENERGIES_KEV[-1] + STEP_KEV / 2, STEP_KEV)


def _energies_tried(names: tuple[str, ...], energy_kev: float | None) -> NDArray[np.float64]:
    if energy_kev is None:
        if "cortical_bone" not in names:
            raise InputError(
                "soft tissues do not tell the beam's energy: give energy_kev, "
                "or the HU of cortical bone"
            )
        return _grid()
    if not ENERGIES_KEV[0] <= energy_kev <= ENERGIES_KEV[-1]:
        raise InputError(
            f"the effective energy is between {ENERGIES_KEV[0]} and {ENERGIES_KEV[-1]} keV, "
            f"got {energy_kev:g}; it is about half the tube voltage"
        )
    return np.array([energy_kev])


def _linear_attenuation(
    names: tuple[str, ...], energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Published linear attenuation of tissues (T, E), 1/cm."""
    return np.stack(
        [TISSUES[n].density * attenuation(TISSUES[n].composition, energies) for n in names]
    )


def _per_salt(energy: float) -> float:
    """1/cm per mg/cm3 of K2HPO4, the water that it displaces taken off."""
    water = float(attenuation(WATER, energy))
    return (float(attenuation(K2HPO4, energy)) + WATER_PER_K2HPO4 * water) / 1000


def _line(
    values: NDArray[np.float64], names: tuple[str, ...], energies: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Best energy, (intercept, slope) in mg/cm3, and residuals in 1/cm."""
    linear = _linear_attenuation(names, energies)
    best = int(np.argmax(_correlations(values, linear)))
    energy, chosen = float(energies[best]), linear[:, best]
    design = np.stack([np.ones_like(values), values], axis=1)
    line = np.linalg.lstsq(design, chosen, rcond=None)[0]
    water = np.array([WATER_DENSITY / 1000 * float(attenuation(WATER, energy)), 0.0])
    return energy, (line - water) / _per_salt(energy), chosen - design @ line


def _correlations(values: NDArray[np.float64], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared correlation of HU (T,) with attenuation (T, E), per energy."""
    x, y = values - values.mean(), linear - linear.mean(axis=0)
    squared: NDArray[np.float64] = (x @ y) ** 2 / ((x @ x) * (y * y).sum(axis=0))
    return squared


def _doubts(energy: float, *, contrast: bool) -> tuple[str, ...]:
    flags = ["calibrated by tissues of published composition: individuals differ from these"]
    low, high = GOOD_ENERGIES_KEV
    if not low <= energy <= high:
        flags.append(
            f"the tissues speak for {energy:.1f} keV, outside {low:g} to {high:g} keV: "
            "look at where they were measured"
        )
    if contrast:
        flags.append("contrast agent was given: muscle and bone are brighter than without")
    return tuple(flags)
