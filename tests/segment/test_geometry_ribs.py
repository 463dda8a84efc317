"""Ribs beside a spine that runs straight up."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.segment.geometry_frame import SpineFrame
from enthesis.segment.geometry_ribs import rib_heights

STEP_MM = 2.0
SHAPE = (104, 52, 90)
CANAL_MM = (104.0, 70.0)

Point = tuple[float, float, float]
"""To the right of the canal, in front of it, and above the lowest slice, mm."""

RIB: tuple[Point, Point] = ((24, -8, 130), (90, -30, 90))


def frame() -> SpineFrame:
    """A spine that runs straight up through the volume."""
    n = SHAPE[2]
    up, right, front = (np.tile(axis, (n, 1)).astype(float) for axis in np.eye(3)[[2, 0, 1]])
    middle = np.column_stack([np.full((n, 2), CANAL_MM), np.arange(n) * STEP_MM])
    return SpineFrame(middle=middle, right=right, front=front, up=up)


def places() -> np.ndarray:
    """To the right, in front and above of each voxel, mm."""
    at = np.moveaxis(np.indices(SHAPE), 0, -1) * STEP_MM
    return at - np.array([*CANAL_MM, 0.0])


def with_bar(hu: np.ndarray, start: Point, end: Point, *, radius: float = 5.0) -> np.ndarray:
    """The volume with a round bar of bone in it."""
    along = np.subtract(end, start)
    from_start = places() - np.array(start)
    share = np.clip(from_start @ along / (along @ along), 0, 1)
    away = np.linalg.norm(from_start - share[..., None] * along, axis=-1)
    cover = np.clip((radius - away) / STEP_MM + 0.5, 0, 1)
    return (hu * (1 - cover) + 350 * cover).astype(np.float32)


def mirrored(point: Point) -> Point:
    return -point[0], point[1], point[2]


def muscle() -> np.ndarray:
    return np.full(SHAPE, 50, np.float32)


def test_a_rib_meets_the_spine_where_it_is_followed_to():
    left, right = rib_heights(with_bar(muscle(), *RIB), frame(), STEP_MM)
    # At 34 mm from the canal the bar has fallen from 130 mm by 40 * 10 / 66: index 62. It is 5 mm
    # thick, which is 2.5 of the steps.
    assert right == pytest.approx([62], abs=1.5)
    assert left.size == 0


def test_left_and_right_change_places_when_the_body_is_mirrored():
    left, right = rib_heights(
        with_bar(muscle(), mirrored(RIB[0]), mirrored(RIB[1])), frame(), STEP_MM
    )
    assert left == pytest.approx([62], abs=1.5)
    assert right.size == 0


def test_ribs_follow_the_body_upwards():
    hu = with_bar(muscle(), *RIB)
    _, right = rib_heights(hu, frame(), STEP_MM)
    _, higher = rib_heights(np.roll(hu, 10, axis=2), frame(), STEP_MM)
    assert higher - right == pytest.approx([10])


def test_noise_hides_no_rib_and_makes_none():
    hu = with_bar(muscle(), *RIB)
    hu += np.random.default_rng(3).normal(0, 80, SHAPE).astype(np.float32)
    left, right = rib_heights(hu, frame(), STEP_MM)
    assert right == pytest.approx([62], abs=2.5)
    assert left.size == 0


def test_neighbouring_ribs_are_told_apart():
    hu = with_bar(muscle(), *RIB)
    hu = with_bar(hu, *((x, y, z + 34) for x, y, z in RIB))
    _, right = rib_heights(hu, frame(), STEP_MM)
    assert sorted(right) == pytest.approx([62, 79], abs=1.5)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param((20, -8, 100), (52, -10, 98), id="a long transverse process"),
        pytest.param((40, -30, 40), (90, -10, 110), id="an iliac crest, which rises outwards"),
        pytest.param((24, 30, 130), (90, 20, 90), id="bowel with contrast in front of the spine"),
        pytest.param((24, -8, 200), (90, -30, 150), id="a rib that leaves the field upwards"),
        pytest.param((66, -20, 120), (96, -30, 100), id="a rib whose neck is not in the field"),
    ],
)
def test_what_is_no_rib_is_not_taken_for_one(start: Point, end: Point):
    left, right = rib_heights(with_bar(muscle(), start, end), frame(), STEP_MM)
    assert left.size == right.size == 0


def test_a_kidney_full_of_contrast_is_no_rib():
    away = (places() - np.array([62.0, -2.0, 100.0])) / np.array([26.0, 28.0, 55.0])
    hu = np.where(np.linalg.norm(away, axis=-1) < 1, 280, 50).astype(np.float32)
    left, right = rib_heights(hu, frame(), STEP_MM)
    assert left.size == right.size == 0


def test_where_the_field_ends_beside_the_spine_there_is_no_rib():
    hu = with_bar(muscle(), *RIB)
    hu[np.abs(places()[..., 0]) > 60] = -1000
    left, right = rib_heights(hu, frame(), STEP_MM)
    assert left.size == right.size == 0
