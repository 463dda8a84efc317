"""The plane between left and right, from canal and bodies."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.segment.midplane import midplane

STEP = (3.0, 3.0, 3.0)


def spine(turn_deg: float, *, n: int = 61, slices: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A canal in the middle of each slice and a body 25 mm before it, turned about the canal."""
    turn = np.deg2rad(turn_deg)
    at = (np.arange(n) - (n - 1) / 2) * STEP[0]
    x, y = at[:, None], at[None]
    ahead = -np.sin(turn) * x + np.cos(turn) * y
    across = np.cos(turn) * x + np.sin(turn) * y
    canal = across**2 + ahead**2 < 9**2
    body = across**2 + (ahead - 25) ** 2 < 20**2
    return (np.repeat(mask[:, :, None], slices, axis=2) for mask in (canal, body & ~canal))


@pytest.mark.parametrize("turn_deg", [0.0, 20.0, -35.0, 170.0])
def test_the_turn_of_the_patient_is_found(turn_deg: float):
    plane = midplane(*spine(turn_deg), STEP)
    assert plane is not None
    # Voxels of 3 mm over 25 mm: a degree or so.
    assert plane.turn_deg() == pytest.approx(turn_deg, abs=1.5)


def test_a_point_to_the_right_is_on_the_positive_side_by_its_distance():
    plane = midplane(*spine(0.0), STEP)
    assert plane is not None
    x, y = np.array([-40.0, 12.0]), np.array([-30.0])
    right = plane.to_the_right(x, y, np.array([3.0]))
    assert right[:, 0, 0] == pytest.approx([-40, 12], abs=0.5)
    ahead = plane.in_front(x, y, np.array([3.0]))
    assert ahead[:, 0, 0] == pytest.approx([-30, -30], abs=1.5)


def test_slices_without_a_canal_take_the_plane_of_the_nearest():
    canal, body = spine(15.0)
    canal, body = canal.copy(), body.copy()
    canal[:, :, 5:] = False
    plane = midplane(canal, body, STEP)
    assert plane is not None
    assert list(plane.seen) == [True] * 5 + [False] * 3
    assert plane.forwards[7] == pytest.approx(plane.forwards[4], abs=1e-3)


def test_without_a_canal_there_is_no_plane():
    canal, body = spine(0.0)
    assert midplane(np.zeros_like(canal), body, STEP) is None
