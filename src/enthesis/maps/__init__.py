"""Quantitative maps from raw signal."""

from enthesis.maps.fat_spectrum import LIVER, MARROW, FatSpectrum, fat_phasor
from enthesis.maps.fat_water import FatWater, fat_water

__all__ = ["LIVER", "MARROW", "FatSpectrum", "FatWater", "fat_phasor", "fat_water"]
