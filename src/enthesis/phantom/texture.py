"""Smooth random fields: fat streaks, trabeculae, bowel and the noise of a scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.phantom.geometry import Plane, Reals

FWHM_PER_SD = 2.354820045
"""Full width at half maximum of a Gaussian of SD 1: 2 sqrt(2 ln 2)."""

NOISE_GRAIN_MM = 0.7
"""SD of the Gaussian that gives image noise its grain, mm: about a soft-tissue kernel's blur."""

NOISE_LOW_CUT = 3.0
"""Noise coarser than this many grains is taken out, as filtered back-projection does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmoothField:
    """White noise on a lattice, joined by quadratic B-splines: mean 0, SD about 1.

    Parameters
    ----------
    lattice : (P, Q, R) independent standard normal values
    origin : position of the first one, mm
    step : distance between them along each axis, mm: about the length of a feature
    """

    lattice: NDArray[np.float32]
    origin: tuple[float, float, float]
    step: tuple[float, float, float]

    def at(self, x: Reals, a: Reals, s: Reals) -> NDArray[np.float32]:
        """Values at points that broadcast to (I, J); quicker for x (I, 1), a and s (1, J)."""
        if x.shape[1] > 1 or a.shape[0] > 1 or s.shape[0] > 1:
            places = [
                np.broadcast_to((row - first) / step, np.broadcast_shapes(x.shape, a.shape))
                for row, first, step in zip((x, a, s), self.origin, self.step, strict=True)
            ]
            # The lattice holds the splines' coefficients, so nothing is to be filtered first.
            found = ndimage.map_coordinates(
                self.lattice, places, order=2, prefilter=False, mode="nearest"
            )
            return np.asarray(found, dtype=np.float32)
        size = self.lattice.shape
        ix, wx = _spline(x[:, 0], self.origin[0], self.step[0], size[0])
        ia, wa = _spline(a[0], self.origin[1], self.step[1], size[1])
        is_, ws = _spline(s[0], self.origin[2], self.step[2], size[2])
        rows = np.zeros((size[0], a.shape[1]), dtype=np.float32)
        for p in range(3):
            for q in range(3):
                rows += wa[p] * ws[q] * self.lattice[:, ia + p, is_ + q]
        found = wx[0][:, None] * rows[ix]
        for p in (1, 2):
            found += wx[p][:, None] * rows[ix + p]
        return np.asarray(found, dtype=np.float32)

    def on(self, plane: Plane) -> NDArray[np.float32]:
        """Values on a plane in the coordinates of the spine."""
        return self.at(plane.u, plane.a, plane.s)

    def in_patient(self, plane: Plane) -> NDArray[np.float32]:
        """Values on a plane in the coordinates of the patient."""
        return self.at(plane.x, plane.y, np.zeros_like(plane.y) + plane.z)


def smooth_field(
    rng: np.random.Generator,
    *,
    bounds: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
    step: tuple[float, float, float],
) -> SmoothField:
    """A random field over a box, mm; outside of it the nearest values are continued."""
    size = [int(np.ceil((high - low) / d)) + 4 for (low, high), d in zip(bounds, step, strict=True)]
    lattice = rng.standard_normal(size, dtype=np.float32)
    # The squared weights of one axis add up to 0.55, averaged over all positions between nodes.
    lattice /= np.float32(0.55**1.5)
    first = (bounds[0][0] - step[0], bounds[1][0] - step[1], bounds[2][0] - step[2])
    return SmoothField(lattice=lattice, origin=first, step=step)


def scanner_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    spacing: tuple[float, float],
    sd: float,
    grain_mm: float = NOISE_GRAIN_MM,
) -> NDArray[np.float32]:
    """Noise of one slice, (I, J) HU: grainy, without coarse drift, of this standard deviation."""
    white = rng.standard_normal(shape, dtype=np.float32)
    grain = [grain_mm / d for d in spacing]
    fine = ndimage.gaussian_filter(white, grain, mode="wrap")
    fine -= ndimage.gaussian_filter(white, [NOISE_LOW_CUT * g for g in grain], mode="wrap")
    return np.asarray(fine * np.float32(sd / max(float(fine.std()), 1e-6)))


def point_spread(
    plane: NDArray[np.float32], *, spacing: tuple[float, float], fwhm: float
) -> NDArray[np.float32]:
    """The slice as seen through a Gaussian point spread in the plane, fwhm in mm."""
    sigma = [fwhm / FWHM_PER_SD / d for d in spacing]
    return np.asarray(ndimage.gaussian_filter(plane, sigma, mode="nearest"), dtype=np.float32)


def _spline(
    at: Reals, origin: float, step: float, size: int
) -> tuple[NDArray[np.intp], list[NDArray[Any]]]:
    # Quadratic B-spline: three neighbours, the nearest node in the middle.
    place = np.clip((at - origin) / step, 1, size - 2)
    nearest = np.rint(place).astype(np.intp)
    t = (place - nearest).astype(np.float32)
    weights = [0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2]
    return nearest - 1, weights
