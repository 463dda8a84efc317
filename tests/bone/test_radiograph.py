import numpy as np
import pytest
from scipy import ndimage

from enthesis.bone import radiograph
from enthesis.errors import InputError
from enthesis.image import Image


def tube(outer=10.0, inner=5.8, *, blur=0.1, step=0.05, soft=0.3, trabecular=0.15):
    """Grey values of a projected tube in soft tissue; outer and inner are diameters, mm."""
    x = np.arange(-12, 12, step)
    chords = [2 * np.sqrt(np.clip((d / 2) ** 2 - x**2, 0, None)) for d in (outer, inner)]
    path = chords[0] - (1 - trabecular) * chords[1] + soft
    return ndimage.gaussian_filter1d(path, blur / step)


def value(found, quantity):
    return next(m.value for m in found if m.quantity == quantity)


def test_a_bone_of_10_mm_with_a_cavity_of_5_8_has_an_index_of_0_42():
    found = radiograph.cortical_indices(10, 5.8, region="metacarpal", side="right")
    assert value(found, "cortical_index") == pytest.approx(0.42)
    assert value(found, "cortical_thickness_combined") == pytest.approx(4.2)
    assert value(found, "cortical_area_share") == pytest.approx(100 * (1 - 0.58**2))
    assert {m.side for m in found} == {"right"}
    with pytest.raises(InputError, match="narrower than the bone"):
        radiograph.cortical_indices(5.8, 10, region="metacarpal")


@pytest.mark.parametrize(("outer", "inner"), [(10.0, 5.8), (8.0, 3.0), (16.0, 9.0)])
def test_edges_of_a_projected_tube_are_its_radii(outer, inner):
    edges = radiograph.cortex(tube(outer, inner), spacing_mm=0.05)
    # Edges rise and fall as square roots: blurred by 0.1 and smoothed by 0.15 mm, they are steepest
    # 0.765 SD of both together farther in (where a blurred 1 / sqrt(x) peaks).
    blur = 0.765 * np.hypot(0.1, 0.15)
    assert edges.outer_width_mm == pytest.approx(outer - 2 * blur, abs=0.03)
    assert edges.inner_width_mm == pytest.approx(inner - 2 * blur, abs=0.03)
    assert edges.flags == ()


def test_edges_do_not_depend_on_exposure_or_on_where_the_line_begins():
    grey = tube()
    first = radiograph.cortex(grey, spacing_mm=0.05)
    second = radiograph.cortex(500 + 90 * np.roll(grey, 30), spacing_mm=0.05)
    assert second.outer_width_mm == pytest.approx(first.outer_width_mm)
    assert second.inner_mm[0] - first.inner_mm[0] == pytest.approx(1.5)
    reversed_ = radiograph.cortex(grey[::-1], spacing_mm=0.05)
    assert reversed_.inner_width_mm == pytest.approx(first.inner_width_mm)


def test_a_profile_is_read_across_a_picture_at_any_angle():
    step = 0.1
    x, y = np.meshgrid(np.arange(400) * step, np.arange(300) * step)
    away = (x - 20) * np.cos(0.3) + (y - 15) * np.sin(0.3)
    grey = np.interp(away, np.arange(-12, 12, 0.05), tube())
    image = Image(
        array=np.asfortranarray(grey[::-1, ::-1].T[:, :, None]),
        affine=np.diag([step, step, 1, 1]),
        quantity="signal",
    )
    across = np.array([np.cos(0.3), np.sin(0.3)])
    middle = np.array([20.0, 15.0])
    values = radiograph.grey_profile(image, middle - 9 * across, middle + 9 * across)
    assert radiograph.cortex(values).outer_width_mm == pytest.approx(9.72, abs=0.05)
    with pytest.raises(InputError, match="both ends must lie on the picture"):
        radiograph.grey_profile(image, (0, 0), (90, 0))


@pytest.mark.parametrize(
    ("grey", "message"),
    [
        ([1, 2, 3], "nine or more"),
        (tube()[240:], "begin and end in soft tissue"),
        (np.exp(-(np.linspace(-3, 3, 200) ** 2)), "no marrow cavity"),
    ],
)
def test_profiles_without_two_cortices_are_refused(grey, message):
    with pytest.raises(InputError, match=message):
        radiograph.cortex(grey, spacing_mm=0.05)


def test_what_readers_see_is_recorded_as_it_is():
    assert radiograph.singh_grade(3, side="left").value == 3
    assert radiograph.dorr_type("C").value == 3
    assert radiograph.canal_to_calcar_ratio(14, 25).value == pytest.approx(0.56)
    with pytest.raises(InputError, match="from 6 to 1, got 7"):
        radiograph.singh_grade(7)
    with pytest.raises(InputError, match="'A', 'B' or 'C', got 'D'"):
        radiograph.dorr_type("D")
    with pytest.raises(InputError, match="above zero"):
        radiograph.canal_to_calcar_ratio(0, 25)
