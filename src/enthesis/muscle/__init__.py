"""Muscles measured on images and label maps by level, and by ultrasound from lines and pictures."""

from enthesis.muscle.anchors import Anchors, reference_anchors
from enthesis.muscle.architecture import Architecture, Landmarks, architecture, landmarks
from enthesis.muscle.area import areas, areas_across, largest_areas, volumes_between
from enthesis.muscle.body_composition import body_composition
from enthesis.muscle.combine import (
    area_indices,
    both_sides,
    over_levels,
    reference_areas,
    relative_areas,
)
from enthesis.muscle.density import attenuation_medians, attenuations, lean_areas, tissue_areas
from enthesis.muscle.distribution import fat_quarters, intermuscular_fat
from enthesis.muscle.dxa_composition import dxa_composition
from enthesis.muscle.edges import treat_edges
from enthesis.muscle.fat import fat_by_attenuation, fat_fractions, fat_infiltrations
from enthesis.muscle.grades import goutallier, grades, kjaer
from enthesis.muscle.levels import Stretch, stretches, together
from enthesis.muscle.pqct_muscle import pqct_muscle
from enthesis.muscle.signal_fat import (
    TissueShares,
    muscle_fat_indices,
    signal_fat_infiltrations,
    tissue_shares,
)
from enthesis.muscle.tissue_maps import map_means
from enthesis.muscle.ultrasound import (
    YOUNG_2015,
    cross_section,
    echo_intensity,
    inside_fascia,
    physiological_cross_section,
    thickness_indices,
)
from enthesis.muscle.ultrasound_lines import find_landmarks, track_landmarks

__all__ = [
    "YOUNG_2015",
    "Anchors",
    "Architecture",
    "Landmarks",
    "Stretch",
    "TissueShares",
    "architecture",
    "area_indices",
    "areas",
    "areas_across",
    "attenuation_medians",
    "attenuations",
    "body_composition",
    "both_sides",
    "cross_section",
    "dxa_composition",
    "echo_intensity",
    "fat_by_attenuation",
    "fat_fractions",
    "fat_infiltrations",
    "fat_quarters",
    "find_landmarks",
    "goutallier",
    "grades",
    "inside_fascia",
    "intermuscular_fat",
    "kjaer",
    "landmarks",
    "largest_areas",
    "lean_areas",
    "map_means",
    "muscle_fat_indices",
    "over_levels",
    "physiological_cross_section",
    "pqct_muscle",
    "reference_anchors",
    "reference_areas",
    "relative_areas",
    "signal_fat_infiltrations",
    "stretches",
    "thickness_indices",
    "tissue_areas",
    "tissue_shares",
    "together",
    "track_landmarks",
    "treat_edges",
    "volumes_between",
]
