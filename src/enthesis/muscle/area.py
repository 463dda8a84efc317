"""Cross-sectional area of muscles."""

from __future__ import annotations

from collections.abc import Mapping

from enthesis.muscle.levels import BODY_HEIGHT, stretches
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels, VertebralBody


def areas(voxels: LabelVoxels, bodies: Mapping[str, VertebralBody]) -> list[Measurement]:
    """Axial cross-sectional area of each muscle at each level, mm2.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    bodies : vertebral bodies of the same label map, by level

    Returns
    -------
    Two measurements a muscle and level: on the slice through mid-body, and the mean over the slices
    of the body's height. Areas are of the whole compartment as labelled, fat included, in the plane
    of the slice: a muscle that runs obliquely to it is cut larger than at right angles.
    """
    return [
        Measurement(
            quantity="area",
            value=voxels.between(s.label, s.first, s.last).size
            * voxels.pixel_area
            / (s.last - s.first + 1),
            region=s.muscle.structure,
            side=s.muscle.side,
            level=s.level,
            method=f"mean of {s.slices}" if s.slices == BODY_HEIGHT else s.slices,
            flags=s.flags,
        )
        for s in stretches(voxels, bodies)
    ]
