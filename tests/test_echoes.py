"""The type that holds several echoes of one scan."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.image import Echoes


def echoes(**changes):
    fields = {
        "array": np.ones((3, 4, 2, 3), dtype=np.complex64),
        "affine": np.diag([1.0, 2.0, 3.0, 1.0]),
        "echo_times": np.array([0.001, 0.002, 0.003]),
        "field_strength": 1.5,
    }
    return Echoes(**{**fields, **changes})


def test_shape_and_spacing_are_of_the_voxels():
    assert echoes().shape == (3, 4, 2)
    assert echoes().spacing == (1, 2, 3)


def test_nothing_in_it_can_be_written_to():
    held = echoes()
    for part in (held.array, held.affine, held.echo_times):
        with pytest.raises(ValueError, match="read-only"):
            part[:] = 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"array": np.ones((3, 4, 3))}, r"four axes \(I, J, K, E\) were wanted"),
        ({"echo_times": np.array([0.001, 0.002])}, "3 echoes, times of shape"),
        ({"echo_times": np.array([0.003, 0.002, 0.001])}, "must increase"),
        ({"echo_times": np.array([1.0, 2.0, 3.0])}, "divide milliseconds by 1000"),
        ({"array": np.ones((3, 4, 2, 1)), "echo_times": np.array([0.001])}, "got one"),
        ({"field_strength": 0.0}, "above 0 T, got 0.0"),
        ({"readout": "flyback"}, "got 'flyback'"),
    ],
)
def test_what_is_no_scan_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        echoes(**changes)
