import numpy as np
import pytest
from data import real
from scipy import ndimage

from enthesis import read
from enthesis.bone import (
    apparent_microarchitecture,
    compartments,
    cortical_microarchitecture,
    local_thickness,
    microarchitecture,
    microarchitecture_by_density,
)
from enthesis.bone.intrinsic_volumes import intrinsic_volumes
from enthesis.image import Image

EDGE = 0.06


def volume(mask, *, edge=EDGE):
    return Image(
        array=np.asarray(mask, dtype=np.int16),
        affine=np.diag([edge, edge, edge, 1.0]),
        quantity="signal",
    )


def numbers(mask, **options):
    return {m.quantity: m.value for m in microarchitecture(volume(mask), threshold=0.5, **options)}


def plates(period=20, thickness=6, n=80):
    # Half a space lies at either border, so that its open balls are as large as the others.
    at = (np.arange(n) - (period - thickness) // 2) % period < thickness
    return np.broadcast_to(at[:, None, None], (n, 50, 50)).copy()


def points(n=80):
    return np.stack(np.meshgrid(*[np.arange(n, dtype=float)] * 3, indexing="ij"), axis=-1)


def test_plates_have_their_thickness_distance_and_number():
    found = numbers(plates())
    # Six voxels of bone and fourteen of marrow: 0.36 and 0.84 mm, every 1.2 mm.
    assert found["bone_volume_fraction"] == pytest.approx(30)
    assert found["trabecular_thickness"] == pytest.approx(0.36)
    assert found["trabecular_separation"] == pytest.approx(0.84)
    # Middles are two voxels thick here, which leaves 18 of 20 between them.
    assert found["trabecular_number"] == pytest.approx(1 / (18 * EDGE))
    assert found["structure_model_index"] == pytest.approx(0, abs=0.01)


def test_the_plate_model_is_exact_for_plates():
    oblique = np.abs((points() @ np.array([1, 2, 0.7]) / np.sqrt(5.49) + 1) % 20 - 10) < 3
    found = numbers(oblique)
    # Thirteen directions give the surface of an oblique plate to a few percent.
    assert found["trabecular_thickness_derived"] == pytest.approx(6 * EDGE, rel=0.05)
    assert found["trabecular_separation_derived"] == pytest.approx(14 * EDGE, rel=0.05)
    assert found["trabecular_number_derived"] == pytest.approx(1 / (20 * EDGE), rel=0.05)


@pytest.mark.parametrize(("shape", "smi"), [("ball", 4), ("rod", 3), ("plate", 0)])
def test_the_structure_model_index_of_solids(shape, smi):
    away = points(60) - 29.4
    axis = np.array([1.0, 0.6, 0.3]) / np.sqrt(1.45)
    along = away @ axis
    squared = (away**2).sum(axis=-1)
    inside = {
        "ball": squared < 15**2,
        "rod": squared - along**2 < 8**2,
        "plate": np.abs(along) < 4,
    }[shape]
    counted = intrinsic_volumes(inside, edge_mm=1.0)
    found = 12 * counted.volume * counted.mean_curvature / counted.surface**2
    # Thirteen directions and voxels.
    assert found == pytest.approx(smi, abs=0.25)


def test_surface_and_curvature_of_a_ball():
    squared = ((points(60) - 29.4) ** 2).sum(axis=-1)
    counted = intrinsic_volumes(squared < 400, edge_mm=0.5)
    # Counted on the 59^3 whole cells of the lattice; a ball of 10 mm.
    window = (59 * 0.5) ** 3
    assert counted.surface * window == pytest.approx(4 * np.pi * 100, rel=0.03)
    assert counted.mean_curvature * window == pytest.approx(4 * np.pi * 10, rel=0.03)
    assert counted.euler * window == pytest.approx(1)


def test_connections_of_a_lattice_of_bars():
    # One voxel more than five periods, so that the lattice's cells are counted five times whole.
    n = 51
    mask = np.zeros((n, n, n), dtype=bool)
    bars = (np.arange(n) - 4) % 10 < 2
    for one, other in ((0, 1), (1, 2), (0, 2)):
        shape_one, shape_other = [1, 1, 1], [1, 1, 1]
        shape_one[one], shape_other[other] = n, n
        mask |= bars.reshape(shape_one) & bars.reshape(shape_other)
    # Each cell of 10^3 voxels has one node and three bars: Euler number 1 - 3 = -2.
    expected = 2 / (10 * EDGE) ** 3
    assert numbers(mask)["connectivity_density"] == pytest.approx(expected, rel=0.01)


def painted_one_by_one(mask):
    depth = ndimage.distance_transform_edt(mask)
    inside = np.argwhere(mask)
    expected = np.zeros(mask.shape)
    for place in inside:
        radius = depth[tuple(place)]
        covered = inside[((inside - place) ** 2).sum(axis=1) < radius**2 - 1e-9]
        where = tuple(covered.T)
        expected[where] = np.maximum(expected[where], 2 * radius)
    return expected


# The wider the waves, the larger the balls, up to radii of 4, 7 and 13 voxels.
@pytest.mark.parametrize(("shape", "width"), [((20, 21, 19), 2), ((24, 20, 27), 5), ((28,) * 3, 9)])
def test_balls_are_painted_as_their_definition_says(shape, width):
    rng = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(rng.standard_normal(shape), width) > 0
    found = local_thickness(mask, (1.0, 1.0, 1.0))
    assert found == pytest.approx(painted_one_by_one(mask), abs=1e-5)


def test_a_large_ball_is_its_own_thickness():
    squared = ((points(69) - 34) ** 2).sum(axis=-1)
    ball = squared < 30**2
    found = local_thickness(ball, (0.5, 0.5, 0.5))
    # The ball around the middle holds every voxel; it reaches to the nearest voxel outside.
    assert found[ball] == pytest.approx(30.0)
    assert not found[~ball].any()


def test_thickness_does_not_change_when_the_volume_is_turned():
    rng = np.random.default_rng(1)
    mask = ndimage.gaussian_filter(rng.standard_normal((30, 30, 30)), 2) > 0.03
    turned = np.rot90(mask, axes=(0, 2))
    before, after = numbers(mask), numbers(turned)
    for name, value in before.items():
        # Sections by planes count other voxels on the border of so small a cube.
        allowed = 0.02 if name == "structure_model_index" else 1e-4
        assert after[name] == pytest.approx(value, rel=allowed), name


def test_a_compartment_keeps_what_lies_outside_out():
    mask = plates()
    within = np.zeros_like(mask)
    within[20:60] = True
    found = numbers(mask, within=within)
    assert found["bone_volume_fraction"] == pytest.approx(30)
    assert found["trabecular_thickness"] == pytest.approx(0.36)


def test_density_of_the_first_generation_gives_laibs_numbers():
    # 180 mg/cm3 are 15%; with 1.8 per mm 0.083 and 0.472 mm.
    found = {m.quantity: m.value for m in microarchitecture_by_density(180, 1.8)}
    assert found["bone_volume_fraction"] == pytest.approx(15.0)
    assert found["trabecular_thickness_derived"] == pytest.approx(0.083, abs=5e-4)
    assert found["trabecular_separation_derived"] == pytest.approx(0.472, abs=5e-4)
    with pytest.raises(ValueError, match="between 0 and 1200"):
        microarchitecture_by_density(1300, 1.8)


def test_unusable_volumes_are_refused():
    flat = Image(array=np.ones((9, 9, 9)), affine=np.diag([1, 1, 2, 1.0]), quantity="signal")
    with pytest.raises(ValueError, match="cubic voxels"):
        microarchitecture(flat, threshold=0.5)
    with pytest.raises(ValueError, match="every voxel lies at or above"):
        microarchitecture(volume(np.ones((9, 9, 9))), threshold=0.5)
    with pytest.raises(ValueError, match="no voxel lies at or above"):
        microarchitecture(volume(np.ones((9, 9, 9))), threshold=5)


def test_thin_trabeculae_are_flagged():
    (first, *_) = microarchitecture(volume(plates(thickness=2)), threshold=0.5)
    assert "2.0 voxels thick" in first.flags[-1]


def tube(n=100, height=30, edge=0.1, pores=0):
    """A tube of radius 4 and 3 mm, density 800, with bars of 0.2 mm through its marrow."""
    centre = (np.arange(n) + 0.5) * edge - n * edge / 2
    r = np.hypot(centre[:, None], centre[None])[:, :, None]
    near = np.arange(n) % 10 < 2
    i, j, k = near[:, None, None], near[None, :, None], near[None, None, :height]
    bars = (r < 3) & ((i & j) | (j & k) | (i & k))
    cortex = (r < 4) & (r >= 3)
    values = np.where(cortex | bars, 800.0, 20.0).astype(np.float32)
    for pore in range(pores):
        turn = 2 * np.pi * pore / pores
        x, y = (round(n / 2 + 3.5 / edge * part) for part in (np.cos(turn), np.sin(turn)))
        values[x - 1 : x + 2, y - 1 : y + 2, 5 : height - 5] = 20.0
    return Image(array=values, affine=np.diag([edge, edge, edge, 1.0]), quantity="bmd_ct")


def test_the_cortex_of_a_tube_is_told_from_its_trabeculae():
    image = tube()
    parts = compartments(image)
    r = np.hypot(*np.meshgrid(*[(np.arange(100) + 0.5) * 0.1 - 5] * 2, indexing="ij"))
    truth = ((r < 4) & (r >= 3))[:, :, None]
    overlap = 2 * (parts.cortical & truth).sum() / (parts.cortical.sum() + truth.sum() * 30)
    assert overlap > 0.95
    found = {m.quantity: m.value for m in cortical_microarchitecture(image, parts)}
    # One voxel of 0.1 mm.
    assert found["cortical_thickness"] == pytest.approx(1.0, abs=0.1)
    # Volume over outer surface of a round wall: (16 - 9) / (2 * 4) = 0.875 mm.
    assert found["cortical_thickness_derived"] == pytest.approx(0.875, abs=0.08)
    assert found["bone_area"] == pytest.approx(np.pi * 16, rel=0.02)
    assert found["cortical_porosity"] < 0.5


def test_pores_of_the_cortex_are_counted():
    image = tube(pores=12)
    found = {m.quantity: m.value for m in cortical_microarchitecture(image, compartments(image))}
    truth = 12 * 9 * 20 / (np.pi * 7 * 100 * 30) * 100
    # Smoothing before the threshold rounds a pore of three voxels by half a voxel.
    assert found["cortical_porosity"] == pytest.approx(truth, rel=0.4)


def test_a_bone_without_a_closed_cortex_is_refused():
    solid = Image(
        array=np.pad(np.full((20, 20, 20), 800.0), 5), affine=np.eye(4) * 0.1, quantity="bmd_ct"
    )
    with pytest.raises(ValueError, match="no marrow was found"):
        compartments(Image(array=solid.array, affine=np.diag([0.1] * 3 + [1]), quantity="bmd_ct"))


def test_apparent_numbers_of_bars_in_plane():
    share = np.zeros((60, 60, 4))
    share[(np.arange(60) - 3) % 10 < 3] = 1.0
    within = np.ones(share.shape, dtype=bool)
    found = {
        m.quantity: m.value
        for m in apparent_microarchitecture(share, (0.2, 0.2, 0.5), within=within)
    }
    # Bars every 2 mm: lines along I enter each, diagonals fewer by the root of 2, J none.
    number = (0.5 + 2 * 0.5 / np.sqrt(2)) / 4
    assert found["bone_volume_fraction"] == pytest.approx(30)
    assert found["trabecular_number_derived"] == pytest.approx(number, rel=0.03)
    assert found["trabecular_thickness_derived"] == pytest.approx(0.3 / number, rel=0.03)
    with pytest.raises(ValueError, match="between 0 and 1"):
        apparent_microarchitecture(share * 2, (0.2, 0.2, 0.5), within=within)


def test_a_real_trabecular_cube_has_numbers_of_trabecular_bone():
    image = read.image(real("bonebox_trab_uct/isodata_04216_roi_0.nrrd"), quantity="signal")
    # The header says 1; the voxels are 0.05 mm.
    cube = Image(
        array=image.array[:100, :100, :100], affine=np.diag([0.05] * 3 + [1]), quantity="signal"
    )
    found = {m.quantity: m.value for m in microarchitecture(cube, threshold=127)}
    assert 8 < found["bone_volume_fraction"] < 25
    assert 0.1 < found["trabecular_thickness"] < 0.3
    assert 0.3 < found["trabecular_separation"] < 1.2
    assert 0.5 < found["structure_model_index"] < 3.0
    assert found["connectivity_density"] > 0.5


def test_a_synthetic_cross_of_a_scanco_file_is_three_bars():
    image = read.image(real("ormir_xct/test_isq.ISQ"))
    found = {m.quantity: m.value for m in microarchitecture(image, threshold=0.5)}
    assert found["bone_volume_fraction"] == pytest.approx(100 * (image.array > 0).mean())
    # One piece without a loop: Euler number 1, so nothing can be cut.
    assert found["connectivity_density"] == pytest.approx(0, abs=0.05)
