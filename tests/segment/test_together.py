"""One label map from what the readers found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from segment.shapes import depth_in_ball, whole

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.segment.distances import SignedDistances
from enthesis.segment.geometry import GeometryReading
from enthesis.segment.midplane import midplane
from enthesis.segment.network_reader import NetworkReading
from enthesis.segment.together import SPLIT_NOTE, together

SHAPE = (70, 70, 30)
LEFT, RIGHT = (18, 20, 15), (52, 20, 15)


def image(values: np.ndarray | float = 50.0) -> Image:
    return Image(
        array=np.zeros(SHAPE, np.float32) + np.float32(values),
        affine=np.eye(4),
        quantity="hounsfield",
    )


def back(radius: float = 12, reader: str = "reader 1") -> SignedDistances:
    """A posterior compartment on both sides, its inner half multifidus."""
    depths = {}
    for side, center in (("left", LEFT), ("right", RIGHT)):
        depth = depth_in_ball(SHAPE, center, radius)
        inwards = np.indices(SHAPE)[0] - center[0]
        inner = (inwards if side == "left" else -inwards).astype(np.float32)
        depths[f"deep_back_muscle_{side}"] = depth
        depths[f"multifidus_{side}"] = np.minimum(depth, inner)
        depths[f"erector_spinae_{side}"] = np.minimum(depth, -inner)
    return whole(depths, reader=reader)


def alone(distances: SignedDistances) -> GeometryReading:
    """What geometry would answer without knowing the levels."""
    return GeometryReading(distances=distances, spine=None)


def test_the_posterior_compartment_is_parted_at_its_cleft_and_nothing_is_lost():
    found = together(image(), network=None, geometry=alone(back()))
    left = {found.labels.label(f"{name}_left") for name in ("erector_spinae", "multifidus")}
    compartment = back().mask("deep_back_muscle_left")
    assert np.array_equal(np.isin(found.labels.array, list(left)), compartment)
    inner = found.labels.array == found.labels.label("multifidus_left")
    assert inner.sum() / compartment.sum() == pytest.approx(0.5, abs=0.06)
    assert SPLIT_NOTE in found.notes


def test_a_voxel_belongs_to_the_region_in_which_it_lies_deepest():
    depths = {
        "psoas_major_left": depth_in_ball(SHAPE, (20, 30, 15), 10),
        "quadratus_lumborum_left": depth_in_ball(SHAPE, (32, 30, 15), 10),
    }
    labels = together(image(), network=None, geometry=alone(whole(depths))).labels
    # The balls meet in the middle between them.
    assert labels.names[int(labels.array[25, 30, 15])] == "psoas_major_left"
    assert labels.names[int(labels.array[27, 30, 15])] == "quadratus_lumborum_left"


def test_two_readers_give_the_mean_and_their_agreement():
    reading = NetworkReading(distances=back(12.6, "the network"), steadiness={}, plane=None)
    found = together(image(), network=reading, geometry=alone(back(11.4, "geometry")))
    wanted = back(12).mask("deep_back_muscle_right")
    got = np.isin(
        found.labels.array,
        [found.labels.label(f"{name}_right") for name in ("erector_spinae", "multifidus")],
    )
    # On the middle slice they agree well; near the poles of the balls they do not.
    assert np.array_equal(got[:, :, 15], wanted[:, :, 15])
    assert "mean of the network and geometry" in found.labels.origin
    assert found.quality["erector_spinae_right"].agreement is not None


def test_along_the_muscle_itself_the_fat_under_the_fascia_is_left_out():
    muscle = np.zeros(SHAPE, bool)
    for center in (LEFT, RIGHT):
        muscle |= depth_in_ball(SHAPE, center, 9) > 0
    scan = image(np.where(muscle, 60.0, -100.0))
    fascia = together(scan, network=None, geometry=alone(back()), outline="fascia")
    border = together(scan, network=None, geometry=alone(back()), outline="muscle")
    assert (fascia.labels.array > 0).sum() == 2 * back().mask("deep_back_muscle_left").sum()
    assert np.array_equal(border.labels.array > 0, muscle)
    assert border.labels.origin.endswith("outline along the muscle")


def test_fat_is_told_apart_by_where_it_lies():
    at = np.indices(SHAPE)
    away = np.hypot(at[0] - 34.5, at[1] - 34.5)
    canal = np.hypot(at[0] - 34.5, at[1] - 20) < 6
    body = np.hypot(at[0] - 34.5, at[1] - 38) < 10
    depths = {
        "skeletal_muscle": np.minimum(30 - away, away - 24).astype(np.float32),
        "subcutaneous_fat": np.minimum(34 - away, away - 30).astype(np.float32),
        "spinal_canal": np.where(canal, 1.0, -1.0).astype(np.float32),
    }
    hu = np.where(away < 34, -100.0, -1000.0)
    hu = np.where((away > 24) & (away < 30), 55.0, hu)
    reading = NetworkReading(
        distances=whole(depths), steadiness={}, plane=midplane(canal, body, (1.0, 1.0, 1.0))
    )
    tissues = together(image(hu), network=reading, geometry=None).tissues
    assert tissues is not None

    def name_at(i: int, j: int) -> str:
        return tissues.names.get(int(tissues.array[i, j, 15]), "none")

    assert name_at(34, 2) == "subcutaneous_fat"
    assert name_at(34, 8) == "skeletal_muscle"
    assert name_at(34, 50) == "visceral_fat"
    # Fat behind the canal lies between muscles, not among organs.
    assert name_at(34, 13) == "none"


def test_without_a_reader_there_is_no_answer():
    with pytest.raises(InputError, match="no reader could read this scan"):
        together(image(), network=None, geometry=None)


def test_a_scan_in_which_no_spine_was_seen_is_refused():
    nothing = SignedDistances(shape=SHAPE, affine=np.eye(4), surfaces={}, reader="geometry")
    with pytest.raises(InputError, match="no spine was seen"):
        together(image(), network=None, geometry=alone(nothing))


def test_an_outline_of_another_name_is_refused():
    with pytest.raises(InputError, match="outline is 'fascia' or 'muscle', got 'skin'"):
        together(image(), network=None, geometry=alone(back()), outline="skin")  # type: ignore[arg-type]


def test_the_answer_does_not_depend_on_where_the_scanner_counts_from():
    moved = np.eye(4)
    moved[:3, 3] = 100, -200, 300
    here = back()
    there = replace(here, affine=moved)
    first = together(image(), network=None, geometry=alone(here))
    second = together(replace(image(), affine=moved), network=None, geometry=alone(there))
    assert np.array_equal(first.labels.array, second.labels.array)
