"""Pictures of slices: left stays left, millimetres stay millimetres, nothing is left out."""

from __future__ import annotations

import numpy as np
import pytest
from scans import scan

from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap
from enthesis.report.figures import png, svg
from enthesis.report.overlay import axial_overlay, sagittal_overlay

LEVELS = {"L1": 36, "L2": 28, "L3": 20, "L4": 12, "L5": 4}


def gids(ax, prefix):
    """Artists of these axes by the rest of their gid."""
    found = {}
    for artist in ax.get_children():
        gid = artist.get_gid()
        if gid and gid.startswith(prefix):
            found[gid.removeprefix(prefix)] = artist
    return found


def on_screen(ax, x, y):
    """Pixel at which a point of these axes is drawn, from the figure's lower left."""
    ax.figure.canvas.draw()
    return ax.transData.transform((x, y))


def corner_marker():
    """Air with one bright block, low in I and low in J: the patient's left back."""
    box = (slice(4, 8), slice(4, 8), slice(0, 3))
    body = (slice(2, 38), slice(2, 28), slice(0, 3))
    image, labels = scan(
        (40, 30, 3),
        {"psoas_major_right": (body, -50.0), "psoas_major_left": (box, 400.0)},
        spacing=(2.0, 3.0, 5.0),
    )
    return image, labels


def test_the_patients_left_is_drawn_on_the_viewers_right_and_the_back_below():
    image, labels = corner_marker()
    ax = axial_overlay(image, labels, slice_index=1, structures=[])
    ax.figure.canvas.draw()
    pixels = np.asarray(ax.figure.canvas.buffer_rgba())[:, :, :3].astype(float)
    box = ax.get_window_extent()
    height = pixels.shape[0]
    inside = pixels[
        int(height - box.y1) + 1 : int(height - box.y0) - 1, int(box.x0) + 1 : int(box.x1) - 1
    ]
    grey = inside.mean(axis=2)
    # Compare bright blocks in the four quarters away from letters, the scale bar and the edges.
    rows, columns = grey.shape
    marker = ax.transData.transform([(5.5 * 2.0, 5.5 * 3.0)])[0]
    column, row = round(marker[0] - box.x0), round(rows - (marker[1] - box.y0))
    assert column > columns / 2
    assert row > rows / 2
    mirrored = grey[row - 3 : row + 3, columns - column - 3 : columns - column + 3]
    assert grey[row - 3 : row + 3, column - 3 : column + 3].mean() > 250
    assert mirrored.mean() < 200


def test_left_and_right_are_written_where_they_are(lumbar_ct):
    ax = axial_overlay(*lumbar_ct, slice_index=20, level="L3")
    letters = {text.get_text(): text.get_position() for text in ax.texts}
    assert letters["L"][0] > 0.9
    assert letters["R"][0] < 0.1
    assert letters["A"][1] > letters["P"][1]
    low_i, high_i = on_screen(ax, 10.0, 0.0)[0], on_screen(ax, 300.0, 0.0)[0]
    assert low_i > high_i


def test_a_millimetre_is_as_long_across_as_up_though_voxels_are_not_square(lumbar_ct):
    for ax in (
        axial_overlay(*lumbar_ct, slice_index=20),
        sagittal_overlay(*lumbar_ct, slice_levels=LEVELS),
    ):
        origin, across, up = (np.array(on_screen(ax, *p)) for p in ((50, 50), (60, 50), (50, 60)))
        assert np.linalg.norm(across - origin) == pytest.approx(
            np.linalg.norm(up - origin), rel=1e-9
        )


def test_every_labelled_muscle_and_body_of_the_slice_is_outlined(lumbar_ct):
    _, labels = lumbar_ct
    outlines = gids(axial_overlay(*lumbar_ct, slice_index=20), "outline-")
    present = {labels.names[n] for n in np.unique(labels.array[:, :, 20]).tolist() if n}
    assert set(outlines) == present
    assert "psoas_major_left" in present


def test_an_outline_encloses_the_area_of_its_mask(lumbar_ct):
    _, labels = lumbar_ct
    outlines = gids(axial_overlay(*lumbar_ct, slice_index=20), "outline-")
    for name in ("psoas_major_left", "multifidus_right", "quadratus_lumborum_left"):
        mask = labels.array[:, :, 20] == labels.label(name)
        enclosed = 0.0
        for path in outlines[name].get_paths():
            for ring in path.to_polygons(closed_only=True):
                x, y = ring.T
                enclosed += abs(np.dot(x[:-1], np.diff(y)) - np.dot(y[:-1], np.diff(x))) / 2
        # The contour counts voxels by their centres, so it may err by a part of the rim.
        assert enclosed == pytest.approx(mask.sum() * 1.5 * 1.2, rel=0.03)


def test_a_region_of_one_voxel_is_outlined_too():
    one = (slice(10, 11), slice(10, 11), slice(0, 1))
    body = (slice(2, 18), slice(2, 9), slice(0, 1))
    image, labels = scan(
        (20, 20, 1), {"psoas_major_left": (body, 50), "multifidus_left": (one, 40)}
    )
    outline = gids(axial_overlay(image, labels, slice_index=0), "outline-")["multifidus_left"]
    vertices = np.vstack([path.vertices for path in outline.get_paths() if len(path.vertices)])
    assert vertices.mean(axis=0) == pytest.approx([10, 10], abs=0.2)


def test_only_the_structures_asked_for_are_outlined(lumbar_ct):
    ax = axial_overlay(*lumbar_ct, slice_index=20, structures=["multifidus", "vertebral_body"])
    assert set(gids(ax, "outline-")) == {"multifidus_left", "multifidus_right", "vertebral_body_L3"}


def test_muscles_have_the_fields_colours_and_their_codes_beside(lumbar_ct):
    ax = axial_overlay(*lumbar_ct, slice_index=20)
    outlines = gids(ax, "outline-")
    red, green, blue, _ = outlines["psoas_major_left"].get_edgecolor()[0]
    assert green > red and green > blue
    red, green, blue, _ = outlines["multifidus_left"].get_edgecolor()[0]
    assert red > 2 * green
    assert {"PM", "ES", "MF", "QL", "L3"} <= {text.get_text() for text in ax.texts}
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "MF  Multifidus" in entries


def test_the_scale_bar_is_as_long_as_it_says(lumbar_ct):
    ax = axial_overlay(*lumbar_ct, slice_index=20)
    x = gids(ax, "scale-bar")[""].get_xdata()
    assert abs(x[1] - x[0]) == pytest.approx(50)
    assert "5 cm" in {text.get_text() for text in ax.texts}


def test_a_picture_is_cropped_to_the_body():
    body = (slice(40, 80), slice(30, 60), slice(0, 1))
    image, labels = scan((200, 150, 1), {"psoas_major_left": (body, 50)})
    ax = axial_overlay(image, labels, slice_index=0)
    assert ax.get_xlim() == pytest.approx((79 + 8, 40 - 8))
    assert ax.get_ylim() == pytest.approx((30 - 8, 59 + 8))


def test_slices_are_marked_at_their_height_in_the_sagittal_view(lumbar_ct):
    lines = gids(sagittal_overlay(*lumbar_ct, slice_levels=LEVELS), "slice-")
    assert {level: line.get_ydata()[0] for level, line in lines.items()} == {
        level: 4.0 * index for level, index in LEVELS.items()
    }


def test_the_sagittal_view_runs_through_the_bodies_with_anterior_on_the_viewers_left(lumbar_ct):
    ax = sagittal_overlay(*lumbar_ct, slice_levels=LEVELS)
    assert {f"vertebral_body_{level}" for level in LEVELS} <= set(gids(ax, "outline-"))
    assert on_screen(ax, 180.0, 80.0)[0] < on_screen(ax, 40.0, 80.0)[0]
    letters = {text.get_text(): text.get_position() for text in ax.texts}
    assert letters["A"][0] < letters["P"][0]
    assert letters["S"][1] > letters["I"][1]
    assert set(LEVELS) <= set(letters)


def test_whole_vertebrae_alone_are_enough_for_a_sagittal_view():
    boxes = {
        f"vertebra_L{n}": ((slice(8, 12), slice(5, 15), slice(4 * n, 4 * n + 3)), 200.0)
        for n in (1, 2, 3)
    }
    ax = sagittal_overlay(*scan((20, 20, 20), boxes), slice_levels={})
    assert set(gids(ax, "outline-")) == set(boxes)


def test_a_scan_without_hounsfield_units_is_shown_by_its_own_range(lumbar_ct):
    image, labels = lumbar_ct
    signal = Image(array=image.array + 1000, affine=image.affine, quantity="signal")
    shown = axial_overlay(signal, labels, slice_index=20).get_images()[0].get_clim()
    assert shown == pytest.approx(np.percentile(signal.array[:, :, 20], (1, 99.5)), rel=1e-6)


def test_the_same_picture_gives_the_same_bytes(lumbar_ct):
    first, second = (axial_overlay(*lumbar_ct, slice_index=20).figure for _ in range(2))
    assert svg(first) == svg(second)
    assert png(first) == png(second)


def test_what_cannot_be_shown_is_refused(lumbar_ct):
    image, labels = lumbar_ct
    with pytest.raises(InputError, match="slice_index is 42, but the image has slices 0 to 41"):
        axial_overlay(image, labels, slice_index=42)
    with pytest.raises(InputError, match="the slice of L3 is -1"):
        sagittal_overlay(image, labels, slice_levels={"L3": -1})
    with pytest.raises(InputError, match="not a known structure"):
        axial_overlay(image, labels, slice_index=20, structures=["psoas_majr"])
    with pytest.raises(InputError, match="black below white"):
        axial_overlay(image, labels, slice_index=20, window=(100, 100))
    muscles = LabelMap(
        array=np.where(labels.array <= 8, labels.array, 0).astype(np.uint8),
        affine=labels.affine,
        names={n: name for n, name in labels.names.items() if n <= 8},
    )
    with pytest.raises(InputError, match="no vertebra to choose the sagittal slice by"):
        sagittal_overlay(image, muscles, slice_levels={})
    other = LabelMap(array=labels.array[1:], affine=labels.affine, names=labels.names)
    with pytest.raises(GridError):
        axial_overlay(image, other, slice_index=20)
