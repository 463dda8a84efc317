from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from data import real

from enthesis import read
from enthesis.errors import GridError, InputError
from enthesis.image import Image


def save(path, array, affine=None):
    image = nib.Nifti1Image(array, np.eye(4) if affine is None else affine)
    nib.save(image, path)
    return path


def label_map(path, *numbers, dtype=np.uint8):
    array = np.zeros((4, 5, 6), dtype=dtype)
    for place, number in enumerate(numbers):
        array[place % 4, :, place // 4] = number
    return save(path, array)


def mask(folder, name, box, *, value=1, shape=(4, 5, 6), affine=None):
    array = np.zeros(shape, np.uint8)
    array[box] = value
    folder.mkdir(exist_ok=True)
    return save(folder / f"{name}.nii.gz", array, affine)


@pytest.mark.parametrize(
    ("scheme", "number", "region"),
    [
        # TotalSegmentator v2, map_to_binary.py, tasks total and total_mr.
        ("totalsegmentator", 29, "vertebra_L3"),
        ("totalsegmentator", 26, "vertebra_S1"),
        ("totalsegmentator", 64, "portal_and_splenic_vein"),
        ("totalsegmentator", 67, "iliac_vein_left"),
        ("totalsegmentator", 73, "clavicle_left"),
        ("totalsegmentator", 77, "hip_bone_left"),
        ("totalsegmentator", 86, "deep_back_muscle_left"),
        ("totalsegmentator", 98, "rib_7_left"),
        ("totalsegmentator", 117, "costal_cartilage"),
        ("totalsegmentator-mr", 19, "vertebra"),
        ("totalsegmentator-mr", 20, "intervertebral_disc"),
        ("totalsegmentator-mr", 49, "iliopsoas_right"),
        ("totalsegmentator-vertebrae-mr", 4, "vertebra_L3"),
        ("totalsegmentator-vertebrae-body", 1, "vertebral_body"),
        # MuscleMap's docs/muscle-anatomy.md.
        ("musclemap", 5101, "multifidus_left"),
        ("musclemap", 5112, "erector_spinae_right"),
        ("musclemap", 6160, "sacrum"),
        ("musclemap", 8151, "lateral_gastrocnemius_left"),
        ("musclemap-1.2", 8151, "tibia_left"),
    ],
)
def test_a_number_of_a_known_model_means_its_region(scheme, number, region, tmp_path):
    found = read.labels(label_map(tmp_path / "seg.nii.gz", number, dtype=np.uint16), scheme)
    assert dict(found.names) == {number: region}


def test_the_schemes_are_as_long_as_their_models_say():
    lengths = {name: len(regions) for name, regions in read.SCHEMES.items()}
    assert lengths["totalsegmentator"] == 117
    assert lengths["totalsegmentator-mr"] == 50
    assert lengths["musclemap"] == 113
    assert lengths["musclemap-1.2"] == 99
    assert set(read.SCHEMES) > read.MR_SCHEMES


@pytest.mark.parametrize(
    ("stored", "kept"), [(np.float64, np.uint8), (np.int32, np.uint8), (np.uint16, np.uint8)]
)
def test_whole_numbers_of_any_type_become_the_smallest_unsigned_type(stored, kept, tmp_path):
    found = read.labels(label_map(tmp_path / "s.nii", 31, 88, dtype=stored), "totalsegmentator")
    assert found.array.dtype == kept
    assert found.names == {31: "vertebra_L1", 88: "iliopsoas_left"}


def test_a_late_large_number_widens_the_type(tmp_path):
    found = read.labels(
        label_map(tmp_path / "s.nii", 1, 1, 1, 1, 5101, dtype=np.int32),
        _table(tmp_path, {"1": "sacrum", "5101": "multifidus_left"}),
    )
    assert found.array.dtype == np.uint16


def _table(folder, content):
    path = folder / "names.json"
    path.write_text(json.dumps(content))
    return path


def test_musclemaps_leg_is_flagged_because_its_numbers_changed(tmp_path):
    path = label_map(tmp_path / "seg.nii.gz", 5101, 8131, dtype=np.uint16)
    (flag,) = read.labels(path, "musclemap").source.flags
    assert "number the leg differently" in flag
    path = label_map(tmp_path / "seg.nii.gz", 5101, dtype=np.uint16)
    assert read.labels(path, "musclemap").source.flags == ()


def test_an_unknown_number_is_named_with_its_voxels_and_the_scheme_that_fits(tmp_path):
    path = label_map(tmp_path / "seg.nii.gz", 1, 117)
    with pytest.raises(
        InputError,
        match=r"label 117 \(5 voxels\) is not in the scheme 'totalsegmentator-mr' \(1 to 50\); "
        "all labels of this map are in: totalsegmentator",
    ):
        read.labels(path, "totalsegmentator-mr")
    array = np.zeros((3, 3, 3), np.uint8)
    array[1, 1, 1] = 250
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    with pytest.raises(InputError, match=r"label 250 \(1 voxel\) is not in the scheme"):
        read.labels(path, "totalsegmentator")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (-3, "holds -3, and labels are not negative"),
        (1.5, "holds 1.5, which is no whole number"),
        (np.nan, "holds nan, which is no whole number"),
        (2e9, "too large for a label"),
        (0, "labels no voxel"),
    ],
)
def test_what_cannot_be_a_label_is_refused(number, message, tmp_path):
    path = label_map(tmp_path / "seg.nii", number, dtype=np.float64)
    with pytest.raises(InputError, match=message):
        read.labels(path, "totalsegmentator")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "label,name\n0,background\n4,psoas_major_left\n9,vertebra_L3\n"),
        ("a.csv", "\ufeffIndex;Name\n4;psoas_major_left\n9;vertebrae_L3\n"),
        ("a.tsv", "index\tname\tcolor\n4\tpsoas_major_left\t#fff\n9\tvertebra_L3\t#000\n"),
        ("a.csv", "index,label\n4,psoas_major_left\n9,vertebra_L3\n"),
        ("a.json", '{"4": "psoas_major_left", "9": "vertebra_L3"}'),
        ("a.json", '{"labels": {"background": 0, "psoas_major_left": 4, "vertebra_L3": 9}}'),
    ],
)
def test_a_users_own_table_names_the_numbers(name, text, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read.labels(label_map(tmp_path / "seg.nii", 4, 9), tmp_path / name)
    assert found.names == {4: "psoas_major_left", 9: "vertebra_L3"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "label,name\n4,psoas_majr_left\n", "row 2: .*did you mean psoas_major"),
        ("a.csv", "label,name\n4,psoas_major_left\n4,sacrum\n", "row 3: label 4 is named a second"),
        ("a.csv", "label,name\n4.5,sacrum\n", "row 2: .*not a whole label number"),
        ("a.csv", "label,name\n-1,sacrum\n", "label -1 is negative"),
        ("a.csv", "label,colour\n4,red\n", "needs a column 'label'"),
        ("a.json", "{4: sacrum}", "is not JSON"),
        ("a.json", "[1, 2]", "is to hold"),
        ("a.json", "{}", "names no label"),
        ("a.txt", "4 sacrum", "no label scheme named"),
    ],
)
def test_a_doubtful_table_is_refused_with_its_row(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read.labels(label_map(tmp_path / "seg.nii", 4), tmp_path / name)


def test_labels_without_a_scheme_are_refused(tmp_path):
    with pytest.raises(InputError, match="name a scheme: totalsegmentator"):
        read.labels(label_map(tmp_path / "seg.nii", 4))


def test_labels_on_another_grid_than_the_image_are_refused(tmp_path):
    path = label_map(tmp_path / "seg.nii", 31)
    moved = nib.affines.from_matvec(np.eye(3), [0, 0, 2])
    image = Image(array=np.zeros((4, 5, 6), np.int16), affine=moved, quantity="hounsfield")
    with pytest.raises(GridError, match="2 mm apart"):
        read.labels(path, "totalsegmentator", like=image)


def test_a_folder_of_masks_becomes_one_label_map(tmp_path):
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    mask(tmp_path / "m", "autochthon_left", np.s_[0], affine=affine)
    mask(tmp_path / "m", "vertebrae_L1", np.s_[1], value=255, affine=affine)
    mask(tmp_path / "m", "spleen", np.s_[2, :0], affine=affine)
    (tmp_path / "m" / "statistics.json").write_text("{}")
    found = read.labels(tmp_path / "m")
    assert sorted(found.names.values()) == ["deep_back_muscle_left", "vertebra_L1"]
    # The stored first index grows to the left, so the first slab ends up last.
    assert (found.array[3] == found.label("deep_back_muscle_left")).all()
    assert (found.array[2] == found.label("vertebra_L1")).all()
    assert np.count_nonzero(found.array) == 60


def test_masks_that_overlap_are_refused_with_the_number_of_voxels(tmp_path):
    mask(tmp_path / "m", "liver", np.s_[0:2])
    mask(tmp_path / "m", "spleen", np.s_[1:3])
    with pytest.raises(InputError, match="'liver' and 'spleen' share 30 voxels"):
        read.labels(tmp_path / "m")


def test_masks_that_do_not_belong_together_are_refused(tmp_path):
    mask(tmp_path / "m", "liver", np.s_[0])
    mask(tmp_path / "m", "spleen", np.s_[1], affine=np.diag([1, 1, 1.01, 1]))
    with pytest.raises(GridError, match="do not lie on one grid"):
        read.labels(tmp_path / "m")


def test_masks_of_unknown_regions_several_values_or_nothing_are_refused(tmp_path):
    mask(tmp_path / "a", "livr", np.s_[0])
    with pytest.raises(InputError, match=r"'livr\.nii\.gz' is not named after a region.*liver"):
        read.labels(tmp_path / "a")
    (tmp_path / "b").mkdir()
    label_map(tmp_path / "b" / "liver.nii.gz", 1, 2)
    with pytest.raises(InputError, match="2 different values"):
        read.labels(tmp_path / "b")
    mask(tmp_path / "c", "liver", np.s_[0, :0])
    with pytest.raises(InputError, match="all 1 masks in 'c' are empty"):
        read.labels(tmp_path / "c")
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="holds no NIfTI mask"):
        read.labels(tmp_path / "d")


def test_real_label_maps_have_the_voxels_that_nibabel_counts():
    path = real("totalsegmentator/example_seg.nii.gz")
    found = read.labels(path, "totalsegmentator")
    counts = np.bincount(np.asarray(nib.load(path).dataobj).ravel())
    assert set(found.names) == {n for n in np.flatnonzero(counts) if n}
    for number in found.names:
        assert np.count_nonzero(found.array == number) == counts[number]


def test_the_masks_of_a_real_run_have_the_volumes_that_it_printed():
    folder = real("totalsegmentator/example_seg_fast")
    printed = json.loads((folder / "statistics.json").read_text())
    found = read.labels(folder)
    voxel = abs(np.linalg.det(found.affine[:3, :3]))
    for printed_name, region in (
        ("liver", "liver"),
        ("autochthon_left", "deep_back_muscle_left"),
        ("vertebrae_L1", "vertebra_L1"),
        ("rib_left_9", "rib_9_left"),
    ):
        volume = np.count_nonzero(found.array == found.label(region)) * voxel
        assert volume == pytest.approx(printed[printed_name]["volume"], rel=1e-6)  # float32 header
    assert len(found.names) == sum(entry["volume"] > 0 for entry in printed.values())
