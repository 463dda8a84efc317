import pytest

from enthesis.anatomy import CODES, COLORS, STRUCTURES, level_below, region
from enthesis.errors import InputError


def test_a_name_says_structure_side_and_level():
    psoas = region("psoas_major_left")
    assert (psoas.structure, psoas.side, psoas.level, psoas.kind) == (
        "psoas_major",
        "left",
        "",
        "muscle",
    )
    disc = region("intervertebral_disc_L4_L5")
    assert (disc.structure, disc.side, disc.level) == ("intervertebral_disc", "", "L4_L5")


def test_vertebrae_carry_the_snomed_code_of_their_level():
    # DICOM CID 7151 / 7192: third lumbar vertebra.
    assert region("vertebra_L3").code.value == "36470004"
    assert region("multifidus_left").code is None


def test_muscles_have_the_colours_of_the_field():
    green, yellow, red = (
        region(name).color
        for name in ("psoas_major_left", "erector_spinae_left", "multifidus_left")
    )
    assert green[1] > green[0] and green[1] > green[2]
    assert yellow[0] > 0.8 and yellow[1] > 0.7 and yellow[2] < 0.3
    assert red[0] > 2 * red[1] and red[0] > 2 * red[2]


def test_neighbouring_levels_differ_in_colour_unless_the_structure_has_its_own():
    assert region("vertebra_posterior_L3").color != region("vertebra_posterior_L4").color


@pytest.mark.parametrize("name", ["psoas_minor_left", "vertebrae_L3", "", "left"])
def test_an_unknown_name_is_refused(name):
    with pytest.raises(InputError, match="is not a known structure"):
        region(name)


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(InputError, match="did you mean psoas_major"):
        region("psoas_mayor_left")


def test_a_muscle_has_no_vertebral_level():
    with pytest.raises(InputError, match="names a vertebral level, but 'psoas_major' has none"):
        region("psoas_major_left_L3")


def test_every_colour_and_code_belongs_to_a_structure():
    assert set(COLORS) <= set(STRUCTURES)
    assert set(CODES) <= set(STRUCTURES)


def test_the_level_below_crosses_from_region_to_region():
    assert level_below("T12") == "L1"
    assert level_below("L5") == "S1"
    with pytest.raises(InputError, match="no vertebral level follows 'S5'"):
        level_below("S5")
