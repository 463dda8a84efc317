import numpy as np
import pytest

from enthesis import bone, muscle
from enthesis.phantom import muscle_bmode, projected_femur
from enthesis.report import svg
from enthesis.report.bmode import bmode
from enthesis.report.hip import hip


def drawn(ax):
    return {line.get_gid(): line.get_xydata() for line in ax.lines if line.get_gid()}


def test_the_lines_on_an_ultrasound_picture_are_the_landmarks():
    truth = muscle_bmode(rng=np.random.default_rng(3))
    marks = muscle.Landmarks(
        superficial=truth.superficial, deep=truth.deep, fascicles=[[(10, 24), (30, 17)]]
    )
    ax = bmode(truth.image, marks, muscle.architecture(marks))
    lines = drawn(ax)
    assert set(lines) == {"superficial", "deep", "fascicle-1"}
    np.testing.assert_allclose(lines["deep"], truth.deep)
    # Depth grows downwards, as on a screen.
    low, high = ax.get_ylim()
    assert low > high == 0
    text = ax.texts[0].get_text()
    assert "thickness 20.0 mm" in text and "pennation" in text
    figure = ax.get_figure()
    assert svg(figure) == svg(figure)


def test_axes_and_cuts_of_a_hip_lie_where_they_were_measured():
    truth = projected_femur()
    found = bone.hip_structure(truth.image, bone.find_hip_landmarks(truth.image))
    lines = drawn(hip(truth.image, found))
    assert set(lines) == {
        "neck-axis",
        "shaft-axis",
        "cut-narrow neck",
        "cut-intertrochanter",
        "cut-shaft",
    }
    for place, one in found.sections.items():
        length = np.linalg.norm(np.diff(lines[f"cut-{place}"], axis=0))
        assert length == pytest.approx(one.width_mm, abs=0.3)
    axis = np.linalg.norm(np.diff(lines["neck-axis"], axis=0))
    assert axis == pytest.approx(found.neck_axis_length_mm, abs=0.5)
