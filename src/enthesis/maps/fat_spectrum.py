"""The proton spectrum of fat: where its peaks lie from water, and how much each holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError

PROTON_MHZ_PER_TESLA = 42.577478518
"""Gyromagnetic ratio of the proton over 2 pi, MHz/T (CODATA 2018)."""

WATER_PPM = 4.7
"""Water at body temperature, ppm, on the scale of both tables; it falls by 0.01 per kelvin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FatSpectrum:
    """Peaks of fat.

    Parameters
    ----------
    name : as results print it
    shifts_ppm : distance of each peak from water, ppm; negative is the slower side, where the
        methylene peak lies
    amplitudes : share of the protons in each peak; scaled here to sum to one
    source : where the numbers were published

    Raises
    ------
    InputError : no peak, unequal lengths, or an amplitude that is not positive.
    """

    name: str
    shifts_ppm: tuple[float, ...]
    amplitudes: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        if not self.shifts_ppm or len(self.shifts_ppm) != len(self.amplitudes):
            raise InputError(
                f"a fat spectrum wants one amplitude per peak, got {len(self.shifts_ppm)} shifts "
                f"and {len(self.amplitudes)} amplitudes"
            )
        if min(self.amplitudes) <= 0:
            raise InputError(f"amplitudes must be positive, got {min(self.amplitudes):g}")
        total = sum(self.amplitudes)
        object.__setattr__(self, "amplitudes", tuple(a / total for a in self.amplitudes))

    @property
    def main_shift_ppm(self) -> float:
        """Distance of the largest peak from water, ppm."""
        return self.shifts_ppm[int(np.argmax(self.amplitudes))]


def fat_phasor(
    spectrum: FatSpectrum, echo_times: NDArray[np.float64], *, field_strength: float
) -> NDArray[np.complex128]:
    """Signal of a unit of fat at each echo, seen from water's frequency, without decay.

    Parameters
    ----------
    spectrum : peaks of fat
    echo_times : (E,), s
    field_strength : T

    Returns
    -------
    (E,) sum of amplitude times exp(i 2 pi shift time); one at time zero.

    References
    ----------
    Yu H et al. Magn Reson Med 2008;60:1122-1134. doi:10.1002/mrm.21737
    """
    hertz = np.asarray(spectrum.shifts_ppm) * PROTON_MHZ_PER_TESLA * field_strength
    turns = np.multiply.outer(np.asarray(echo_times, dtype=np.float64), hertz)
    phasor: NDArray[np.complex128] = np.exp(2j * np.pi * turns) @ np.asarray(spectrum.amplitudes)
    return phasor


def _from_water(*absolute_ppm: float) -> tuple[float, ...]:
    return tuple(round(ppm - WATER_PPM, 4) for ppm in absolute_ppm)


LIVER = FatSpectrum(
    name="six peaks, liver and muscle",
    shifts_ppm=_from_water(5.3, 4.2, 2.75, 2.1, 1.3, 0.9),
    amplitudes=(0.047, 0.039, 0.006, 0.120, 0.700, 0.088),
    source="Hamilton G et al. NMR Biomed 2011;24:784-790. doi:10.1002/nbm.1622",
)
"""Triglyceride in the liver of 121 people; the usual choice in muscle too."""

MARROW = FatSpectrum(
    name="eight peaks, marrow",
    shifts_ppm=_from_water(5.31, 4.20, 2.77, 2.25, 2.00, 1.59, 1.30, 0.90),
    amplitudes=(0.073, 0.038, 0.027, 0.058, 0.092, 0.058, 0.568, 0.087),
    source="Karampinos DC et al. Magn Reson Med 2014;71:1158-1165. doi:10.1002/mrm.24775",
)
"""Bone marrow, for vertebrae and the proximal femur."""
