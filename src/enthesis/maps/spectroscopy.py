"""Fat and muscle lipids from a proton spectrum: Lorentzian peaks fitted to its real part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from enthesis.errors import InputError
from enthesis.records import Measurement

WATER_PPM = 4.7
"""Chemical shift of water at body temperature, ppm."""

MARROW_PEAKS_PPM = {"lipid": 1.3, "water": WATER_PPM}
"""Bulk methylene and water: the two peaks of the marrow's fat fraction."""

MUSCLE_PEAKS_PPM = {"imcl": 1.3, "emcl": 1.5, "creatine": 3.0, "water": WATER_PPM}
"""Methylene of lipid within and outside the fibres, creatine, water; Boesch 1997. The 0.2 ppm
between the lipids holds for fibres along the field and shrinks as they turn."""

SHIFT_REACH_PPM = 0.08
"""How far a peak may lie from its place, ppm: under half the distance of the two lipids."""

WIDTHS_PPM = (0.005, 0.6)
"""Full widths at half height allowed, ppm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """One Lorentzian peak.

    Parameters
    ----------
    name : as asked for
    shift_ppm : where it was found
    width_ppm : full width at half height
    area : integral over ppm, corrected for decay if a T2 was given
    """

    name: str
    shift_ppm: float
    width_ppm: float
    area: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """Peaks of a spectrum and the shares of lipid in it.

    Parameters
    ----------
    peaks : in the order asked for
    lipid_fraction : %, lipid over lipid and water
    imcl_fraction, emcl_fraction : %, each over all lipid and water; None of marrow
    residual : %, root of the sum of squares left over that of the spectrum about its baseline
    method : what was fitted
    flags : what is doubtful, one sentence each
    """

    peaks: tuple[Peak, ...]
    lipid_fraction: float
    imcl_fraction: float | None
    emcl_fraction: float | None
    residual: float
    method: str
    flags: tuple[str, ...] = ()

    def measurements(
        self, *, region: str, side: str = "", level: str = ""
    ) -> tuple[Measurement, ...]:
        """``lipid_fraction`` and, of muscle, ``imcl_fraction`` and ``emcl_fraction``, %.

        Parameters
        ----------
        region, side, level : where the voxel of the spectrum lay
        """
        shares = {
            "lipid_fraction": self.lipid_fraction,
            "imcl_fraction": self.imcl_fraction,
            "emcl_fraction": self.emcl_fraction,
        }
        return tuple(
            Measurement(
                quantity=name,
                value=value,
                region=region,
                side=side,
                level=level,
                method=f"spectrum, {self.method}",
                flags=self.flags,
            )
            for name, value in shares.items()
            if value is not None
        )


def marrow_fat_fraction(
    ppm: ArrayLike,
    spectrum: ArrayLike,
    *,
    echo_time: float | None = None,
    t2: dict[str, float] | None = None,
) -> Spectrum:
    """Fat fraction of a marrow spectrum from its methylene and water peaks.

    Parameters
    ----------
    ppm : (N,), chemical shift of each point
    spectrum : (N,), real part, phased so that peaks point up
    echo_time : s, wanted with `t2`
    t2 : s of "lipid" and "water", to undo their decay

    Raises
    ------
    InputError : shapes that do not fit, a range without the peaks, or no signal.

    Notes
    -----
    The olefinic peak at 5.3 ppm lies under water's flank and is counted with neither; a spectrum
    rich in fat has its water overstated by it.

    References
    ----------
    Griffith JF et al. Radiology 2005;236:945-951. doi:10.1148/radiol.2363041425
    """
    peaks, residual, corrected = _peaks(ppm, spectrum, MARROW_PEAKS_PPM, echo_time, t2)
    area = {peak.name: peak.area for peak in peaks}
    return Spectrum(
        peaks=peaks,
        lipid_fraction=_share(area["lipid"], area["lipid"] + area["water"]),
        imcl_fraction=None,
        emcl_fraction=None,
        residual=residual,
        method=f"two Lorentzian peaks{', corrected for T2' if corrected else ''}",
        flags=_doubts(residual, corrected=corrected),
    )


def muscle_lipids(
    ppm: ArrayLike,
    spectrum: ArrayLike,
    *,
    echo_time: float | None = None,
    t2: dict[str, float] | None = None,
) -> Spectrum:
    """Lipid within (IMCL) and outside (EMCL) the muscle fibres, over lipid and water.

    Parameters
    ----------
    ppm, spectrum : as in `marrow_fat_fraction`
    echo_time : s, wanted with `t2`
    t2 : s of "imcl", "emcl", "creatine" and "water", to undo their decay

    Raises
    ------
    InputError : shapes that do not fit, a range without the peaks, or no signal.

    References
    ----------
    Boesch C, Slotboom J, Hoppeler H, Kreis R. Magn Reson Med 1997;37:484-493.
    doi:10.1002/mrm.1910370403
    """
    peaks, residual, corrected = _peaks(ppm, spectrum, MUSCLE_PEAKS_PPM, echo_time, t2)
    found = {peak.name: peak for peak in peaks}
    within, outside = found["imcl"], found["emcl"]
    whole = within.area + outside.area + found["water"].area
    flags = list(_doubts(residual, corrected=corrected))
    if outside.shift_ppm - within.shift_ppm < (within.width_ppm + outside.width_ppm) / 4:
        flags.append("the two lipid peaks overlap: their sum is safer than their parts")
    return Spectrum(
        peaks=peaks,
        lipid_fraction=_share(within.area + outside.area, whole),
        imcl_fraction=_share(within.area, whole),
        emcl_fraction=_share(outside.area, whole),
        residual=residual,
        method=f"four Lorentzian peaks{', corrected for T2' if corrected else ''}",
        flags=tuple(flags),
    )


def _peaks(
    ppm: ArrayLike,
    spectrum: ArrayLike,
    wanted: dict[str, float],
    echo_time: float | None,
    t2: dict[str, float] | None,
) -> tuple[tuple[Peak, ...], float, bool]:
    x, y = np.asarray(ppm, dtype=np.float64), np.asarray(spectrum)
    if x.ndim != 1 or x.shape != y.shape or np.iscomplexobj(y):
        raise InputError(
            "a real, phased spectrum with one chemical shift per point is wanted, got "
            f"{y.dtype} of shape {y.shape} and shifts of shape {x.shape}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or y.max(initial=0) <= 0:
        raise InputError("the spectrum must be finite and have a peak above zero")
    places = np.array(list(wanted.values()))
    if x.min() > places.min() - 0.5 or x.max() < places.max() + 0.5:
        raise InputError(
            f"shifts from {places.min() - 0.5:g} to {places.max() + 0.5:g} ppm are wanted, got "
            f"{x.min():g} to {x.max():g}"
        )
    decays = _decays(wanted, echo_time, t2)
    centres, widths, areas, left = _fit(x, y.astype(np.float64), places)
    peaks = tuple(
        Peak(name=name, shift_ppm=float(c), width_ppm=float(w), area=float(a / decays[name]))
        for name, c, w, a in zip(wanted, centres, widths, areas, strict=True)
    )
    return peaks, left, t2 is not None


def _decays(
    wanted: dict[str, float], echo_time: float | None, t2: dict[str, float] | None
) -> dict[str, float]:
    if t2 is None:
        return dict.fromkeys(wanted, 1.0)
    missing = [name for name in wanted if name not in t2]
    if missing or echo_time is None or not 0 <= echo_time < 1:
        raise InputError(
            f"to undo decay, an echo time in seconds and the T2 of {', '.join(wanted)} are wanted; "
            f"got echo_time={echo_time!r} and T2 of {', '.join(t2) or 'none'}"
        )
    if min(t2.values()) <= 0:
        raise InputError(f"T2 must be above zero seconds, got {t2}")
    return {name: float(np.exp(-echo_time / t2[name])) for name in wanted}


def _fit(
    x: NDArray[np.float64], y: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Centres, widths and areas; areas and a constant baseline are solved for at each step."""
    height, n = float(np.abs(y).max()), places.size
    scaled = y / height

    def design(unknown: NDArray[np.float64]) -> NDArray[np.float64]:
        centres, widths = unknown[:n], unknown[n:]
        half = widths / 2
        lines = half / np.pi / ((x[:, None] - centres) ** 2 + half**2)
        return np.column_stack([lines, np.ones_like(x)])

    def left(unknown: NDArray[np.float64]) -> NDArray[np.float64]:
        matrix = design(unknown)
        rest: NDArray[np.float64] = scaled - matrix @ np.linalg.lstsq(matrix, scaled, rcond=None)[0]
        return rest

    start = np.concatenate([places, np.full(n, 0.1)])
    reach = np.full(n, SHIFT_REACH_PPM)
    bounds = (
        np.concatenate([places - reach, np.full(n, WIDTHS_PPM[0])]),
        np.concatenate([places + reach, np.full(n, WIDTHS_PPM[1])]),
    )
    best = least_squares(left, start, bounds=bounds, xtol=1e-12, ftol=1e-12, gtol=1e-12).x
    areas = np.linalg.lstsq(design(best), scaled, rcond=None)[0]
    spread = float(((scaled - areas[-1]) ** 2).sum())
    residual = 100 * float(np.sqrt((left(best) ** 2).sum() / spread))
    return best[:n], best[n:], np.maximum(areas[:n], 0) * height, residual


def _share(part: float, whole: float) -> float:
    return 100 * part / whole if whole > 0 else float("nan")


def _doubts(residual: float, *, corrected: bool) -> tuple[str, ...]:
    flags = []
    if not corrected:
        flags.append("not corrected for T2: water decays faster than lipid, which is overstated")
    if residual > 20:
        flags.append(f"the peaks leave {residual:.0f} % of the spectrum unexplained")
    return tuple(flags)
