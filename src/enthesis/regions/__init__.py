"""Geometry on labelled arrays: the voxels of each region, and where each vertebral level lies."""

from enthesis.regions.axes import Cut, body_centre, cut, muscle_axis, slice_normal, spine_axes
from enthesis.regions.consistency import label_doubts
from enthesis.regions.discs import Disc, discs
from enthesis.regions.vertebrae import VertebralBody, vertebral_bodies
from enthesis.regions.voxels import (
    EDGE_FLAG,
    LabelVoxels,
    describe,
    finite,
    labelled_voxels,
)

__all__ = [
    "EDGE_FLAG",
    "Cut",
    "Disc",
    "LabelVoxels",
    "VertebralBody",
    "body_centre",
    "cut",
    "describe",
    "discs",
    "finite",
    "label_doubts",
    "labelled_voxels",
    "muscle_axis",
    "slice_normal",
    "spine_axes",
    "vertebral_bodies",
]
