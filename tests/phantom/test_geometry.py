import numpy as np
import pytest

from enthesis.phantom import LumbarBody
from enthesis.phantom.geometry import bar, ellipse, spine_curve
from enthesis.phantom.texture import scanner_noise, smooth_field


def test_a_straight_spine_leaves_coordinates_as_they_are():
    curve = spine_curve(LumbarBody(lordosis_deg=0))
    y = np.linspace(-80, 40, 13)
    a, s = curve.straighten(y, 37.0)
    assert a == pytest.approx(y)
    assert s == pytest.approx(np.full(13, 37.0))


def test_bending_a_point_and_straightening_it_comes_back_to_it():
    curve = spine_curve(LumbarBody(lordosis_deg=55))
    a, s = -70.0, -80.0
    angle = np.interp(s, curve.s, curve.angle)
    y = np.interp(s, curve.s, curve.y) + a * np.cos(angle)
    z = np.interp(s, curve.s, curve.z) + a * np.sin(angle)
    found_a, found_s = curve.straighten(np.array([y]), float(z))
    # The curve is a table at 0.5 mm, read linearly.
    assert found_a[0] == pytest.approx(a, abs=0.01)
    assert found_s[0] == pytest.approx(s, abs=0.01)


def test_the_endplates_of_l1_and_s1_are_the_lordosis_apart():
    curve = spine_curve(LumbarBody(lordosis_deg=42))
    upper = curve.middles[1] + curve.heights[1] / 2
    lower = curve.middles[6] + curve.heights[6] / 2
    turn = np.interp(upper, curve.s, curve.angle) - np.interp(lower, curve.s, curve.angle)
    # Half of one step of the table at either end.
    assert np.rad2deg(turn) == pytest.approx(42, abs=0.2)


@pytest.mark.parametrize("power", [2.0, 2.5])
def test_depth_in_an_ellipse_is_the_distance_to_its_edge_along_its_axes(power):
    x = np.array([[9.0], [10.0], [11.0]])
    depth = ellipse(x, np.zeros((1, 1)), (0, 0), (10, 5), power=power)
    assert depth[:, 0] == pytest.approx([1, 0, -1])


def test_an_ellipse_covers_pi_times_its_half_axes():
    step = 0.05
    x = np.arange(-12, 12, step)[:, None]
    y = np.arange(-7, 7, step)[None]
    inside = ellipse(x, y, (0.3, -0.2), (10, 5)) > 0
    # Counting points 0.05 mm apart leaves some 0.05%.
    assert inside.sum() * step**2 == pytest.approx(np.pi * 50, rel=1e-3)


def test_an_ellipse_without_radius_is_empty():
    x, y = np.linspace(-5, 5, 21)[:, None] + 0.01, np.linspace(-5, 5, 21)[None]
    assert not (ellipse(x, y, (0, 0), (0, 0)) > 0).any()


def test_depth_in_a_bar_is_its_half_thickness_less_the_distance_from_its_middle():
    u, v = np.array([[5.0], [-1.0]]), np.array([[2.0]])
    depth = bar(u, v, (0, 0), (10, 0), 3)
    assert depth[:, 0] == pytest.approx([1.0, 3 - np.sqrt(5)])


def test_a_smooth_field_has_mean_nought_and_unit_sd():
    field = smooth_field(
        np.random.default_rng(1), bounds=((0, 300), (0, 300), (0, 10)), step=(3, 3, 5)
    )
    x, a = np.arange(0, 300, 0.7)[:, None], np.arange(0, 300, 0.7)[None]
    values = field.at(x, a, np.full_like(a, 5.0))
    # 100 x 100 independent values, and SD that varies with the place between nodes.
    assert values.mean() == pytest.approx(0, abs=0.05)
    assert values.std() == pytest.approx(1, abs=0.1)


def test_scanner_noise_has_the_sd_asked_for_and_neighbours_that_resemble_each_other():
    noise = scanner_noise(np.random.default_rng(1), (200, 200), spacing=(0.8, 0.8), sd=15)
    assert noise.std() == pytest.approx(15, rel=1e-5)
    assert np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1] > 0.3
