"""Pixels of a stack of slices, decoded into one volume in HU."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array

from enthesis.errors import InputError
from enthesis.read.dicom_geometry import Stack
from enthesis.read.dicom_headers import Header
from enthesis.read.volume import fill_ras, narrow

MAX_SLICE_PIXELS = 1 << 26
"""Pixels that one CT slice can have (8192 x 8192); a header that claims more is damaged."""


def decode(stack: Stack) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Volume in HU, and its affine.

    Returns
    -------
    (I, J, K) in RAS+ order: int16 where every slice's rescale gives whole numbers that fit, else
    float32; and (4, 4) in mm.

    Raises
    ------
    InputError : pixel data that are missing, cut short or cannot be decoded; the slice is named.
    """
    shape = (stack.headers[0].columns, stack.headers[0].rows, len(stack.headers))
    return fill_ras((_hounsfield(header).T for header in stack.headers), shape, stack.affine)


def _hounsfield(header: Header) -> NDArray[Any]:
    if header.slope is None or header.intercept is None:
        raise InputError(f"{header.title} has no rescale slope and intercept; its HU are unknown")
    return narrow(_stored(header), header.slope, header.intercept)


def _stored(header: Header) -> NDArray[Any]:
    if header.rows * header.columns > MAX_SLICE_PIXELS:
        raise InputError(
            f"{header.title} claims {header.rows} x {header.columns} pixels, more than any CT; "
            "the file is damaged"
        )
    try:
        with warnings.catch_warnings():
            # pydicom warns of every odd value, and of padding after the pixels.
            warnings.simplefilter("ignore")
            # pydicom decodes straight from the file, except from one that is deflated as a whole.
            source = dcmread(header.path) if header.deflated else header.path
            stored: NDArray[Any] = pixel_array(source, raw=True)
    except Exception as error:
        # A broken stream can raise anything from any depth of the decoders.
        raise InputError(
            f"the pixels of {header.title} are cut short or cannot be decoded "
            f"(compression: {header.compression}; {type(error).__name__}); export the series again"
        ) from error
    if stored.shape != (header.rows, header.columns):
        raise InputError(
            f"{header.title} holds pixels of shape {stored.shape} where its header has "
            f"{header.rows} rows of {header.columns}; export the series again"
        )
    return stored
