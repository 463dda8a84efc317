import itertools
import json

import nibabel as nib
import numpy as np
import pytest
from data import real
from scans import grid, scan

from enthesis import read, regions
from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap, Source
from enthesis.pipeline.measure import measure, read_scan
from enthesis.records import Subject

PSOAS = (slice(2, 6), slice(2, 7), slice(2, 24))
RIGHT_PSOAS = (slice(30, 36), slice(2, 7), slice(2, 24))
BODY = (slice(8, 26), slice(2, 22), slice(4, 22))

TOTALSEGMENTATOR_NAMES = {
    "deep_back_muscle": "autochthon",
    "clavicle": "clavicula",
    "costal_cartilage": "costal_cartilages",
    "hip_bone": "hip",
    "iliac_vein": "iliac_vena",
    "portal_and_splenic_vein": "portal_vein_and_splenic_vein",
    "vertebra": "vertebrae",
}


def small_scan(spacing=(1.0, 1.0, 1.0)):
    return scan(
        (40, 24, 26),
        {
            "psoas_major_left": (PSOAS, 50),
            "psoas_major_right": (RIGHT_PSOAS, 45),
            "vertebral_body_L1": (BODY, 140),
        },
        spacing=spacing,
    )


def numbers(result):
    """Every measurement by its place, so that two results can be compared."""
    return {(m.quantity, m.region, m.side, m.level, m.method): m.value for m in result.measurements}


def test_left_is_measured_as_left():
    result = measure(*small_scan())
    area = {
        m.side: m.value
        for m in result.measurements
        if m.quantity == "area" and "mid-body" in m.method
    }
    assert area == {"left": 4 * 5, "right": 6 * 5}


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)))
def test_the_same_scan_stored_in_any_orientation_measures_the_same(tmp_path, axes, flips):
    image, labels = small_scan((0.9, 0.8, 2.5))
    to_stored = nib.orientations.axcodes2ornt(
        [
            "".join(pair)[0 if flip > 0 else 1]
            for pair, flip in zip([("RL", "AP", "SI")[axis] for axis in axes], flips, strict=True)
        ]
    )
    for name, volume in (("image", image), ("labels", labels)):
        plain = nib.Nifti1Image(np.asarray(volume.array), volume.affine)
        stored = plain.as_reoriented(
            nib.orientations.ornt_transform(nib.io_orientation(volume.affine), to_stored)
        )
        nib.save(stored, tmp_path / f"{name}.nii")
    scheme = tmp_path / "labels.csv"
    scheme.write_text("label,name\n" + "".join(f"{n},{s}\n" for n, s in labels.names.items()))
    again = measure(*read_scan(tmp_path / "image.nii", tmp_path / "labels.nii", scheme=scheme))
    before, after = numbers(measure(image, labels)), numbers(again)
    assert after.keys() == before.keys()
    for key, value in before.items():
        # Affines pass through float32 in the header. Heights and what follows from them are read
        # between voxels, which a place on the border of a profile's range shifts by 0.05 voxels.
        steps = key[0].startswith("height_")
        assert after[key] == pytest.approx(value, rel=1e-6, abs=0.15 if steps else 0.0), key


def test_units_scale_as_lengths_do():
    one, two = measure(*small_scan()), measure(*small_scan((2.0, 2.0, 2.0)))
    for key, value in numbers(one).items():
        factor = {"area": 4, "volume": 8}.get(key[0])
        if factor:
            assert numbers(two)[key] == pytest.approx(factor * value)


def test_findings_name_what_is_missing():
    result = measure(*small_scan(), subject=Subject(sex="female"))
    categories = {finding.criterion: finding.category for finding in result.findings}
    assert categories["L1 attenuation, Pickhardt 2013 (United States)"] == "osteoporosis possible"
    low = [f for f in result.findings if f.criterion.startswith("Low muscle attenuation")]
    assert all(f.category == "cannot tell" and f.missing for f in low)


def test_an_image_without_hounsfield_units_has_findings_on_shape_alone():
    image, labels = small_scan()
    signal = Image(array=image.array, affine=image.affine, quantity="signal")
    result = measure(signal, labels)
    assert [finding.criterion for finding in result.findings] == [
        "Vertebral fracture, Genant 1993, T4 to L4"
    ]
    of_muscles = {m.quantity for m in result.measurements if not m.region.startswith("vertebra")}
    assert of_muscles == {"area", "volume"}
    assert "does not hold HU" in result.flags[0]


def test_muscle_that_cannot_be_in_hounsfield_units_is_flagged():
    image, labels = small_scan()
    stored = Image(array=image.array + np.int16(1024), affine=image.affine, quantity="hounsfield")
    assert any("are these Hounsfield units" in flag for flag in measure(stored, labels).flags)


def test_contrast_and_voltage_are_flagged():
    image, labels = small_scan()
    source = Source(modality="CT", facts={"contrast": True, "kvp": 100.0})
    enhanced = Image(array=image.array, affine=image.affine, quantity="hounsfield", source=source)
    flags = " ".join(measure(enhanced, labels).flags)
    assert "a contrast agent was given" in flags
    assert "100 kVp" in flags


def test_findings_carry_the_doubts_about_the_attenuation_they_use():
    image, labels = small_scan()
    source = Source(modality="CT", facts={"contrast": True, "kvp": 120.0})
    enhanced = Image(array=image.array, affine=image.affine, quantity="hounsfield", source=source)
    for finding in measure(enhanced, labels).findings:
        # Heights do not depend on contrast.
        if finding.criterion.startswith("Vertebral fracture"):
            continue
        assert any("a contrast agent was given" in flag for flag in finding.flags) == bool(
            finding.used
        )


def test_a_doubt_about_a_region_stands_beside_its_numbers_and_in_their_findings():
    doubt = "sent to review: the two readers agree by only 0.60"
    result = measure(*small_scan(), doubts={"psoas_major_left": doubt, "vertebral_body_L1": doubt})
    for m in result.measurements:
        right = m.region == "psoas_major" and m.side == "right"
        assert (doubt in m.flags) != right, m
    of_l1 = [finding for finding in result.findings if finding.criterion.startswith("L1")]
    assert of_l1 and all(doubt in finding.flags for finding in of_l1)


def test_a_doubt_about_a_body_is_said_of_what_is_measured_on_its_slices():
    result = measure(*small_scan(), doubts={"vertebral_body_L1": "it leaks"})
    said = "measured on the slices of a doubtful body: it leaks"
    muscles = [m for m in result.measurements if m.region == "psoas_major"]
    at_l1 = [m for m in muscles if m.level == "L1"]
    assert at_l1 and all(said in m.flags for m in at_l1)
    assert not any(said in m.flags for m in muscles if m.level != "L1")


def test_a_doubt_about_one_level_is_none_about_another():
    result = measure(*small_scan(), doubts={"vertebral_body_L2": "it leaks into the disc"})
    assert not any("leaks" in flag for m in result.measurements for flag in m.flags)


def test_hounsfield_units_read_as_fat_fractions_are_flagged():
    image, labels = small_scan()
    values = np.where(np.asarray(labels.array) > 0, image.array, -1000).astype(np.float32)
    as_percent = Image(array=values, affine=image.affine, quantity="fat_fraction")
    assert any(
        "-1000" in flag and "Hounsfield" in flag for flag in measure(as_percent, labels).flags
    )


def test_what_the_file_does_not_state_is_said():
    image, labels = small_scan()
    assert any("not stated in the file" in flag for flag in measure(image, labels).flags)


def turned(image, labels, matrix):
    return (
        Image(array=image.array, affine=matrix @ image.affine, quantity=image.quantity),
        LabelMap(array=labels.array, affine=matrix @ labels.affine, names=labels.names),
    )


@pytest.mark.parametrize(("degrees", "said"), [(9, False), (25, True)])
def test_slices_tilted_against_the_axial_plane_are_flagged(degrees, said):
    angle = np.deg2rad(degrees)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    flags = measure(*turned(*small_scan(), tilt)).flags
    assert any(f"tilted by {degrees} degrees" in flag for flag in flags) == said


def test_skewed_voxels_are_flagged():
    skew = np.eye(4)
    skew[1, 2] = np.tan(np.deg2rad(12))
    flags = " ".join(measure(*turned(*small_scan(), skew)).flags)
    assert "12.0 degrees off a right angle" in flags


def test_voxels_in_another_unit_than_millimetres_are_flagged():
    flags = " ".join(measure(*small_scan((3000.0, 3000.0, 3000.0))).flags)
    assert "does the header hold mm?" in flags
    assert "does the header hold mm?" not in " ".join(measure(*small_scan()).flags)


def test_voxels_without_a_number_are_left_out_and_counted():
    image, labels = small_scan()
    values = np.array(image.array, dtype=np.float32)
    whole = measure(Image(array=values, affine=image.affine, quantity="hounsfield"), labels)
    first = np.argwhere(labels.array == labels.label("psoas_major_left"))[0]
    values[tuple(first)] = np.nan
    holed = measure(Image(array=values, affine=image.affine, quantity="hounsfield"), labels)
    # Each region is uniform, so no mean moves, and areas and volumes count labels.
    assert numbers(holed) == pytest.approx(numbers(whole), nan_ok=True)
    (mean,) = (
        m
        for m in holed.measurements
        if (m.quantity, m.method, m.side) == ("attenuation_mean", "whole region", "left")
        and m.region == "psoas_major"
    )
    assert any(flag.startswith("1 of its ") for flag in mean.flags)


def test_labels_of_another_scan_are_refused():
    image, _ = small_scan()
    _, labels = small_scan((1, 1, 1.2))
    with pytest.raises(GridError, match="mm apart"):
        measure(image, labels)


def test_an_empty_label_map_is_refused():
    image, labels = small_scan()
    empty = LabelMap(array=np.zeros_like(labels.array), affine=grid(), names=labels.names)
    with pytest.raises(InputError, match="no voxel of the label map is labelled"):
        measure(image, empty)


def test_volumes_and_intensities_are_those_of_totalsegmentators_own_statistics():
    folder = real("totalsegmentator/example_seg_fast")
    expected = json.loads((folder / "statistics.json").read_text())
    result = measure(
        *read_scan(
            real("totalsegmentator/example_ct_sm.nii.gz"),
            real("totalsegmentator/example_seg_fast.nii.gz"),
            scheme="totalsegmentator",
        )
    )
    found = {}
    for m in result.measurements:
        if m.method != "whole region":
            continue
        name = TOTALSEGMENTATOR_NAMES.get(m.region, m.region)
        if name.startswith("rib_"):
            name = f"rib_{m.side}_{name.removeprefix('rib_')}"
        else:
            name = "_".join(part for part in (name, m.side, m.level) if part)
        found.setdefault(name, {})[m.quantity] = m.value
    present = {name: numbers for name, numbers in expected.items() if numbers["volume"]}
    assert set(found) == set(present)
    for name, values in present.items():
        assert found[name]["volume"] == values["volume"], name
        # The file prints five decimals.
        assert found[name]["attenuation_mean"] == pytest.approx(values["intensity"], abs=5.1e-6)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("totalsegmentator/example_ct_sm.nii.gz", "totalsegmentator/example_seg.nii.gz"),
        ("totalsegmentator/example_ct_dicom", "totalsegmentator/example_seg_dicom.nii.gz"),
    ],
)
def test_volumes_of_a_real_scan_are_a_direct_count_of_voxels(image, labels):
    stored = nib.load(real(labels))
    counts = np.bincount(np.asanyarray(stored.dataobj).ravel())[1:]
    voxel = float(np.prod(np.linalg.norm(stored.affine[:3, :3], axis=0)))
    result = measure(*read_scan(real(image), real(labels), scheme="totalsegmentator"))
    volumes = [m.value for m in result.measurements if m.quantity == "volume"]
    assert volumes == pytest.approx([n * voxel for n in counts if n], rel=1e-12)


def test_labels_beside_a_dicom_series_lie_on_its_grid():
    image = read.image(real("totalsegmentator/example_ct_dicom"))
    labels = read.labels(real("totalsegmentator/example_seg_dicom.nii.gz"), "totalsegmentator")
    assert image.shape == labels.shape == (512, 512, 20)
    assert image.spacing == pytest.approx((0.9765625, 0.9765625, 2.0))


def test_areas_and_fat_at_l2_are_those_counted_independently():
    folder = real("totalsegmentator")
    image, labels = folder / "example_ct_sm.nii.gz", folder / "example_seg_fast.nii.gz"
    scan_and_labels = read_scan(image, labels, scheme="totalsegmentator")
    result = measure(*scan_and_labels)
    expected = json.loads(real("peer_outputs/level_csa_example_seg_fast.json").read_text())["L2"]
    names = {"autochthon": "deep_back_muscle", "iliopsoas": "iliopsoas"}
    found = {
        (m.quantity, m.region, m.side): m.value
        for m in result.measurements
        if m.level == "L2" and m.method.endswith("axial slice through mid-body")
    }
    for theirs, ours in names.items():
        for side in ("left", "right"):
            one = expected[f"{theirs}_{side}"]
            assert found["area", ours, side] == one["csa_mm2"]
            # Three printed decimals of HU, five of the share.
            assert found["attenuation_mean", ours, side] == pytest.approx(
                one["mean_hu"], abs=5.1e-4
            )
            assert found["fat_infiltration", ours, side] == pytest.approx(
                100 * one["fi_hu"], abs=5.1e-4
            )
            assert found["functional_area", ours, side] == pytest.approx(
                one["lean"] * one["csa_mm2"], abs=0.05
            )


def test_the_lumbar_spine_of_a_real_scan_leans_as_it_was_measured_by_others():
    labels = read.labels(
        real("totalsegmentator/spine_report/test_result/totalseg.nii.gz"), "totalsegmentator"
    )
    bodies = regions.vertebral_bodies(labels)
    axes = regions.spine_axes(bodies, labels.affine)
    normal = regions.slice_normal(labels.affine)
    lean = {level: np.degrees(np.arccos(abs(axis @ normal))) for level, axis in axes.items()}
    # Centroids of whole vertebrae there, of bodies here. L5 differs (14.8 there): its chord to L4
    # alone lags behind the curve.
    for level, degrees in {"L1": 19.6, "L2": 16.7, "L3": 7.7, "L4": 6.8}.items():
        assert lean[level] == pytest.approx(degrees, abs=1.0)
