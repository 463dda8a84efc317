"""Muscles measured on an image and a label map: area, attenuation and fat, by level."""

from enthesis.muscle.area import areas
from enthesis.muscle.density import attenuations
from enthesis.muscle.fat import fat_infiltrations

__all__ = ["areas", "attenuations", "fat_infiltrations"]
