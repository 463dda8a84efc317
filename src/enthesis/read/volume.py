"""Volumes filled slice by slice, straight into the patient's order of axes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError

Floats = NDArray[np.float64]


def fill_ras(
    slices: Iterable[NDArray[Any]], shape: tuple[int, int, int], affine: Floats
) -> tuple[NDArray[Any], Floats]:
    """Volume with its axes in the closest patient order, and its affine.

    No more than the volume and one slice are held at a time, save that a slice of a wider type
    widens the whole volume.

    Parameters
    ----------
    slices : each (shape[0], shape[1]), as many as shape[2], of the type that it needs
    shape : of the volume in the order given
    affine : (4, 4), index in the order given → mm in RAS+

    Returns
    -------
    (I, J, K) whose indices grow to the right, the front and the head; and its (4, 4) affine.

    Raises
    ------
    InputError : the affine is not finite, or singular.
    """
    turns = _turns(affine)
    array = view = None
    for k, plane in enumerate(slices):
        # Made only once a slice has come, since a damaged header can claim any size.
        if array is None or view is None:
            array, view = _empty(shape, turns, plane.dtype)
        elif plane.dtype != array.dtype:
            wider = np.promote_types(array.dtype, plane.dtype)
            if wider != array.dtype:
                before = view
                array, view = _empty(shape, turns, wider)
                view[:, :, :k] = before[:, :, :k]
        view[:, :, k] = plane
    if array is None:
        raise InputError("the volume is empty: it has no slice")
    return array, affine @ nib.orientations.inv_ornt_aff(turns, shape)


def narrow(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Slope x stored + intercept: int16 where that is whole and fits, else float32.

    int16 holds all that a CT scanner gives; float32 is exact up to 16 million.
    """
    if stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        limits = np.iinfo(np.int16)
        ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
        if limits.min <= min(ends) and max(ends) <= limits.max:
            # Modulo 65536 all along, hence exact whatever the steps between give: the result fits.
            whole = stored.astype(np.int16)
            if slope != 1:
                whole *= np.array(int(slope)).astype(np.int16)
            if intercept != 0:
                whole += np.array(int(intercept)).astype(np.int16)
            return whole
    with np.errstate(over="ignore", invalid="ignore"):
        if slope == 1 and intercept == 0:
            return stored.astype(np.float32)
        return (stored * np.float64(slope) + intercept).astype(np.float32)


def content_hash(array: NDArray[Any], affine: Floats) -> str:
    """SHA-256 of voxels and place, the same however the file orders its axes."""
    # Rounded, since turning the axes moves the last bits of an origin; + 0 makes -0 into 0.
    digest = hashlib.sha256((np.round(affine, 4) + 0.0).astype("<f8").tobytes())
    for plane in array.T:
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()


def _empty(
    shape: tuple[int, int, int], turns: Floats, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a new array in the patient's order, and a view of it in the order given."""
    axes = turns[:, 0].astype(int)
    turned = [0, 0, 0]
    for given, axis in enumerate(axes):
        turned[axis] = shape[given]
    array: NDArray[Any] = np.empty(turned, dtype=dtype, order="F")
    flips = tuple(slice(None, None, int(sign)) for sign in turns[:, 1])
    return array, array.transpose(axes)[flips]


def _turns(affine: Floats) -> Floats:
    if not np.isfinite(affine).all() or np.linalg.det(affine[:3, :3]) == 0:
        raise InputError(
            "the header's affine is singular or not finite, so the voxels have no place in the "
            "patient; export the image again"
        )
    turns: Floats = nib.orientations.io_orientation(affine)
    return turns
