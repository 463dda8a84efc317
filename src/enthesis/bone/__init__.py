"""Bone measured on an image and a label map."""

from enthesis.bone.bmd_change import BmdChange, bmd_change, least_significant_change
from enthesis.bone.compartments import Compartments, compartments, cortical_microarchitecture
from enthesis.bone.dxa import EvaluableSpine, evaluable_vertebrae, lumbar_bmd
from enthesis.bone.hip import CrossSection, HipStructure, cross_section, hip_structure
from enthesis.bone.hip_landmarks import HipLandmarks, find_hip_landmarks
from enthesis.bone.marrow import (
    apparent_diffusion,
    marrow_means,
    spinal_fluid_near,
    vertebral_bone_quality,
)
from enthesis.bone.microarchitecture import (
    apparent_microarchitecture,
    microarchitecture,
    microarchitecture_by_density,
)
from enthesis.bone.morphometry import (
    Deformity,
    HeightChange,
    deformities,
    deformity_measurements,
    genant_grade,
    progression,
    spinal_deformity_index,
)
from enthesis.bone.morphometry_reference import (
    ReferenceDeformity,
    eastell,
    mccloskey,
    reference_ratios,
)
from enthesis.bone.pqct import bone_slice, density_of_attenuation, pqct
from enthesis.bone.qct import (
    VertebralDensity,
    density_measurements,
    lumbar_density,
    opportunistic_attenuations,
    vertebral_densities,
)
from enthesis.bone.qct_projection import areal_density, projected_density
from enthesis.bone.radiograph import (
    Cortex,
    canal_to_calcar_ratio,
    cortex,
    cortical_indices,
    dorr_type,
    grey_profile,
    singh_grade,
)
from enthesis.bone.standardised_bmd import bmd_on_scale_of, standardised_bmd
from enthesis.bone.texture import Variogram, noise_of_repeat, variogram, variogram_slopes
from enthesis.bone.thickness import local_thickness
from enthesis.bone.ultrasound import (
    amplitude_dependent_speed,
    arrival_time,
    attenuation_spectrum,
    broadband_attenuation,
    heel_indices,
    speed_by_substitution,
    speed_of_sound,
)
from enthesis.bone.vertebra import trabecular_attenuations
from enthesis.bone.vertebra_angles import coronal_angle, sagittal_angle, spinal_angles
from enthesis.bone.vertebra_heights import (
    VertebralHeights,
    height_measurements,
    heights_from_landmarks,
    vertebral_heights,
)

__all__ = [
    "BmdChange",
    "Compartments",
    "Cortex",
    "CrossSection",
    "Deformity",
    "EvaluableSpine",
    "HeightChange",
    "HipLandmarks",
    "HipStructure",
    "ReferenceDeformity",
    "Variogram",
    "VertebralDensity",
    "VertebralHeights",
    "amplitude_dependent_speed",
    "apparent_diffusion",
    "apparent_microarchitecture",
    "areal_density",
    "arrival_time",
    "attenuation_spectrum",
    "bmd_change",
    "bmd_on_scale_of",
    "bone_slice",
    "broadband_attenuation",
    "canal_to_calcar_ratio",
    "compartments",
    "coronal_angle",
    "cortex",
    "cortical_indices",
    "cortical_microarchitecture",
    "cross_section",
    "deformities",
    "deformity_measurements",
    "density_measurements",
    "density_of_attenuation",
    "dorr_type",
    "eastell",
    "evaluable_vertebrae",
    "find_hip_landmarks",
    "genant_grade",
    "grey_profile",
    "heel_indices",
    "height_measurements",
    "heights_from_landmarks",
    "hip_structure",
    "least_significant_change",
    "local_thickness",
    "lumbar_bmd",
    "lumbar_density",
    "marrow_means",
    "mccloskey",
    "microarchitecture",
    "microarchitecture_by_density",
    "noise_of_repeat",
    "opportunistic_attenuations",
    "pqct",
    "progression",
    "projected_density",
    "reference_ratios",
    "sagittal_angle",
    "singh_grade",
    "speed_by_substitution",
    "speed_of_sound",
    "spinal_angles",
    "spinal_deformity_index",
    "spinal_fluid_near",
    "standardised_bmd",
    "trabecular_attenuations",
    "variogram",
    "variogram_slopes",
    "vertebral_bone_quality",
    "vertebral_densities",
    "vertebral_heights",
]
