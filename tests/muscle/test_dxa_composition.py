import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.muscle import dxa_composition
from enthesis.records import Measurement


def mass(quantity, value, region="", side=""):
    return Measurement(quantity=quantity, value=value, region=region, side=side)


LIMBS = [
    mass("lean_mass", 3.1, "arm", "left"),
    mass("lean_mass", 3.0, "arm", "right"),
    mass("lean_mass", 6.1, "leg", "left"),
    mass("lean_mass", 6.0, "leg", "right"),
]
BODY = [
    mass("fat_mass", 22.0, "whole_body"),
    mass("lean_mass", 48.0, "whole_body"),
    mass("bone_mineral_content", 2500.0, "whole_body"),
]


def by_quantity(found):
    return {(m.quantity, m.region): m for m in found}


def values(found):
    return {key: m.value for key, m in by_quantity(found).items()}


def test_lean_of_the_limbs_by_hand():
    found = values(dxa_composition(LIMBS, height_m=1.70, bmi=26.0))
    assert found["appendicular_lean_mass", ""] == pytest.approx(18.2)
    assert found["appendicular_lean_mass_index", ""] == pytest.approx(6.298, abs=5e-4)
    assert found["appendicular_lean_mass_by_bmi", ""] == pytest.approx(0.700, abs=5e-4)


def test_indices_of_the_whole_body_by_hand():
    found = values(dxa_composition(BODY, height_m=1.70))
    assert found["lean_mass_index", ""] == pytest.approx(16.61, abs=5e-3)
    assert found["fat_mass_index", ""] == pytest.approx(7.61, abs=5e-3)
    assert found["fat_free_mass_index", ""] == pytest.approx(50.5 / 2.89)
    # 22 of 72.5 kg.
    assert found["body_fat_percent", ""] == pytest.approx(100 * 22 / 72.5)


def test_bone_mineral_is_never_in_lean_soft_tissue():
    with_bone = [mass("fat_free_mass", m.value + 0.2, m.region, m.side) for m in LIMBS] + [
        mass("bone_mineral_content", 200.0, m.region, m.side) for m in LIMBS
    ]
    found = by_quantity(dxa_composition(with_bone, height_m=1.70))
    lean = found["appendicular_lean_mass", ""]
    assert lean.value == pytest.approx(18.2)
    assert lean.method == "DXA, lean soft tissue without bone mineral"
    # Without the mineral nobody can take it out.
    only = [m for m in with_bone if m.quantity == "fat_free_mass"]
    assert dxa_composition(only, height_m=1.70) == []


def test_ratios_of_fat():
    found = values(
        dxa_composition(
            [
                mass("body_fat_percent", 34.0, "android"),
                mass("body_fat_percent", 30.0, "gynoid"),
                mass("fat_mass", 11.0, "trunk"),
                mass("fat_mass", 2.0, "arms"),
                mass("fat_mass", 7.0, "legs"),
            ]
        )
    )
    assert found["android_gynoid_ratio", ""] == pytest.approx(1.133, abs=5e-4)
    assert found["trunk_limb_mass_ratio", ""] == pytest.approx(1.22, abs=5e-3)
    assert ("android_gynoid_mass_ratio", "") not in found


def test_a_missing_limb_is_mirrored_and_said_so():
    found = by_quantity(dxa_composition(LIMBS[:3], height_m=1.70))
    lean = found["appendicular_lean_mass", ""]
    assert lean.value == pytest.approx(3.1 + 3.0 + 2 * 6.1)
    assert lean.flags == ("one leg was not measured: the other one stands for both",)


def test_masses_that_do_not_add_up_are_said_so():
    found = by_quantity(
        dxa_composition([*BODY, mass("fat_free_mass", 48.0, "whole_body")], height_m=1.70)
    )
    assert "do not make the fat-free mass" in found["lean_mass_index", ""].flags[0]


def test_sides_and_order_do_not_matter():
    swapped = [
        mass(m.quantity, m.value, m.region, "left" if m.side == "right" else "right")
        for m in reversed(LIMBS)
    ]
    first, second = (
        values(dxa_composition(one, height_m=1.70, bmi=26)) for one in (LIMBS, swapped)
    )
    assert first.keys() == second.keys()
    assert np.allclose(list(first.values()), [second[key] for key in first])


def test_doubled_masses_and_impossible_heights_are_refused():
    with pytest.raises(InputError, match="lean_mass of left arm is given 2 times"):
        dxa_composition([*LIMBS, LIMBS[0]], height_m=1.70)
    with pytest.raises(InputError, match=r"height_m is in m .* got 170"):
        dxa_composition(LIMBS, height_m=170)
    with pytest.raises(InputError, match="bmi is in kg/m2"):
        dxa_composition(LIMBS, bmi=0.26)
