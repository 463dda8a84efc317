"""The whole way from a scan to named regions with their quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from data import real

import enthesis.segment.unaided as door
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.phantom import Phantom, lumbar_ct
from enthesis.read import image, labels
from enthesis.segment.together import NO_LEVELS, Segmentation
from enthesis.segment.unaided import ALONE_REASON, GUESSED_REASON, START_NOTE, automatic

pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def body() -> Phantom:
    return lumbar_ct(spacing_mm=(2.0, 2.0, 3.0), rng=np.random.default_rng(8))


@pytest.fixture(scope="module")
def found(body: Phantom) -> Segmentation:
    return automatic(body.image)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_bodies_and_muscles_of_a_simulated_body_are_found_by_both_readers(
    body: Phantom, found: Segmentation
):
    for start in ("vertebral_body", "psoas_major_left", "psoas_major_right"):
        ours, theirs = (
            np.isin(map_.array, [n for n, name in map_.names.items() if name.startswith(start)])
            for map_ in (found.labels, body.labels)
        )
        assert dice(ours, theirs) > 0.8
    assert "mean of" in found.labels.origin
    assert found.notes[0] == START_NOTE


def test_every_region_has_a_quality_and_those_to_review_say_why(found: Segmentation):
    assert set(found.labels.names.values()) <= set(found.quality)
    for name in found.to_review:
        assert found.quality[name].reasons


def test_labels_lie_on_the_grid_of_the_scan(body: Phantom, found: Segmentation):
    assert found.labels.shape == body.image.shape
    assert found.tissues is not None
    assert found.tissues.shape == body.image.shape
    assert {"skeletal_muscle", "subcutaneous_fat"} <= set(found.tissues.names.values())


def test_without_the_network_geometry_answers_alone_and_says_so(
    body: Phantom, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "network_at_hand", lambda: False)
    alone = automatic(body.image)
    assert "weights are not in this installation" in alone.notes[-1]
    assert ALONE_REASON in alone.quality["psoas_major_left"].reasons
    assert alone.tissues is None


def test_an_mr_is_read_by_the_network_without_levels(body: Phantom):
    signal = np.where(body.image.array > -300, body.image.array + 300.0, 0.0)
    scan = Image(array=signal, affine=body.image.affine, quantity="signal")
    answer = automatic(scan)
    assert NO_LEVELS in answer.notes
    assert answer.labels.origin.startswith("automatic:Enthesis lumbar network")


def test_an_mr_without_the_network_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door, "network_at_hand", lambda: False)
    scan = Image(array=np.zeros((40, 40, 9)), affine=np.diag([3.0, 3, 3, 1]), quantity="signal")
    with pytest.raises(InputError, match="its weights are not in this installation"):
        automatic(scan)


def test_a_scan_without_a_spine_is_refused():
    water = Image(
        array=np.zeros((60, 60, 30), np.int16),
        affine=np.diag([3.0, 3, 3, 1]),
        quantity="hounsfield",
    )
    with pytest.raises(InputError, match="found no lumbar spine"):
        automatic(water)


def test_on_a_real_scan_it_agrees_with_a_trained_model():
    scan = image(real("totalsegmentator/example_ct.nii.gz"))
    reference = labels(
        real("totalsegmentator/example_seg_fast_force_split.nii.gz"), "totalsegmentator"
    )
    ours = automatic(scan).labels
    # L2 to L4, where muscles are not at their ends; the reference leaves a rim inside the fascia.
    height = [reference.array == reference.label(f"vertebra_{level}") for level in ("L2", "L4")]
    slices = np.flatnonzero(np.any(height, axis=(0, 1, 2)))
    between = np.s_[:, :, slices[0] : slices[-1] + 1]
    for side in ("left", "right"):
        back = np.isin(
            ours.array, [ours.label(f"{name}_{side}") for name in ("erector_spinae", "multifidus")]
        )
        theirs = reference.array == reference.label(f"deep_back_muscle_{side}")
        assert dice(back[between], theirs[between]) > 0.86
    # The scan goes on into the pelvis, where nothing looks like what the network learnt from.
    pelvic = ("gluteus_", "urinary_bladder", "hip_bone")
    elsewhere = np.isin(
        reference.array, [n for n, name in reference.names.items() if name.startswith(pelvic)]
    )
    taken = np.isin(
        ours.array,
        [
            n
            for n, name in ours.names.items()
            if name.startswith(("erector", "multifidus", "psoas", "sacrum", "vertebra"))
        ],
    )
    # Where the wing of the hip meets muscle and sacrum, borders differ by a voxel.
    assert (taken & elsewhere).sum() < 0.02 * taken.sum()


def test_where_no_level_is_known_muscles_are_sent_to_review(
    body: Phantom, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "network_at_hand", lambda: False)
    affine = np.array(body.image.affine)
    affine[:3, 3] += affine[:3, 2] * 30
    # Neither the sacrum nor the lowest ribs are in view.
    middle = replace(body.image, array=body.image.array[:, :, 30:-15], affine=affine)
    answer = automatic(middle)
    assert answer.spine is not None
    assert not answer.spine.levels.known
    assert GUESSED_REASON in answer.quality["psoas_major_left"].reasons
