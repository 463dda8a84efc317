import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
from echo_trains import echo_train
from scans import scan

from enthesis import read
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.pipeline.measure import measure, read_scan
from enthesis.pipeline.measure_files import measure_files
from enthesis.pipeline.measure_protocol import SHIPPED, USUAL, parsed, protocol
from enthesis.pipeline.scan_page import scan_tables
from enthesis.records import Subject

LEAST = "name = 'mine'\n"


def paired(quantity="hounsfield"):
    """Left and right multifidus and erector spinae beside L3 and L4, with a disc between."""
    regions = {}
    for side, start in (("left", 2), ("right", 46)):
        regions[f"multifidus_{side}"] = ((slice(start, start + 8), slice(2, 12), slice(2, 38)), 50)
        back = (slice(start, start + 8), slice(12, 18), slice(2, 38))
        regions[f"erector_spinae_{side}"] = (back, 40)
    regions |= {
        "vertebral_body_L3": ((slice(16, 36), slice(2, 22), slice(24, 34)), 150),
        "intervertebral_disc_L3_L4": ((slice(16, 36), slice(2, 22), slice(19, 24)), 90),
        "vertebral_body_L4": ((slice(16, 36), slice(2, 22), slice(9, 19)), 150),
        "subcutaneous_fat": ((slice(56, 60), slice(0, 24), slice(0, 40)), -100),
    }
    image, labels = scan((60, 24, 40), regions)
    return Image(array=image.array, affine=image.affine, quantity=quantity), labels


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_protocols_can_be_named(name):
    rules = protocol(name)
    assert rules.name == name
    assert rules.sha256 == hashlib.sha256(rules.text.encode()).hexdigest()


def test_the_name_and_hash_of_the_protocol_stand_with_every_number():
    rules = protocol("paraspinal-ct")
    result = measure(*paired(), rules=rules)
    stamp = f"(protocol paraspinal-ct {rules.sha256[:8]})"
    assert len(result.measurements) > 100
    assert all(m.method.endswith(stamp) for m in result.measurements)
    assert result.to_dict()["protocol"]["sha256"] == rules.sha256


def test_without_a_protocol_no_number_names_one():
    result = measure(*paired())
    assert result.to_dict()["protocol"] is None
    assert not any("protocol" in m.method for m in result.measurements)


def test_two_texts_that_differ_in_one_bound_have_two_hashes():
    one, two = (parsed(f"{LEAST}[fat]\nfat_hu = [{low}, -30]") for low in (-190, -200))
    assert one.sha256 != two.sha256
    assert parsed(one.text.replace("\n", "\r\n")).sha256 == one.sha256


def test_the_protocol_of_the_meta_analysis_averages_sides_and_divides_by_the_disc():
    result = measure(*paired(), rules=protocol("paper-paraspinal"), subject=Subject(height_m=2.0))
    of_muscle = [m for m in result.measurements if m.region in {"multifidus", "deep_back_muscle"}]
    numbers = {
        (m.quantity, m.region, m.level, m.method.split(" (protocol")[0]): m.value for m in of_muscle
    }
    assert {m.side for m in of_muscle if not m.method.startswith("whole region")} == {""}
    mean = "mean of left and right, axial slice through mid-body"
    assert numbers["area", "multifidus", "L3", mean] == 80
    assert numbers["area", "deep_back_muscle", "L3", mean] == 80 + 48
    disc = "over intervertebral disc below (largest axial slice), "
    assert numbers["relative_area", "multifidus", "L3", disc + mean] == pytest.approx(20)
    assert numbers["area_index", "multifidus", "L3", mean] == pytest.approx(0.8 / 4)


def test_a_protocol_keeps_the_quantities_that_it_names_and_leaves_out_whole_regions():
    rules = parsed(LEAST + "quantities = ['area']\nwhole_regions = false\nplanes = []\n")
    found = measure(*paired(), rules=rules).measurements
    assert {m.quantity for m in found if m.region == "multifidus"} == {"area"}
    assert not any(m.method.startswith("whole region") for m in found)


def test_numbers_of_both_sides_are_divided_and_averaged_over_levels_alone():
    rules = parsed(
        LEAST + "sides = ['left', 'mean']\nmean_over_levels = true\nslices = ['mid-body']\n"
        "relative_to = ['vertebral_body']\nplanes = []\n"
    )
    found = measure(*paired(), rules=rules).measurements
    of_levels = [m for m in found if m.method.startswith("mean of L3, L4")]
    assert {m.side for m in of_levels} == {""}
    assert {m.side for m in found if m.quantity == "relative_area"} == {""}
    # The body's area is 400 mm2 at either level.
    (share,) = (
        m.value for m in of_levels if (m.quantity, m.region) == ("relative_area", "multifidus")
    )
    assert share == pytest.approx(20)


def test_both_sides_together_are_no_finding_beside_each_of_them():
    rules = parsed(LEAST + "sides = ['left', 'right', 'mean']\nslices = ['mid-body']\n")
    single = parsed(LEAST + "sides = ['left', 'right']\nslices = ['mid-body']\n")
    with_mean, without = (measure(*paired(), rules=one).findings for one in (rules, single))
    assert [f.criterion for f in with_mean] == [f.criterion for f in without]


def test_asymmetry_is_measured_where_the_sides_ask_for_it():
    rules = parsed(LEAST + "sides = ['asymmetry']\nslices = ['mid-body']\n")
    found = [m for m in measure(*paired(), rules=rules).measurements if "asymm" in m.quantity]
    assert {m.value for m in found} == {0.0}


def test_muscles_of_the_protocol_that_are_not_labelled_are_said():
    flags = measure(*paired(), rules=protocol("paraspinal-ct")).flags
    assert "the quadratus lumborum is not labelled: not measured" in flags
    # Labelled one by one, the two need no label of the whole.
    assert not any("deep back muscle" in flag for flag in flags)


def test_a_protocol_for_another_kind_of_image_is_refused():
    with pytest.raises(
        InputError, match="is for images of fat_fraction, this one holds hounsfield"
    ):
        measure(*paired(), rules=protocol("paraspinal-dixon"))


def test_a_fat_fraction_map_is_measured_by_the_dixon_protocol():
    image, labels = paired("fat_fraction")
    values = np.zeros(image.shape, np.float32)
    # So far out that what lies around the muscle is like it.
    values[:12, :13] = 20
    values[56:] = 95
    image = Image(array=values, affine=image.affine, quantity="fat_fraction")
    result = measure(image, labels, rules=protocol("paraspinal-dixon"))
    fat = {
        (m.region, m.side): m.value
        for m in result.measurements
        if (m.quantity, m.level) == ("fat_fraction", "L3") and m.side
    }
    assert fat["multifidus", "left"] == pytest.approx(20)
    assert fat["multifidus", "right"] == 0
    assert result.findings == ()


def test_a_map_from_nought_to_one_is_flagged():
    image, labels = paired("fat_fraction")
    values = np.full(image.shape, 0.2, np.float32)
    result = measure(Image(array=values, affine=image.affine, quantity="fat_fraction"), labels)
    assert any("multiply it by 100" in flag for flag in result.flags)


def test_signal_is_measured_by_references_and_says_when_it_cannot():
    rules = parsed(
        LEAST + "[fat]\nmethods = ['reference', 'gmm2']\nlean_reference = ['multifidus']\n"
    )
    image, labels = paired("signal")
    values = image.array.astype(np.float32) + 1000
    values[56:] = 3000
    image = Image(array=values, affine=image.affine, quantity="signal")
    result = measure(image, labels, rules=rules)
    assert {
        m.method.split(" between")[0]
        for m in result.measurements
        if m.quantity == "fat_infiltration"
    } == {
        "mean signal",
        "mixture of two",
    }
    without = {n: name for n, name in labels.names.items() if name != "subcutaneous_fat"}
    array = np.where(labels.array == labels.label("subcutaneous_fat"), 0, labels.array)
    lean = type(labels)(array=array, affine=labels.affine, names=without)
    flags = measure(image, lean, rules=rules).flags
    assert any("no reference of fat" in flag for flag in flags)


def test_anchors_can_be_given_as_numbers():
    rules = parsed(LEAST + "[fat]\nmethods = ['hu_place']\nlean_value = 55\nfat_value = -105")
    found = measure(*paired(), rules=rules).measurements
    fat = {m.region: m.value for m in found if m.quantity == "fat_infiltration"}
    assert fat["erector_spinae"] == pytest.approx(100 * 15 / 160)


def test_a_protocol_can_be_a_file_and_goes_into_the_provenance(tmp_path):
    image, labels = paired()
    for name, volume in (("image", image), ("labels", labels)):
        nib.save(nib.Nifti1Image(np.asarray(volume.array), volume.affine), tmp_path / f"{name}.nii")
    scheme = tmp_path / "labels.csv"
    scheme.write_text("label,name\n" + "".join(f"{n},{s}\n" for n, s in labels.names.items()))
    rules = tmp_path / "Jane_Doe.toml"
    rules.write_text(LEAST + "slices = ['mid-disc']\n")
    measure_files(
        tmp_path / "image.nii",
        tmp_path / "labels.nii",
        scheme=str(scheme),
        output=tmp_path / "out",
        protocol=rules,
    )
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert record["options"]["protocol"]["text"] == rules.read_text()
    assert "mine" in (tmp_path / "out" / "report.html").read_text()
    assert not any("Jane_Doe" in path.read_text() for path in (tmp_path / "out").iterdir())


def test_tables_for_people_show_every_number_once_and_no_hash():
    result = measure(*paired(), rules=protocol("paraspinal-ct"), subject=Subject(height_m=1.7))
    tables = scan_tables(result)
    cells = sum(
        int((table.frame[c] != "").sum())
        for table in tables
        for c in table.frame.columns
        if c not in {"region", "side", "level", "flags"}
    )
    assert cells >= len(result.measurements)
    assert not any("protocol" in note for table in tables for note in table.notes)


def test_a_map_of_t2_has_a_table_of_its_own():
    tables = scan_tables(measure(*paired("t2"), rules=parsed(LEAST + "whole_regions = false\n")))
    captions = [table.caption for table in tables if "T2" in table.caption]
    assert captions == ["Maps of muscles: T2"]


def test_the_usual_rules_measure_what_they_did():
    assert USUAL.slices == ("mid-body", "body height")
    assert USUAL.stamp == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slices = [", "is no TOML"),
        ("title = 'x'", "has no name"),
        (LEAST + "colour = 'red'", "unknown key 'colour'; known are: body_composition"),
        (LEAST + "[fat]\nmethod = []", r"unknown key \[fat\] 'method'"),
        (LEAST + "fat = 3", r"fat is a table, \[fat\], got 3"),
        (LEAST + "muscles = ['psoas']", "muscles has the unknown 'psoas'; known are: psoas_major"),
        (LEAST + "levels = 'L3'", "levels is a list of texts, got 'L3'"),
        (LEAST + "volumes = 'yes'", "volumes is true or false, got 'yes'"),
        (LEAST + "title = 3", "title is a text, got 3"),
        ("name = 'My Clinic'", "letters in lower case"),
        (LEAST + "image = 'xray'", "image is a quantity such as 'hounsfield', got 'xray'"),
        (LEAST + "together = 3", r"together is a table, \[together\], got 3"),
        (LEAST + "[together]\nback = ['multifidus']", "names 'back', which is no muscle"),
        (LEAST + "[fat]\nfat_hu = [-30, -190]", r"fat_hu is \[lowest, highest\] in whole HU"),
        (LEAST + "[fat]\nfat_hu = [-190.5, -30]", r"fat_hu is \[lowest, highest\]"),
        (LEAST + "[fat]\nlean_value = 55", "give both or neither"),
        (LEAST + "[fat]\nedges = 'eroded'", "edges is one of as labelled, trimmed, unmixed, got"),
        (LEAST + "quantities = ['size']", "quantities has the unknown 'size'"),
        (LEAST + "[fat]\nlean_value = 'x'\nfat_value = 3", "lean_value is a number, got 'x'"),
        (
            LEAST + "image = 'hounsfield'\n[fat]\nmethods = ['gmm2']",
            "clusters of signal are refused on CT",
        ),
    ],
)
def test_protocols_that_cannot_be_used_are_refused_in_one_sentence(text, message):
    with pytest.raises(InputError, match=message):
        parsed(text)


def test_a_protocol_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="shipped are: paraspinal-ct"):
        protocol("paraspinal-pet")


def test_echoes_are_separated_and_their_fat_fraction_measured(tmp_path):
    _, labels = paired()
    share = np.full(labels.shape, 0.05)
    share[:12, :13] = 0.2
    share[56:] = 0.9
    made = echo_train(share, spacing=(1.0, 1.0, 1.0))
    (tmp_path / "echoes").mkdir()
    read.write_echoes(made, tmp_path / "echoes" / "train.nii.gz")
    nib.save(nib.Nifti1Image(np.asarray(labels.array), labels.affine), tmp_path / "labels.nii")
    scheme = tmp_path / "labels.csv"
    scheme.write_text("label,name\n" + "".join(f"{n},{s}\n" for n, s in labels.names.items()))
    image, again = read_scan(
        tmp_path / "echoes", tmp_path / "labels.nii", scheme=scheme, echoes=True
    )
    result = measure(image, again, rules=protocol("paraspinal-dixon"))
    fat = {
        m.side: m.value
        for m in result.measurements
        if (m.quantity, m.level, m.region) == ("fat_fraction", "L3", "multifidus") and m.side
    }
    # Magnitudes and phases are stored as float32.
    assert fat["left"] == pytest.approx(20, abs=0.2)
    assert fat["right"] == pytest.approx(5, abs=0.2)
