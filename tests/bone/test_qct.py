import numpy as np
import pytest
from scans import grid, scan

from enthesis import diagnosis, maps, phantom
from enthesis.bone import (
    areal_density,
    density_measurements,
    lumbar_density,
    opportunistic_attenuations,
    projected_density,
    vertebral_densities,
)
from enthesis.image import Image, LabelMap, Source
from enthesis.records import Subject


def spine(trabecular=(100.0, 110.0, 120.0), *, shell=500.0, facts=None):
    """L1 to L3 as boxes of 40 x 32 x 26 mm in a shell of 2 mm."""
    values = np.zeros((60, 50, 120), dtype=np.float32)
    labels = np.zeros(values.shape, dtype=np.uint8)
    for n, inside in enumerate(trabecular):
        low = 80 - 36 * n
        labels[10:50, 9:41, low : low + 26] = n + 1
        values[10:50, 9:41, low : low + 26] = shell
        values[12:48, 11:39, low + 2 : low + 24] = inside
    source = Source(facts=facts or {})
    names = {n + 1: f"vertebral_body_L{n + 1}" for n in range(len(trabecular))}
    return (
        Image(array=values, affine=grid(), quantity="bmd_ct", source=source),
        LabelMap(array=labels, affine=grid(), names=names),
    )


@pytest.mark.parametrize("volume", ["eroded", "ellipse"])
def test_each_compartment_has_its_own_density(volume):
    bmd, labels = spine()
    found = vertebral_densities(bmd, labels, volume=volume)
    assert [d.trabecular for d in found.values()] == [100, 110, 120]
    assert found["L1"].cortical == 500
    share = 36 * 28 * 22 / (40 * 32 * 26)
    assert found["L1"].integral == pytest.approx(100 * share + 500 * (1 - share))


def test_density_does_not_change_when_the_scan_is_shifted():
    bmd, labels = spine()
    moved = [
        kind(
            array=np.roll(part.array, (3, 2, 1), (0, 1, 2)),
            affine=part.affine,
            **({"quantity": "bmd_ct"} if kind is Image else {"names": part.names}),
        )
        for kind, part in ((Image, bmd), (LabelMap, labels))
    ]
    before, after = vertebral_densities(bmd, labels), vertebral_densities(*moved)
    assert [d.integral for d in after.values()] == [d.integral for d in before.values()]


def test_the_lumbar_mean_leaves_fractures_out_and_wants_two_vertebrae():
    bmd, labels = spine(facts={"bmd_residual_sd": 3.0, "contrast": False, "kvp": 120.0})
    found = vertebral_densities(bmd, labels)
    mean, sd = lumbar_density(found)
    assert mean.value == 110
    # The calibration's scatter is shared by the levels: it does not shrink with their number.
    assert sd.value == pytest.approx(3.0)
    (without, _) = lumbar_density(found, fractured=("L2",))
    assert without.value == 110
    assert "left out as fractured: L2" in without.flags
    (one, _) = lumbar_density(found, fractured=("L1", "L2"))
    assert np.isnan(one.value)
    assert "two vertebrae at least" in one.flags[-1]


def test_the_lumbar_mean_is_what_the_density_classes_read():
    bmd, labels = spine((60.0, 62.0, 65.2), facts={"contrast": False, "kvp": 120.0})
    rows = lumbar_density(vertebral_densities(bmd, labels))
    assert rows[0].value == pytest.approx(62.4)
    subject = Subject(sex="female", age=70, measurements=tuple(rows))
    by_name = {c.name: c.find(subject).category for c in diagnosis.qct.QCT_CRITERIA}
    # The review's worked picture: 62.4 mg/cm3 is osteoporosis, and its "moderate risk".
    assert by_name["qct_spine_2020"] == "osteoporosis"
    assert by_name["qct_review_2019"] == "moderate fracture risk"


def test_measurements_name_their_volume():
    bmd, labels = spine()
    rows = density_measurements(vertebral_densities(bmd, labels, volume="ellipse"))
    first = {row.quantity: row.method for row in rows if row.level == "L1"}
    assert first["trabecular_bmd"].startswith("elliptical cylinder at mid-body")
    assert first["integral_bmd"] == "whole body"


def test_contrast_and_tube_voltage_are_said():
    bmd, labels = spine(facts={"contrast": True, "contrast_phase": "portal venous", "kvp": 100.0})
    flags = " ".join(vertebral_densities(bmd, labels)["L1"].flags)
    assert "contrast agent was given (portal venous)" in flags
    assert "100 kVp: HU of bone are higher" in flags
    unknown = " ".join(vertebral_densities(*spine())["L1"].flags)
    assert "whether contrast agent was given is not known" in unknown
    assert "tube voltage is not known" in unknown


def test_the_calibrations_salt_and_scatter_are_said():
    unknown = " ".join(vertebral_densities(*spine())["L1"].flags)
    assert "scatter is not known" in unknown
    assert "salt is not known" in unknown
    facts = {"bmd_residual_sd": 3.0, "bmd_material": "CaHA"}
    rows = lumbar_density(vertebral_densities(*spine(facts=facts)))
    assert any("14 to 19% less (Goodsitt 1992)" in flag for flag in rows[0].flags)
    known = facts | {"bmd_material": "K2HPO4"}
    rows = lumbar_density(vertebral_densities(*spine(facts=known)))
    assert not any("salt" in flag or "Goodsitt" in flag for flag in rows[0].flags)


def test_hounsfield_units_are_refused_where_density_is_wanted():
    image, labels = scan((40, 40, 40), {"vertebral_body_L1": ((slice(5, 35),) * 3, 120)})
    with pytest.raises(ValueError, match="calibrate the HU"):
        vertebral_densities(image, labels)
    with pytest.raises(ValueError, match="'eroded' or 'ellipse'"):
        opportunistic_attenuations(image, labels, volume="oval")
    (found,) = opportunistic_attenuations(image, labels)
    assert found.value == 120


def test_the_reference_body_is_read_to_2_mg_and_2_percent():
    made = phantom.lumbar_ct(spacing_mm=(1.5, 1.5, 3.0), rng=np.random.default_rng(2))
    line = maps.calibrate([0, 1000], [0, 800], material="CaHA", kvp=120)
    bmd = maps.bone_density(made.image, line)
    for volume in ("eroded", "ellipse"):
        found = vertebral_densities(bmd, made.labels, volume=volume)
        for m in made.truth:
            if m.quantity == "trabecular_attenuation":
                truth = 0.8 * m.value
                allowed = 2 + 0.02 * truth
                assert found[m.level].trabecular == pytest.approx(truth, abs=allowed), m.level


def test_300_mg_over_3_cm_are_0_9_grams_per_square_centimetre():
    values = np.zeros((20, 50, 30), dtype=np.float32)
    values[5:15, 10:40, 5:25] = 300
    inside = (values > 0).astype(np.uint8)
    bmd = Image(array=values, affine=grid(), quantity="bmd_ct")
    labels = LabelMap(array=inside, affine=grid(), names={1: "femur_left"})
    projection = projected_density(bmd, labels, "femur_left")
    assert projection.shape == (20, 30, 1)
    rows = {m.quantity: m for m in areal_density(projection, region="femur", side="left")}
    assert rows["areal_bmd"].value == pytest.approx(0.9)
    # 10 x 30 x 20 mm of 300 mg/cm3.
    assert rows["bone_mineral_content"].value == pytest.approx(1.8)
    assert "neither DXA nor a vendor's CTXA" in rows["areal_bmd"].flags[-1]
    with pytest.raises(ValueError, match="no label named"):
        projected_density(bmd, labels, "femur_right")
    with pytest.raises(ValueError, match="a projected density"):
        areal_density(bmd, region="femur")
