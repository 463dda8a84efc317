"""B-mode pictures made alike, and the filter that answers to bright lines on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle.ultrasound import picture

PIXEL_MM = 0.15
"""Pixels that pictures are searched on, mm: a third of the thinnest line looked for."""

CONTRAST_MM = 3.0
"""SD of the neighbourhood that brightness is compared with, mm: evens out depth and gain."""

LEAST_PICTURE_MM = 16.0
"""Width and depth below which a picture shows no muscle between its aponeuroses, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Searched:
    """A picture on pixels of `PIXEL_MM`, its contrast evened out.

    Parameters
    ----------
    values : (rows, columns)
    x_mm, depth_mm : of the first pixel
    """

    values: NDArray[np.float64]
    x_mm: float
    depth_mm: float


def searched_picture(image: Image) -> Searched:
    """A B-mode picture ready to be searched.

    Raises
    ------
    InputError : no B-mode picture, or too small a one.
    """
    grey = picture(image).astype(np.float64)
    across, down = image.spacing[:2]
    left = top = 0
    if box := image.source.facts.get("region"):
        left, top, right, bottom = (int(edge) for edge in box)
        grey = grey[top : bottom + 1, left : right + 1]
    if min(grey.shape[0] * down, grey.shape[1] * across) < LEAST_PICTURE_MM:
        raise InputError(
            f"the picture is {grey.shape[1] * across:.0f} x {grey.shape[0] * down:.0f} mm, too "
            "small for a muscle; check its scale (pixel_spacing)"
        )
    # Averaged before it is thinned out, so that no speckle is picked by chance.
    grey = ndimage.gaussian_filter(
        grey, [max(PIXEL_MM / step - 1, 0) / 2 for step in (down, across)]
    )
    values = ndimage.zoom(
        grey, (down / PIXEL_MM, across / PIXEL_MM), order=1, grid_mode=True, mode="nearest"
    )
    sd = CONTRAST_MM / PIXEL_MM
    values = values - ndimage.gaussian_filter(values, sd)
    spread = np.sqrt(ndimage.gaussian_filter(values**2, sd))
    # A floor keeps the noise of black corners from counting as tissue.
    values = values / (spread + 0.5 * spread.mean() + 1e-9)
    return Searched(values=values, x_mm=left * across, depth_mm=top * down)


def responses(
    values: NDArray[np.float64], size_mm: tuple[float, float], angles: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield how much each place looks like a bright line, (rows, columns), for each angle.

    Parameters
    ----------
    values : (rows, columns) of a searched picture
    size_mm : SD across and along of the lines looked for
    angles : degrees, positive where they run deeper to the right
    """
    wide, long = (length / PIXEL_MM for length in size_mm)
    rim = math.ceil(2 * long)
    padded = np.pad(values, rim, mode="reflect")
    shape = [fft.next_fast_len(n, real=True) for n in padded.shape]
    spectrum = fft.rfft2(padded, shape)
    v, u = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None]
    for angle in np.deg2rad(angles):
        c, s = math.cos(angle), math.sin(angle)
        along, across = u * c + v * s, v * c - u * s
        kernel = np.exp(-2 * math.pi**2 * ((along * long) ** 2 + (across * wide) ** 2))
        kernel *= (2 * math.pi * across * wide) ** 2
        found = fft.irfft2(spectrum * kernel, shape)
        yield found[rim : rim + values.shape[0], rim : rim + values.shape[1]]
