"""What a body can be beyond the usual: bent, broken, instrumented, and drawn at random."""

from dataclasses import fields, replace

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.phantom import Compartment, Fracture, LumbarBody, lumbar_ct, random_body
from enthesis.phantom.geometry import axial_plane, spine_curve
from enthesis.phantom.scene import NUMBERS, scene
from enthesis.phantom.spine import body_heights
from enthesis.phantom.truth import PIXEL_MM, _counts, true_measurements

STRAIGHT = LumbarBody(lordosis_deg=0)
BENT = LumbarBody(lordosis_deg=50, scoliosis_deg=-30, rotation_deg=15, size=1.1)


def rng():
    return np.random.default_rng(3)


def test_bending_sideways_and_back_comes_to_the_same_point():
    curve = spine_curve(BENT)
    u, a, s = np.array([-30.0, 25.0, 0.0]), np.array([-50.0, 10.0, -20.0]), np.array([-80.0, 5, 70])
    x, y, z = curve.place(u, a, s)
    for n in range(3):
        plane = axial_plane(curve, x[n : n + 1], y[n : n + 1], float(z[n]))
        found = [float(row[0, 0]) for row in (plane.u, plane.a, plane.s)]
        # The curve is a table at 0.5 mm, read linearly.
        assert found == pytest.approx([u[n], a[n], s[n]], abs=0.05)


def test_the_frontal_curve_has_the_angle_asked_for_and_its_convexity_to_the_side_asked_for():
    curve = spine_curve(LumbarBody(scoliosis_deg=24))
    assert np.rad2deg(np.ptp(curve.lean)) == pytest.approx(24, abs=0.1)
    assert curve.lateral.max() > 10 > -0.5 > curve.lateral.min() - 1
    mirrored = spine_curve(LumbarBody(scoliosis_deg=-24))
    assert mirrored.lateral == pytest.approx(-curve.lateral)


def test_heights_of_a_straight_spine_are_those_asked_for_less_the_hollow():
    heights = body_heights(spine_curve(STRAIGHT), 3, STRAIGHT)
    hollow = 1.5 * (1 - (14.5 / 17.5) ** 2)
    assert heights["anterior"] == pytest.approx(27.5 - 2 * hollow)
    # In the middle 1.5 mm of hollow at either end.
    assert heights["middle"] == pytest.approx(27.5 - 3, abs=0.01)


@pytest.mark.parametrize(
    ("shape", "lost"),
    [
        ("wedge", {"anterior": 11.0, "posterior": 0.0}),
        ("biconcave", {"middle": 11.0}),
        ("crush", {"anterior": 11.0, "middle": 11.0, "posterior": 11.0}),
    ],
)
def test_a_fracture_takes_height_where_its_shape_says(shape, lost):
    curve = spine_curve(STRAIGHT)
    hurt = replace(STRAIGHT, fractures=(Fracture(level="L3", shape=shape, loss_percent=40),))
    before, after = (body_heights(curve, 3, body) for body in (STRAIGHT, hurt))
    for place, mm in lost.items():
        # 40 % of 27.5 mm; the middle's place lies half a millimetre off the hollow's deepest.
        assert before[place] - after[place] == pytest.approx(mm, abs=0.02)


def test_true_heights_are_those_counted_on_a_fine_grid():
    body = LumbarBody(fractures=(Fracture(level="L2", shape="wedge", loss_percent=35),))
    settled = scene(body, rng())
    curve = settled.curve
    i = 2
    for place, a in (("anterior", 14.5), ("posterior", -12.0)):
        s = np.arange(-20, 20, 0.02) + float(curve.middles[i])
        x, y, z = curve.place(np.zeros_like(s), np.full_like(s, a), s)
        inside = []
        for n in range(s.size):
            plane = axial_plane(curve, x[n : n + 1], y[n : n + 1], float(z[n]))
            owner = 0
            for piece in settled.paraspinal(plane):
                if (
                    piece.region is not None
                    and 0 not in piece.depth.shape
                    and piece.depth.max() > 0
                ):
                    owner = NUMBERS[piece.region]
            inside.append(owner == NUMBERS["vertebral_body_L2"])
        (held,) = np.nonzero(inside)
        ends = np.array([[x[n], y[n], z[n]] for n in held[[0, -1]]])
        counted = np.linalg.norm(ends[1] - ends[0])
        # Endplates are uneven by half a millimetre each, which the truth leaves out.
        assert counted == pytest.approx(body_heights(curve, i, body)[place], abs=1.2)


def test_true_areas_are_those_counted_on_a_five_times_finer_grid():
    settled = scene(BENT, rng())
    middle = np.array([settled.curve.height_of(float(settled.curve.middles[3]))])
    usual, fine = (_counts(settled, middle, pixel) for pixel in (PIXEL_MM, PIXEL_MM / 5))
    for key, (area, fat) in fine.items():
        assert usual[key][0] == pytest.approx(area, rel=0.004)
        assert usual[key][1] == pytest.approx(fat, abs=0.005)


@pytest.mark.parametrize("pattern", ["streaks", "homogeneous", "lamellar"])
@pytest.mark.parametrize("percent", [10, 70])
def test_every_pattern_holds_the_fat_asked_for(pattern, percent):
    muscle = Compartment(
        area_mm2=(1600, 1750, 1800, 1450, 760), fat_percent=percent, pattern=pattern
    )
    settled = scene(replace(STRAIGHT, erector_spinae=muscle), rng())
    z = np.linspace(-13, 13, 14)
    (_, share) = _counts(settled, z, 1.0)["erector_spinae", "left"]
    assert 100 * share == pytest.approx(percent, abs=2)


def test_a_compartment_may_differ_between_sides_by_itself():
    alike = replace(LumbarBody().psoas_major, left_excess_percent=0)
    body = LumbarBody(left_excess_percent=20, psoas_major=alike)
    assert body.wanted_area("psoas_major", "left", 2) == 800
    assert body.wanted_area("multifidus", "left", 2) == pytest.approx(1.1 * 470)


@pytest.mark.parametrize(("n", "last"), [(4, "L4"), (6, "L6")])
def test_transitional_spines_have_their_own_levels(n, last):
    settled = scene(LumbarBody(n_lumbar=n), rng())
    names = set(settled.names().values())
    assert f"intervertebral_disc_{last}_S1" in names
    assert {f"vertebral_body_L{i + 1}" for i in range(n)} <= names
    assert not any(f"L{n + 1}" in name for name in names)
    assert {m.level for m in true_measurements(settled)} == {f"L{i + 1}" for i in range(n)}


def test_the_area_asked_for_does_not_depend_on_the_size_of_the_bones():
    for size in (0.9, 1.15):
        settled = scene(replace(STRAIGHT, size=size), rng())
        area, _ = _counts(settled, np.array([0.0]), PIXEL_MM)["psoas_major", "right"]
        assert area == pytest.approx(STRAIGHT.wanted_area("psoas_major", "right", 2), rel=0.02)


@pytest.fixture
def slab(monkeypatch):
    """Scans are of 12 mm around the middle of L4's pedicles only."""
    bounds = ((-180.0, 180.0), (-160.0, 120.0), (-42.0, -24.0))
    monkeypatch.setattr("enthesis.phantom.grid.extent", lambda curve, body: bounds)


@pytest.mark.usefixtures("slab")
def test_screws_are_metal_in_the_vertebra_and_throw_streaks():
    plain, held = (
        lumbar_ct(LumbarBody(screws=screws), spacing_mm=(2, 2, 3), rng=rng())
        for screws in ((), ("L4", "L5"))
    )
    assert held.image.array.max() == 3071
    np.testing.assert_array_equal(plain.labels.array, held.labels.array)
    muscle = plain.labels.array == plain.labels.label("multifidus_left")
    assert held.image.array[muscle].std() > 1.5 * plain.image.array[muscle].std()


@pytest.mark.usefixtures("slab")
def test_contrast_medium_fills_the_vessels_and_gas_the_bowel():
    usual, filled = (
        lumbar_ct(body, spacing_mm=(3, 3, 6), rng=rng())
        for body in (LumbarBody(bowel_gas=0), LumbarBody(contrast_hu=200, bowel_gas=0.7))
    )
    aorta = usual.labels.array == usual.labels.label("inferior_vena_cava")
    gain = filled.image.array[aorta].mean() - usual.image.array[aorta].mean()
    # Veins show 0.6 of it; a rim of partial volume.
    assert gain == pytest.approx(120, abs=12)
    inside = (slice(30, -30), slice(65, -25))
    assert (filled.image.array[inside] < -500).sum() > 2 * (usual.image.array[inside] < -500).sum()


def test_bodies_drawn_at_random_are_possible_and_differ():
    bodies = [random_body(rng=np.random.default_rng(seed)) for seed in range(60)]
    assert random_body(rng=np.random.default_rng(5)) == bodies[5]
    for one in fields(LumbarBody):
        assert len({getattr(body, one.name) for body in bodies}) > 1, one.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_lumbar": 7}, r"n_lumbar is one of 4, 5, 6, got 7"),
        ({"rods": "water"}, r"rods is one of None, 'CaHA', 'K2HPO4', got 'water'"),
        ({"screws": ("L6",)}, r"a fractured or instrumented level .* got 'L6'"),
        ({"size": 2.0}, r"size is in shares of the usual .* got 2"),
    ],
)
def test_impossible_shapes_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        LumbarBody(**change)


def test_an_impossible_fracture_is_refused():
    with pytest.raises(InputError, match=r"loss_percent of L1 is in percent .* got 95"):
        Fracture(level="L1", shape="crush", loss_percent=95)
    with pytest.raises(InputError, match="shape is one of 'wedge', 'biconcave', 'crush'"):
        Fracture(level="L1", shape="burst", loss_percent=20)
