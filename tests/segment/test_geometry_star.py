"""Closed outlines around a point."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.segment.geometry_star import (
    N_DIRECTIONS,
    RADIUS_MM,
    around,
    closed_outlines,
    directions,
    drop_outwards,
    outline_depth,
)

RADII = np.arange(3.0, 30.0, RADIUS_MM)
X = np.arange(0.0, 80.0)


def disc(center: tuple[float, float], radius: float) -> np.ndarray:
    away = np.hypot(X[:, None] - center[0], X[None] - center[1])
    return np.clip(radius - away + 0.5, 0, 1).astype(np.float32)[None]


def outline(plane: np.ndarray, center: tuple[float, float]) -> np.ndarray:
    rays = around(plane, np.array([center]), RADII, 1.0)
    gain = drop_outwards(rays, 3, 3)
    return RADII[0] + RADIUS_MM * closed_outlines(gain, bend_cost=0.05)


def test_a_disc_has_its_radius_in_every_direction():
    # The outline is the last radius inside, half a step short of the edge.
    assert outline(disc((40, 40), 15.0), (40, 40)) == pytest.approx(14.5, abs=0.6)


def test_the_outline_meets_itself_around_a_point_off_the_middle():
    found = outline(disc((40, 40), 15.0), (36, 40))[0]
    wanted = 4 * np.cos(directions()) + np.sqrt(15.0**2 - (4 * np.sin(directions())) ** 2)
    assert found == pytest.approx(wanted - 0.5, abs=1.2)
    assert abs(found[0] - found[-1]) < 1.5


def test_the_outline_moves_with_the_picture():
    here = outline(disc((40, 40), 12.0), (40, 40))
    there = outline(disc((33, 45), 12.0), (33, 45))
    assert here == pytest.approx(there, abs=0.05)


def test_a_gap_in_the_edge_is_bridged():
    broken = disc((40, 40), 15.0)
    broken[:, 50:, 38:43] = 1.0
    assert np.median(outline(broken, (40, 40))) == pytest.approx(14.5, abs=0.6)
    assert outline(broken, (40, 40)).max() < 20


def test_depth_is_the_radius_in_the_middle_and_falls_to_nothing_at_the_edge():
    circle = np.full((1, N_DIRECTIONS), 15.0)
    depth = outline_depth(circle, np.array([[40.0, 40.0]]), X, X)[0]
    assert depth[40, 40] == pytest.approx(15)
    assert depth[55, 40] == pytest.approx(0, abs=1e-6)
    assert depth[60, 40] == pytest.approx(-5)


def test_the_mean_inside_less_the_mean_outside_is_largest_at_the_edge():
    ray = np.array([1.0, 1, 1, 1, 0, 0, 0, 0])
    drop = drop_outwards(ray, 2, 2)
    assert drop.argmax() == 3
    assert drop[3] == 1
    assert drop[-1] == 0
