"""Geometry on labelled arrays: the voxels of each region, and where each vertebral level lies."""

from enthesis.regions.consistency import label_doubts
from enthesis.regions.vertebrae import VertebralBody, vertebral_bodies
from enthesis.regions.voxels import LabelVoxels, describe, finite, labelled_voxels

__all__ = [
    "LabelVoxels",
    "VertebralBody",
    "describe",
    "finite",
    "label_doubts",
    "labelled_voxels",
    "vertebral_bodies",
]
