"""Quantitative maps from raw signal."""

from enthesis.maps.calibration import (
    Calibration,
    asynchronous,
    bone_density,
    calibrate,
    calibrate_liquid,
    in_material,
)
from enthesis.maps.diffusion import DiffusionTensor, diffusion_tensor, tensor_indices
from enthesis.maps.fat_spectrum import LIVER, MARROW, FatSpectrum, fat_phasor
from enthesis.maps.fat_water import FatWater, fat_water
from enthesis.maps.perfusion import Enhancement, Tofts, enhancement, tofts
from enthesis.maps.phantomless import effective_energy, phantomless
from enthesis.maps.relaxation import Relaxation, decay_time, t1_variable_flip_angle
from enthesis.maps.rods import Rod, find_rods, measure_rods
from enthesis.maps.spectroscopy import Spectrum, marrow_fat_fraction, muscle_lipids

__all__ = [
    "LIVER",
    "MARROW",
    "Calibration",
    "DiffusionTensor",
    "Enhancement",
    "FatSpectrum",
    "FatWater",
    "Relaxation",
    "Rod",
    "Spectrum",
    "Tofts",
    "asynchronous",
    "bone_density",
    "calibrate",
    "calibrate_liquid",
    "decay_time",
    "diffusion_tensor",
    "effective_energy",
    "enhancement",
    "fat_phasor",
    "fat_water",
    "find_rods",
    "in_material",
    "marrow_fat_fraction",
    "measure_rods",
    "muscle_lipids",
    "phantomless",
    "t1_variable_flip_angle",
    "tensor_indices",
    "tofts",
]
