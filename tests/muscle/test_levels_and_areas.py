import numpy as np
import pytest
from scans import scan

from enthesis import regions
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle import (
    areas,
    areas_across,
    fat_fractions,
    largest_areas,
    stretches,
    together,
    treat_edges,
    volumes_between,
)
from enthesis.muscle.area import FEW_PIXELS, FEW_PIXELS_FLAG, LEFT_SCAN_FLAG
from enthesis.muscle.edges import share_inside
from enthesis.muscle.levels import CLIPPED_FLAG
from enthesis.phantom import lumbar_ct

PSOAS = (slice(2, 6), slice(2, 7), slice(2, 38))
MULTIFIDUS = (slice(26, 36), slice(2, 12), slice(2, 38))
ERECTOR = (slice(26, 36), slice(12, 16), slice(2, 38))


def spine(**more):
    """Two bodies of 10 slices, L3 above L4, with a labelled disc between, and a psoas."""
    return scan(
        (40, 24, 40),
        {
            "psoas_major_left": (PSOAS, 50),
            "vertebral_body_L3": ((slice(8, 24), slice(2, 22), slice(24, 34)), 150),
            "intervertebral_disc_L3_L4": ((slice(8, 24), slice(2, 22), slice(19, 24)), 90),
            "vertebral_body_L4": ((slice(8, 24), slice(2, 22), slice(9, 19)), 150),
            **more,
        },
    )


def seen(image, labels):
    voxels = regions.labelled_voxels(image, labels)
    bodies = regions.vertebral_bodies(labels)
    return voxels, bodies, regions.discs(labels, bodies)


def test_every_rule_of_slices_has_its_own():
    voxels, bodies, discs = seen(*spine())
    found = stretches(
        voxels,
        bodies,
        discs,
        slices=["mid-body", "superior endplate", "inferior endplate", "mid-disc", "body height"],
    )
    places = {(s.level, s.slices.rpartition(" ")[2]): (s.first, s.last) for s in found}
    assert places["L3", "mid-body"] in {(28, 28), (29, 29)}
    assert [(s.first, s.last) for s in found if "superior" in s.slices] == [(33, 33), (18, 18)]
    assert [(s.first, s.last) for s in found if "inferior" in s.slices] == [(24, 24), (9, 9)]
    assert places["L3_L4", "mid-disc"] == (21, 21)
    assert [(s.first, s.last) for s in found if "height" in s.slices] == [(24, 33), (9, 18)]


def test_only_the_levels_and_muscles_asked_for_are_measured():
    voxels, bodies, _ = seen(*spine(multifidus_left=(MULTIFIDUS, 50)))
    found = stretches(voxels, bodies, levels=["L4"], structures=["multifidus"])
    assert {(s.level, s.muscle.structure) for s in found} == {("L4", "multifidus")}


def test_unknown_slices_are_refused():
    voxels, bodies, _ = seen(*spine())
    with pytest.raises(InputError, match="no slices named 'middle'"):
        stretches(voxels, bodies, slices=["middle"])


def test_a_muscle_at_the_side_of_the_scan_is_flagged_there_only():
    edge = (slice(0, 3), slice(2, 7), slice(24, 34))
    inside = (slice(1, 3), slice(2, 7), slice(9, 19))
    image, labels = spine(iliacus_left=(edge, 50))
    array = np.array(labels.array)
    array[inside] = labels.label("iliacus_left")
    labels = type(labels)(array=array, affine=labels.affine, names=labels.names)
    voxels, bodies, _ = seen(image, labels)
    found = stretches(voxels, bodies, structures=["iliacus"], slices=["mid-body"])
    assert [CLIPPED_FLAG in s.flags for s in found] == [True, False]
    across = areas_across(voxels, bodies, planes=["vertebra"], structures=["iliacus"])
    assert [CLIPPED_FLAG in m.flags for m in across] == [True, True, False, False]
    for m in volumes_between(voxels, bodies, structures=["iliacus"]):
        assert m.flags == (CLIPPED_FLAG,)


def test_ends_of_the_height_between_two_slices_count_by_their_share():
    # The body's cut falls from 100 to 20 pixels between two slices; half of it lies 5/8 of a step
    # beyond the last full one.
    body = np.zeros((12, 12, 12), np.uint8)
    body[1:11, 1:11, 4:8] = 1
    body[1:11, 1:3, 8] = 1
    body[1:11, 1:3, 3] = 1
    body[11, :, :6] = 2
    labels = spine()[1]
    labels = type(labels)(
        array=body, affine=labels.affine, names={1: "vertebral_body_L3", 2: "psoas_major_left"}
    )
    image = Image(array=np.zeros(body.shape, np.int16), affine=labels.affine, quantity="hounsfield")
    voxels, bodies, _ = seen(image, labels)
    assert (bodies["L3"].bottom, bodies["L3"].top) == pytest.approx((3.375, 7.625))
    (mean,) = areas(stretches(voxels, bodies, slices=["body height"]))
    # 12 pixels from 3.375 to the end of slice 5 at 5.5, out of 4.25.
    assert mean.value == pytest.approx(12 * (5.5 - 3.375) / 4.25)


def test_trimming_leaves_out_pixels_with_a_neighbour_outside():
    image, labels = spine(multifidus_left=(MULTIFIDUS, 50))
    values = np.array(image.array)
    # The rim of the 10 x 10 square is half fat.
    values[26:36, 2:12, :] = -25
    values[27:35, 3:11, :] = 50
    image = Image(array=values, affine=image.affine, quantity="hounsfield")
    voxels, bodies, _ = seen(image, labels)
    (whole,) = stretches(
        voxels, bodies, structures=["multifidus"], levels=["L3"], slices=["mid-body"]
    )
    (inner,) = treat_edges(voxels, [whole], how="trimmed")
    assert (whole.values.size, inner.values.size) == (100, 64)
    assert set(inner.values) == {50}
    assert inner.area == whole.area == 100
    assert inner.measurement("fat_fraction", 1.0, "mean").method.startswith("mean, rim left out, ")


def test_a_muscle_too_small_to_trim_keeps_its_rim_and_says_so():
    voxels, bodies, _ = seen(*spine())
    whole = stretches(voxels, bodies, levels=["L3"], slices=["mid-body"])
    (s,) = treat_edges(voxels, whole, how="trimmed")
    assert s.values.size == 20
    assert "too small to treat its rim apart" in s.flags[-1]


SHEET = (slice(26, 36), slice(0, 24), slice(0, 40))


def rim_shared(mean, outside, **more):
    """A muscle right across the scan, flat on two sides, where each takes an eighth of the other's
    voxels."""
    image, labels = spine(multifidus_left=(SHEET, 50), **more)
    values = np.full(image.shape, float(outside))
    values[26:36] = mean
    for own, other in ((26, 25), (35, 36)):
        values[own] = (7 * mean + outside) / 8
        values[other] = (7 * outside + mean) / 8
    fraction = Image(array=values, affine=image.affine, quantity="fat_fraction")
    return fraction, labels


def sheet(image, labels):
    voxels, bodies, _ = seen(image, labels)
    return voxels, stretches(
        voxels, bodies, structures=["multifidus"], levels=["L3"], slices=["mid-body"]
    )


def test_a_voxel_at_an_even_edge_is_expected_to_lose_an_eighth():
    inside = np.zeros((6, 4, 4), bool)
    inside[:3] = True
    expected = np.array([1, 1, 7 / 8, 1 / 8, 0, 0])
    assert share_inside(inside) == pytest.approx(np.tile(expected[:, None, None], (1, 4, 4)))


def test_edges_aslant_lose_what_points_spread_over_a_voxel_lose():
    # Half-spaces of every direction and depth: the part of the voxels on either side that lies
    # beyond, over the surface, is half the mean distance from the plane through a voxel's middle.
    rng = np.random.default_rng(1)
    place = np.stack(np.meshgrid(*[np.arange(16) - 7.5] * 3, indexing="ij"))
    true, expected = 0.0, 0.0
    points = rng.uniform(-0.5, 0.5, (400, 3))
    for _ in range(60):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        depth = rng.uniform(-0.5, 0.5) - np.tensordot(normal, place, 1)
        middle = (slice(3, -3),) * 3
        inside = depth > 0
        share = (depth[middle][..., None] + points @ normal > 0).mean(axis=-1)
        true += (1 - share)[inside[middle]].sum()
        expected += (1 - share_inside(inside)[middle])[inside[middle]].sum()
    # What the faces around a voxel tell of the direction is right to some percent.
    assert expected == pytest.approx(true, rel=0.05)


def test_unmixing_takes_out_what_lies_outside():
    voxels, whole = sheet(*rim_shared(20.0, 100.0))
    (inner,) = treat_edges(voxels, whole, how="unmixed")
    assert whole[0].values.mean() == pytest.approx(22)
    assert inner.values == pytest.approx(np.full(240, 20.0))
    assert inner.area == whole[0].area
    fat = fat_fractions([inner])[0]
    assert fat.value == pytest.approx(20)
    assert fat.method.startswith("mean of all voxels, rim unmixed, axial slice")


def test_unmixing_changes_nothing_where_the_outside_is_alike():
    voxels, whole = sheet(*rim_shared(20.0, 20.0))
    (inner,) = treat_edges(voxels, whole, how="unmixed")
    assert inner.values == pytest.approx(whole[0].values)


def test_unmixing_leaves_voxels_without_a_number_as_they_are():
    image, labels = rim_shared(20.0, 100.0)
    values = np.array(image.array)
    values[30, 5] = np.nan
    values[25, 5] = np.nan
    image = Image(array=values, affine=image.affine, quantity="fat_fraction")
    voxels, whole = sheet(image, labels)
    (inner,) = treat_edges(voxels, whole, how="unmixed")
    assert np.isnan(inner.values).sum() == 1
    assert np.nanmean(inner.values) == pytest.approx(20)


def test_what_lies_hidden_between_two_muscles_is_not_taken_for_theirs():
    # Fascia with fat, thinner than a voxel, lies between the two on their common border.
    beside = (slice(36, 40), slice(0, 24), slice(0, 40))
    image, labels = rim_shared(20.0, 100.0, erector_spinae_left=(beside, 50))
    values = np.array(image.array)
    values[36:] = 10.0
    values[35:37] += 30.0
    image = Image(array=values, affine=image.affine, quantity="fat_fraction")
    voxels, whole = sheet(image, labels)
    (inner,) = treat_edges(voxels, whole, how="unmixed")
    assert inner.values == pytest.approx(np.full(240, 20.0))


def test_cortex_is_hidden_on_ct_and_gives_no_signal_on_fat_fractions():
    beside = (slice(36, 40), slice(0, 24), slice(0, 40))
    image, labels = rim_shared(20.0, 100.0, sacrum=(beside, 300))
    values = np.array(image.array)
    values[34] = 36.0
    at_bone = {}
    for quantity in ("hounsfield", "fat_fraction"):
        scanned = Image(array=values, affine=image.affine, quantity=quantity)
        voxels, whole = sheet(scanned, labels)
        (inner,) = treat_edges(voxels, whole, how="unmixed")
        # Values run row by row: the last of each ten lies at the bone.
        at_bone[quantity] = inner.values.reshape(24, 10)[:, -1]
    # The mean of the neighbours further in, where the edge is hidden.
    assert at_bone["hounsfield"] == pytest.approx(np.full(24, 36.0))
    # Its own 30 less an eighth of the 100 outside, filled up with an eighth of the mean, 21.6.
    assert at_bone["fat_fraction"] == pytest.approx(np.full(24, 30 - 12.5 + 21.6 / 8), abs=0.1)


def test_unknown_edges_are_refused():
    voxels, whole = sheet(*rim_shared(20.0, 100.0))
    with pytest.raises(InputError, match="edges are not 'eroded'; known are: as labelled"):
        treat_edges(voxels, whole, how="eroded")


def test_muscles_together_are_their_voxels_joined():
    parts = {"multifidus_left": (MULTIFIDUS, 50), "erector_spinae_left": (ERECTOR, 30)}
    voxels, bodies, _ = seen(*spine(**parts))
    found = stretches(voxels, bodies, levels=["L3"], slices=["mid-body"])
    (whole,) = together(found, {"deep_back_muscle": ("multifidus", "erector_spinae")})
    assert whole.muscle.name == "deep_back_muscle_left"
    assert whole.area == 100 + 40
    assert whole.values.mean() == pytest.approx((100 * 50 + 40 * 30) / 140)


def test_one_muscle_of_two_is_flagged_when_they_are_taken_together():
    voxels, bodies, _ = seen(*spine(multifidus_left=(MULTIFIDUS, 50)))
    found = stretches(voxels, bodies, levels=["L3"], slices=["mid-body"])
    (whole,) = together(found, {"deep_back_muscle": ("multifidus", "erector_spinae")})
    assert whole.flags == (
        "of multifidus and erector spinae only multifidus is labelled on these slices",
    )


def test_the_largest_area_is_that_of_the_fullest_slice():
    voxels, _, _ = seen(*spine())
    array = voxels.counts(1)
    assert largest_areas(voxels)[0].value == array.max() == 20


def test_volume_over_height_is_the_mean_area_between():
    voxels, bodies, _ = seen(*spine())
    volume, per_height = volumes_between(voxels, bodies)
    # Slices 9 to 33.
    assert volume.value == 25 * 20
    assert per_height.value == pytest.approx(20)
    assert "from L3 to L4" in volume.method


def test_volumes_leave_out_vertebrae_that_the_scan_cuts_off():
    voxels, bodies, _ = seen(
        *scan(
            (30, 24, 30),
            {
                "psoas_major_left": ((slice(2, 6), slice(2, 7), slice(0, 30)), 50),
                "vertebral_body_L3": ((slice(8, 24), slice(2, 22), slice(20, 30)), 150),
                "vertebral_body_L4": ((slice(8, 24), slice(2, 22), slice(6, 16)), 150),
            },
        )
    )
    volume, _ = volumes_between(voxels, bodies)
    assert volume.value == 10 * 20
    assert volume.method.startswith("beside L4")


def test_in_an_upright_spine_all_planes_cut_the_same():
    voxels, bodies, _ = seen(*spine())
    found = areas_across(voxels, bodies, planes=["slices", "vertebra", "muscle"], levels=["L3"])
    sizes = [m.value for m in found if m.quantity in {"area", "area_perpendicular"}]
    tilts = [m.value for m in found if m.quantity == "obliquity"]
    assert sizes == pytest.approx([20, 20, 20])
    assert tilts == pytest.approx([0, 0], abs=1e-5)


def test_an_oblique_spine_inflates_axial_areas_by_the_inverse_cosine():
    # Every slice is moved forwards by 0.4 mm per mm: a shear, so each axial cut stays as it was.
    image, labels = spine()
    slope = 0.4
    lean = np.eye(4)
    lean[1, 2] = slope
    leaning = (
        Image(array=image.array, affine=lean @ image.affine, quantity="hounsfield"),
        type(labels)(array=labels.array, affine=lean @ labels.affine, names=labels.names),
    )
    voxels, bodies, _ = seen(*leaning)
    found = areas_across(voxels, bodies, planes=["vertebra", "muscle"], levels=["L3"])
    expected = 20 * np.cos(np.arctan(slope))
    assert [m.value for m in found if m.quantity == "area_perpendicular"] == pytest.approx(
        [expected, expected], rel=1e-4
    )
    assert found[1].value == pytest.approx(np.degrees(np.arctan(slope)))


def test_the_mean_across_the_spine_is_of_the_body_s_height():
    # A muscle that grows by a pixel a slice: its mean over ten slices is that of the middle.
    image, labels = spine()
    array = np.array(labels.array)
    array[array == 1] = 0
    for k in range(40):
        array[0 : max(k - 20, 0), 0:2, k] = 1
    grown = type(labels)(array=array, affine=labels.affine, names=labels.names)
    voxels, bodies, _ = seen(image, grown)
    found = areas_across(voxels, bodies, planes=["vertebra", "vertebra height"], levels=["L3"])
    assert [m.quantity for m in found] == ["area_perpendicular", "obliquity", "area_perpendicular"]
    # Slices 24 to 33, pixels in two rows.
    assert found[2].value == pytest.approx(2 * np.mean(np.arange(24, 34) - 20))
    assert found[2].method == "planes over the body's height, across the spine"


def test_a_cut_of_few_pixels_says_what_their_grid_does_to_it():
    voxels, bodies, _ = seen(*spine(multifidus_left=(MULTIFIDUS, 50)))
    small, large = areas(stretches(voxels, bodies, levels=["L3"], slices=["mid-body"]))
    assert small.flags == (FEW_PIXELS_FLAG,)
    assert large.flags == ()


def test_a_round_outline_of_44_pixels_is_counted_with_an_sd_of_three_percent():
    # The formula behind the flag, by counting discs laid on the grid at random.
    rng = np.random.default_rng(1)
    i, j = np.indices((11, 11)) - 5
    counts = [
        np.count_nonzero((i - x) ** 2 + (j - y) ** 2 < FEW_PIXELS / np.pi)
        for x, y in rng.uniform(-0.5, 0.5, (4000, 2))
    ]
    assert np.mean(counts) == pytest.approx(FEW_PIXELS, rel=0.005)
    # A disc of one size comes and goes with its radius; the formula is the mean over sizes.
    assert np.std(counts) / FEW_PIXELS == pytest.approx(0.03, abs=0.01)


def test_a_plane_that_leaves_the_scan_within_a_muscle_has_no_area():
    image, labels = spine()
    lean = np.eye(4)
    lean[1, 2] = 0.4
    # Of L3 seven of ten slices are left; behind, the plane across it lies above the last of them.
    affine = lean @ image.affine
    voxels, bodies, _ = seen(
        Image(array=image.array[:, :, :31], affine=affine, quantity="hounsfield"),
        type(labels)(array=labels.array[:, :, :31], affine=affine, names=labels.names),
    )
    area, tilt = areas_across(
        voxels, bodies, planes=["vertebra"], structures=["psoas_major"], levels=["L3"]
    )
    assert np.isnan(area.value)
    assert np.isfinite(tilt.value)
    assert LEFT_SCAN_FLAG in area.flags


def test_unknown_planes_are_refused():
    voxels, bodies, _ = seen(*spine())
    with pytest.raises(InputError, match="no plane named 'disc'"):
        areas_across(voxels, bodies, planes=["disc"])


def test_areas_across_the_spine_of_the_digital_body_are_those_it_was_made_with():
    made = lumbar_ct(spacing_mm=(2.0, 2.0, 4.0), rng=np.random.default_rng(7))
    voxels, bodies, _ = seen(made.image, made.labels)
    for m in areas_across(voxels, bodies, planes=["vertebra"], structures=["erector_spinae"]):
        if m.quantity == "area_perpendicular" and m.level in {"L2", "L3", "L4"}:
            wanted = made.body.wanted_area(m.region, m.side, int(m.level[1]) - 1)
            # 2 mm pixels around some 140 mm of outline, and an axis known to a degree.
            assert m.value == pytest.approx(wanted, rel=0.03)
