"""Levels from one map, muscles from another."""

from __future__ import annotations

import numpy as np
import pytest
from scans import grid, scan

from enthesis.errors import GridError, InputError
from enthesis.image import LabelMap
from enthesis.segment import merge

SHAPE = (20, 20, 6)
BODY, LEFT = np.s_[8:14, 8:14, 1:5], np.s_[2:10, 8:14, 1:5]


def spine() -> LabelMap:
    return scan(SHAPE, {"vertebral_body_L3": (BODY, 150), "psoas_major_right": (LEFT, 50)})[1]


def muscles() -> LabelMap:
    return scan(SHAPE, {"psoas_major_left": (LEFT, 50)})[1]


def test_the_spine_comes_from_one_map_and_the_rest_from_the_other():
    both = merge(levels_from=spine(), muscles_from=muscles())
    assert set(both.names.values()) == {"vertebral_body_L3", "psoas_major_left"}
    assert both.origin.startswith("edited: spine of given")


def test_bone_keeps_the_voxels_that_both_claim():
    body = scan(SHAPE, {"vertebral_body_L3": (BODY, 150)})[1]
    both = merge(levels_from=body, muscles_from=muscles())
    assert (both.array[BODY] == both.label("vertebral_body_L3")).all()
    # 8 x 6 x 4 voxels of muscle less the 2 x 6 x 4 that the body covers.
    assert (both.array == both.label("psoas_major_left")).sum() == 192 - 48


def test_maps_without_what_is_wanted_of_them_are_refused():
    with pytest.raises(InputError, match="the other way round"):
        merge(levels_from=muscles(), muscles_from=spine())
    body = scan(SHAPE, {"vertebral_body_L3": (BODY, 150)})[1]
    with pytest.raises(InputError, match="nothing but the spine"):
        merge(levels_from=body, muscles_from=body)


def test_maps_on_two_grids_are_refused():
    other = LabelMap(array=muscles().array, affine=grid((1, 1, 2)), names=muscles().names)
    with pytest.raises(GridError):
        merge(levels_from=spine(), muscles_from=other)
