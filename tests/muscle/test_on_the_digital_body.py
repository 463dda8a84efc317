import numpy as np
import pytest

from enthesis import regions
from enthesis.image import Image, LabelMap
from enthesis.muscle import areas, areas_across, fat_fractions, stretches, treat_edges
from enthesis.phantom import lumbar_dixon

LEAST_MM2 = 400.0


@pytest.fixture(scope="module")
def body():
    return lumbar_dixon(spacing_mm=(2.0, 2.0, 4.0), rng=np.random.default_rng(7))


def measured(image, labels):
    """Areas over the height and across the spine, fat fraction, by muscle, side and level."""
    voxels = regions.labelled_voxels(image, labels)
    bodies = regions.vertebral_bodies(labels)
    whole = stretches(voxels, bodies, slices=["body height"])
    inner = treat_edges(voxels, whole, how="unmixed")
    found = [
        *areas(whole),
        *areas_across(voxels, bodies, planes=["vertebra"]),
        *fat_fractions(inner),
    ]
    values = {(m.quantity, m.region, m.side, m.level): m.value for m in found}
    for m in areas_across(voxels, bodies, planes=["vertebra height"]):
        if m.quantity == "area_perpendicular":
            values["area_perpendicular_mean", m.region, m.side, m.level] = m.value
    return values


def truth(body, quantity):
    return {
        (m.quantity, m.region, m.side, m.level): m.value
        for m in body.truth
        if m.quantity == quantity and "height" in m.method
    }


def test_areas_over_the_height_are_the_true_ones_within_three_percent(body):
    found = measured(body.fat_fraction, body.labels)
    for place, true in truth(body, "area").items():
        if true >= LEAST_MM2:
            assert found[place] == pytest.approx(true, rel=0.03), place


def test_fat_fractions_are_the_true_ones_within_a_point_and_a_half_in_the_mean(body):
    found, area = measured(body.fat_fraction, body.labels), truth(body, "area")
    errors = np.array(
        [
            found[place] - true
            for place, true in truth(body, "fat_fraction").items()
            if area.get(("area", *place[1:]), 0) >= LEAST_MM2
        ]
    )
    assert errors.size > 20
    assert abs(errors.mean()) < 0.5
    assert np.sqrt((errors**2).mean()) < 1.0
    assert np.quantile(np.abs(errors), 0.95) < 1.5


def test_a_mirrored_scan_measures_left_for_right(body):
    swap = {"left": "right", "right": "left", "": ""}
    names = {
        number: "_".join(swap.get(word, word) for word in name.split("_"))
        for number, name in body.labels.names.items()
    }
    affine = body.labels.affine
    mirrored = measured(
        Image(array=body.fat_fraction.array[::-1], affine=affine, quantity="fat_fraction"),
        LabelMap(array=body.labels.array[::-1], affine=affine, names=names),
    )
    found = measured(body.fat_fraction, body.labels)
    again = {(q, r, swap[side], level): v for (q, r, side, level), v in mirrored.items()}
    # Sums run in another order.
    assert again == pytest.approx(found, rel=1e-5, nan_ok=True)


def test_voxels_cut_in_two_along_every_axis_measure_the_same(body):
    def finer(array):
        for axis in range(3):
            array = array.repeat(2, axis=axis)
        return array

    coarse = body.labels.affine
    affine = coarse @ np.diag([0.5, 0.5, 0.5, 1.0])
    affine[:3, 3] = (coarse @ [-0.25, -0.25, -0.25, 1.0])[:3]
    fine = measured(
        Image(array=finer(body.fat_fraction.array), affine=affine, quantity="fat_fraction"),
        LabelMap(array=finer(body.labels.array), affine=affine, names=body.labels.names),
    )
    found = measured(body.fat_fraction, body.labels)
    of_area = [key for key in found if key[0].startswith("area")]
    for key in of_area:
        if found[key] >= LEAST_MM2:
            # Linear between slices before, a step within them after.
            assert fine[key] == pytest.approx(found[key], rel=0.02), key
