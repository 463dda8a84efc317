from dataclasses import replace

import pytest

from enthesis.errors import InputError
from enthesis.phantom import Compartment, LumbarBody


def test_left_and_right_areas_average_to_the_one_asked_for():
    body = LumbarBody(left_excess_percent=10)
    left, right = (body.wanted_area("psoas_major", side, 2) for side in ("left", "right"))
    assert (left + right) / 2 == pytest.approx(800)
    assert left - right == pytest.approx(80)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trabecular_hu": (150, 150, 150, 150)}, "five values, L1 to L5, got 4"),
        ({"trabecular_hu": (150, 150, 900, 150, 150)}, "trabecular_hu of L3 is in HU .* got 900"),
        (
            {"marrow_fat_percent": (40, 40, 40, 40, 99)},
            "marrow_fat_percent of L5 is in percent .* 99",
        ),
        ({"lordosis_deg": 90}, "lordosis_deg is in degrees and between 0 and 60, got 90"),
        ({"noise_sd_hu": float("nan")}, "noise_sd_hu .* got nan"),
    ],
)
def test_impossible_bodies_are_refused_with_the_value(change, message):
    with pytest.raises(InputError, match=message):
        replace(LumbarBody(), **change)


def test_a_compartment_refuses_a_share_of_fat_given_as_more_than_it_can_hold():
    with pytest.raises(InputError, match=r"fat_percent is in percent .* got 140"):
        Compartment(area_mm2=(100, 100, 100, 100, 100), fat_percent=140)
