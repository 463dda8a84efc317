"""The network: what it is shown, what it answers, and what its file says about itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.phantom import Phantom, lumbar_ct
from enthesis.segment.network import (
    WEIGHTS,
    network_at_hand,
    network_facts,
    network_odds,
)
from enthesis.segment.network_frame import CLASSES, shown_attenuation, shown_signal
from enthesis.segment.network_reader import NO_SPINE, NetworkReading, beside_canal, network_reading

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def body() -> Phantom:
    return lumbar_ct(spacing_mm=(3.0, 3.0, 3.0), rng=np.random.default_rng(5))


@pytest.fixture(scope="module")
def reading(body: Phantom) -> NetworkReading:
    return network_reading(body.image)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def of(body: Phantom, *starts: str) -> np.ndarray:
    numbers = [n for n, name in body.labels.names.items() if name.startswith(starts)]
    return np.isin(body.labels.array, numbers)


def test_attenuation_is_shown_straight_in_soft_tissue_and_compressed_in_bone():
    shown = shown_attenuation(np.array([-5000, -1000, 0, 50, 100, 1000]))
    assert shown[0] == shown[1]
    assert shown[2] == 0
    assert shown[4] / shown[3] == pytest.approx(2, rel=0.1)
    assert shown[5] / shown[4] < 4


def test_a_signal_is_shown_alike_whatever_its_unit():
    signal = np.abs(np.random.default_rng(0).normal(300, 80, (20, 20, 5)))
    assert shown_signal(signal * 7.5) == pytest.approx(shown_signal(signal), abs=1e-5)


@pytest.mark.parametrize(
    ("names", "least"),
    [
        (("vertebral_body",), 0.85),
        (("spinal_canal",), 0.80),
        (("erector_spinae_left", "multifidus_left"), 0.88),
        (("psoas_major_right",), 0.85),
    ],
)
def test_regions_of_a_simulated_body_are_found(
    body: Phantom, reading: NetworkReading, names: tuple[str, ...], least: float
):
    found = "deep_back_muscle_left" if len(names) == 2 else names[0]
    assert dice(reading.distances.mask(found), of(body, *names)) >= least


def test_left_and_right_stay_apart(body: Phantom, reading: NetworkReading):
    left = reading.distances.mask("psoas_major_left")
    right = reading.distances.mask("psoas_major_right")
    assert not (left & right).any()
    assert dice(left, of(body, "psoas_major_right")) == 0


def test_a_mirrored_body_exchanges_its_sides(body: Phantom, reading: NetworkReading):
    mirrored = Image(
        array=body.image.array[::-1], affine=body.image.affine, quantity=body.image.quantity
    )
    found = network_reading(mirrored).distances.mask("psoas_major_left")[::-1]
    # Both views are answered in the mirror too, so only rounding differs.
    assert dice(found, reading.distances.mask("psoas_major_right")) > 0.99


def test_the_answer_lies_on_the_grid_of_the_scan_whatever_its_spacing():
    fine = lumbar_ct(spacing_mm=(1.7, 1.7, 5.0), rng=np.random.default_rng(5))
    found = network_reading(fine.image).distances
    assert found.shape == fine.image.shape
    assert dice(found.mask("psoas_major_left"), of(fine, "psoas_major_left")) > 0.8


def test_a_scan_without_a_spine_says_so_and_finds_nothing():
    water = Image(
        array=np.zeros((40, 40, 10), np.int16),
        affine=np.diag([3.0, 3, 3, 1]),
        quantity="hounsfield",
    )
    found = network_reading(water)
    assert found.plane is None
    assert not found.distances.surfaces
    assert found.distances.notes == (NO_SPINE,)


def test_a_field_too_small_to_show_a_trunk_is_refused():
    tiny = Image(array=np.zeros((9, 40, 9)), affine=np.diag([3.0, 3, 3, 1]), quantity="hounsfield")
    with pytest.raises(InputError, match="at least 60 mm, got 27 by 120 mm"):
        network_odds(tiny)


def test_without_weights_the_error_says_how_to_make_them(body: Phantom, tmp_path: Path):
    nowhere = tmp_path / "none.onnx"
    assert not network_at_hand(nowhere)
    with pytest.raises(InputError, match="python -m training"):
        network_reading(body.image, path=nowhere)


def test_the_file_is_small_and_says_where_it_comes_from():
    assert WEIGHTS.stat().st_size < 2**20
    facts = network_facts()
    assert "simulated bodies" in facts["trained_on"]
    scores = json.loads(facts["dice_on_unseen_simulated_bodies"])
    assert set(scores["ct"]) == set(CLASSES[1:])
    # No path of the machine on which it was made.
    assert not any("/" in value for key, value in facts.items() if key != "trained_on")


def test_what_lies_wholly_below_the_canal_is_no_part_of_a_region():
    canal, region = np.zeros((2, 9, 9, 20), bool)
    canal[4, 4, 8:16] = True
    region[1:3, 1:3, 6:12] = True
    beside = region.copy()
    region[5:8, 5:8, 0:7] = True
    assert np.array_equal(beside_canal(region, canal), beside)
