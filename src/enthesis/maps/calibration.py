"""Bone density from attenuation: the line that a phantom or the body's own tissues give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source

MATERIALS = ("K2HPO4", "CaHA")
"""Salts that densities are equivalent to: dipotassium phosphate and calcium hydroxyapatite."""

K2HPO4_PER_CAHA = ((80.0, 0.86), (140.0, 0.81))
"""(kVp, ratio) of densities of one body in the two salts; Goodsitt 1992. None is printed between,
so the ratio at another tube voltage is read off the straight line and flagged."""

WATER_PER_K2HPO4 = -0.2174
"""Change of a solution's water with its K2HPO4, mg/cm3 per mg/cm3; as the QCT PRO guide prints."""

WATER_DENSITY = 999.6
"""Density of the water that the same guide counts from, mg/cm3."""

GOOD_FIT = 0.99
"""Lower R2 is flagged: rods of one scan lie on a line unless one was missed or mismatched."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """The line from HU to the density of one salt.

    Parameters
    ----------
    slope : mg/cm3 per HU
    intercept : mg/cm3 at 0 HU
    material : "K2HPO4" or "CaHA"; the two are different scales
    method : how the line was found
    r_squared : share of variance that the line explains
    residuals : of each rod or tissue in the order given, in the unit that was fitted (see method)
    residual_sd : scatter about the line, mg/cm3; not a number where two points leave none
    covariance : (2, 2) of intercept and slope, in mg/cm3
    kvp : tube voltage of the calibrating scan, None when unknown
    flags : what is doubtful, one sentence each
    """

    slope: float
    intercept: float
    material: str
    method: str
    r_squared: float
    residuals: tuple[float, ...]
    residual_sd: float
    covariance: NDArray[np.float64]
    kvp: float | None = None
    flags: tuple[str, ...] = ()

    def density(self, hounsfield: ArrayLike) -> NDArray[np.float64]:
        """Density of these HU, mg/cm3."""
        return self.intercept + self.slope * np.asarray(hounsfield, dtype=np.float64)

    def prediction_sd(self, hounsfield: ArrayLike) -> NDArray[np.float64]:
        """Standard deviation of the density predicted at these HU, mg/cm3.

        That of one new material: the line's own uncertainty and the scatter about it. It does not
        shrink with the number of voxels, and noise of the voxels comes on top.
        """
        at = np.asarray(hounsfield, dtype=np.float64)
        (aa, ab), (_, bb) = self.covariance
        sd: NDArray[np.float64] = np.sqrt(self.residual_sd**2 + aa + 2 * ab * at + bb * at**2)
        return sd

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.method}: {self.slope:.4f} mg/cm3 {self.material} per HU, intercept "
            f"{self.intercept:.2f}, R2 {self.r_squared:.4f}, scatter {self.residual_sd:.1f} mg/cm3"
        )


def calibrate(
    hounsfield: Sequence[float],
    densities: Sequence[float],
    *,
    material: str,
    kvp: float | None = None,
) -> Calibration:
    """Line through the solid rods of a phantom.

    Parameters
    ----------
    hounsfield : mean HU of each rod, its rim left out
    densities : mg/cm3, of the phantom's certificate, in the same order
    material : salt of the certificate, "K2HPO4" or "CaHA"
    kvp : tube voltage of the scan

    Raises
    ------
    InputError : fewer than two rods, lists that do not fit, or rods all of one HU or density.

    Notes
    -----
    Least squares of density on HU.

    References
    ----------
    Cann CE, Genant HK. J Comput Assist Tomogr 1980;4:493-500.
    doi:10.1097/00004728-198008000-00018
    """
    _check_material(material)
    x, y = _paired(hounsfield, densities)
    line = _fit(x, y)
    return Calibration(
        slope=line.slope,
        intercept=line.intercept,
        material=material,
        method=f"{x.size} solid rods, density on HU",
        r_squared=line.r_squared,
        residuals=tuple(line.residuals.tolist()),
        residual_sd=line.residual_sd,
        covariance=line.covariance,
        kvp=kvp,
        flags=_doubts(line),
    )


def calibrate_liquid(
    hounsfield: Sequence[float],
    k2hpo4: Sequence[float],
    water: Sequence[float],
    *,
    kvp: float | None = None,
) -> Calibration:
    """Line through the rods of a phantom certified in water and K2HPO4.

    Parameters
    ----------
    hounsfield : mean HU of each rod
    k2hpo4, water : mg/cm3 that the rod is equivalent to, of the certificate of this serial number
    kvp : tube voltage of the scan

    Raises
    ------
    InputError : fewer than two rods, lists that do not fit, or densities that do not differ.

    Notes
    -----
    HU less water is fitted on K2HPO4 (residuals are in HU), since rods differ in water too; the
    line is then moved to solutions, whose water falls by 0.2174 mg for each mg of salt.

    References
    ----------
    Mindways Software. QCT PRO user guide, version 5.0.
    """
    salt, less = _paired(k2hpo4, np.asarray(hounsfield, dtype=np.float64) - _same(water, k2hpo4))
    line = _fit(salt, less)
    per_salt = line.slope + WATER_PER_K2HPO4
    at_none = line.intercept + WATER_DENSITY
    if per_salt <= 0:
        raise InputError(
            f"HU should rise with K2HPO4, got {per_salt:.3g} HU per mg/cm3; check the rods' order"
        )
    turn = np.array([[-1 / per_salt, at_none / per_salt**2], [0, -1 / per_salt**2]])
    return Calibration(
        slope=1 / per_salt,
        intercept=-at_none / per_salt,
        material="K2HPO4",
        method=f"{salt.size} rods of water and K2HPO4, HU less water on K2HPO4",
        r_squared=line.r_squared,
        residuals=tuple(line.residuals.tolist()),
        residual_sd=line.residual_sd / per_salt,
        covariance=turn @ line.covariance @ turn.T,
        kvp=kvp,
        flags=_doubts(line),
    )


def asynchronous(calibration: Calibration, *, days_apart: float) -> Calibration:
    """The same line, marked as taken from a scan of another day.

    Parameters
    ----------
    calibration : of a phantom scanned alone, with the patient's protocol and table height
    days_apart : between the phantom's scan and the patient's

    Notes
    -----
    Drift between the scans is in no standard deviation here; accuracy errors of 1.4 to 6.7% were
    measured on the European Spine Phantom.

    References
    ----------
    Wang L et al. Sci Rep 2017;7:6284. doi:10.1038/s41598-017-06608-y
    """
    flag = (
        f"calibrated by a phantom scanned {abs(days_apart):g} days apart: drift of the scanner and "
        "the size of the body are not corrected for"
    )
    return replace(
        calibration,
        method=f"{calibration.method}, asynchronous",
        flags=(*calibration.flags, flag),
    )


def k2hpo4_per_caha(kvp: float) -> float:
    """Density in K2HPO4 over that in CaHA, of the same body.

    Raises
    ------
    InputError : a tube voltage outside 80 to 140 kVp.

    References
    ----------
    Goodsitt MM. Bone Miner 1992;19:145-158.
    """
    (low, first), (high, last) = K2HPO4_PER_CAHA
    if not low <= kvp <= high:
        raise InputError(
            f"the salts' ratio is published from {low:g} to {high:g} kVp, got {kvp:g}; "
            "keep the density in the phantom's own salt"
        )
    return float(np.interp(kvp, [low, high], [first, last]))


def in_material(calibration: Calibration, material: str) -> Calibration:
    """The same line in the other salt.

    Raises
    ------
    InputError : unknown salt, or a calibration without its tube voltage.
    """
    _check_material(material)
    if material == calibration.material:
        return calibration
    if calibration.kvp is None:
        raise InputError(
            "the salts' ratio depends on the tube voltage, which this calibration does not know; "
            "give kvp when calibrating"
        )
    ratio = k2hpo4_per_caha(calibration.kvp)
    factor = ratio if material == "K2HPO4" else 1 / ratio
    flags = [f"converted from {calibration.material} by a published ratio ({ratio:.3f})"]
    if calibration.kvp not in dict(K2HPO4_PER_CAHA):
        flags.append(f"the ratio at {calibration.kvp:g} kVp is interpolated, not published")
    return replace(
        calibration,
        slope=calibration.slope * factor,
        intercept=calibration.intercept * factor,
        material=material,
        residual_sd=calibration.residual_sd * factor,
        covariance=calibration.covariance * factor**2,
        method=f"{calibration.method}, converted to {material}",
        flags=(*calibration.flags, *flags),
    )


def bone_density(image: Image, calibration: Calibration) -> Image:
    """Map of density in mg/cm3; its source names the salt, the line and every doubt.

    Parameters
    ----------
    image : in HU
    calibration : of this scan, or of another with the same tube voltage

    Raises
    ------
    InputError : not in HU, or scanned at another tube voltage than the calibration.

    References
    ----------
    Kaesmacher J, Liebl H, Baum T, Kirschke JS. J Comput Assist Tomogr 2017;41:217-223.
    doi:10.1097/RCT.0000000000000518 (contrast)
    """
    if image.quantity != "hounsfield":
        raise InputError(f"density is made of HU, got an image of {image.quantity!r}")
    facts, flags = dict(image.source.facts), [*image.source.flags, *calibration.flags]
    kvp = facts.get("kvp")
    if kvp is None or calibration.kvp is None:
        flags.append("the tube voltage is unknown: that scan and calibration share it is assumed")
    elif kvp != calibration.kvp:
        raise InputError(
            f"the scan was made at {kvp:g} kVp, the calibration at {calibration.kvp:g}; "
            "calibrate with a phantom scanned at the same tube voltage"
        )
    if facts.get("contrast"):
        flags.append(
            "contrast agent is recorded: density is too high, by more than 6 mg/cm3 in every phase "
            "that Kaesmacher 2017 studied"
        )
    facts |= {
        "bmd_material": calibration.material,
        "bmd_slope": calibration.slope,
        "bmd_intercept": calibration.intercept,
        "bmd_residual_sd": calibration.residual_sd,
        "bmd_method": calibration.method,
    }
    array = image.array.astype(np.float32)
    array *= np.float32(calibration.slope)
    array += np.float32(calibration.intercept)
    return Image(
        array=array,
        affine=image.affine,
        quantity="bmd_ct",
        source=Source(
            modality=image.source.modality,
            series=image.source.series,
            facts=facts,
            flags=tuple(flags),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Line:
    slope: float
    intercept: float
    r_squared: float
    residuals: NDArray[np.float64]
    residual_sd: float
    covariance: NDArray[np.float64]


def _fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> _Line:
    middle, spread = x.mean(), ((x - x.mean()) ** 2).sum()
    if spread == 0 or np.ptp(y) == 0:
        raise InputError("the rods do not differ in HU or in density, so they give no line")
    slope = float(((x - middle) * (y - y.mean())).sum() / spread)
    intercept = float(y.mean() - slope * middle)
    residuals = y - intercept - slope * x
    freedom = x.size - 2
    variance = float((residuals**2).sum() / freedom) if freedom else np.nan
    covariance = variance * np.array(
        [[1 / x.size + middle**2 / spread, -middle / spread], [-middle / spread, 1 / spread]]
    )
    return _Line(
        slope=slope,
        intercept=intercept,
        r_squared=float(1 - (residuals**2).sum() / ((y - y.mean()) ** 2).sum()),
        residuals=residuals,
        residual_sd=float(np.sqrt(variance)),
        covariance=covariance,
    )


def _doubts(line: _Line) -> tuple[str, ...]:
    flags = []
    if np.isnan(line.residual_sd):
        flags.append("two points always lie on a line: its uncertainty is unknown")
    if line.r_squared < GOOD_FIT:
        flags.append(
            f"R2 is {line.r_squared:.3f}, below {GOOD_FIT:g}: a rod may be missed or mismatched"
        )
    return tuple(flags)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(first, dtype=np.float64), _same(second, first)
    if x.size < 2:
        raise InputError(f"at least two rods are wanted, got {x.size}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("every rod needs a finite HU and density; leave the others out")
    return x, y


def _same(values: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    array, other = np.asarray(values, dtype=np.float64), np.asarray(others)
    if array.ndim != 1 or array.shape != other.shape:
        raise InputError(
            f"one HU and one density per rod are wanted, got {array.size} and {other.size}"
        )
    return array


def _check_material(material: str) -> None:
    if material not in MATERIALS:
        raise InputError(f"material is 'K2HPO4' or 'CaHA', got {material!r}")
