import numpy as np
import pytest

from enthesis.image import Image, LabelMap
from enthesis.pipeline.measure_vertebrae import measure_vertebrae
from enthesis.regions import vertebral_bodies


def spine(quantity="bmd_ct"):
    """L1 to L3 of 40 x 32 mm; L2 is 14 mm high and the others 26 mm. The scan cuts L3."""
    labels = np.zeros((60, 50, 86), dtype=np.uint8)
    for number, low, high in ((3, 0, 22), (2, 30, 44), (1, 52, 78)):
        labels[10:50, 9:41, low:high] = number
    values = np.where(labels > 0, 100.0, 0.0).astype(np.float32)
    names = {n: f"vertebral_body_L{n}" for n in (1, 2, 3)}
    image = Image(array=values, affine=np.eye(4), quantity=quantity)
    return image, LabelMap(array=labels, affine=np.eye(4), names=names)


def test_everything_that_the_image_allows_is_measured():
    image, labels = spine()
    found = measure_vertebrae(image, labels, vertebral_bodies(labels))
    grades = {m.level: m.value for m in found if m.quantity == "genant_grade"}
    assert grades == {"L1": 0, "L2": 3}
    (mean,) = [m for m in found if m.region == "lumbar_spine" and m.quantity == "trabecular_bmd"]
    assert "left out as fractured: L2" in mean.flags
    assert mean.value == 100
    assert {m.quantity for m in found} >= {"height_anterior", "scoliosis_angle", "integral_bmd"}


def test_only_what_was_asked_for_is_measured():
    image, labels = spine("signal")
    found = measure_vertebrae(image, labels, vertebral_bodies(labels), ("heights", "density"))
    assert {m.quantity for m in found} == {
        "height_anterior",
        "height_middle",
        "height_posterior",
        "height_sd",
    }
    with pytest.raises(ValueError, match="nothing named 'size'"):
        measure_vertebrae(image, labels, vertebral_bodies(labels), ("size",))
    assert measure_vertebrae(image, labels, {}) == []
