"""Files to images, label maps and tables, and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enthesis.read.dicom_series import Series, series
    from enthesis.read.label_maps import labels
    from enthesis.read.multi_echo import echoes
    from enthesis.read.scan import frames, image
    from enthesis.read.schemes import MR_SCHEMES, SCHEMES
    from enthesis.read.seg import read_seg, write_seg
    from enthesis.read.tables import table
    from enthesis.read.writing import write_echoes, write_nifti

__all__ = [
    "MR_SCHEMES",
    "SCHEMES",
    "Series",
    "echoes",
    "frames",
    "image",
    "labels",
    "read_seg",
    "series",
    "table",
    "write_echoes",
    "write_nifti",
    "write_seg",
]

_HOMES = {
    "MR_SCHEMES": "schemes",
    "SCHEMES": "schemes",
    "Series": "dicom_series",
    "echoes": "multi_echo",
    "frames": "scan",
    "image": "scan",
    "labels": "label_maps",
    "read_seg": "seg",
    "series": "dicom_series",
    "table": "tables",
    "write_echoes": "writing",
    "write_nifti": "writing",
    "write_seg": "seg",
}


def __getattr__(name: str) -> Any:
    # No file is named after what it gives, or its import would take the name here.
    # Tables are read without importing nibabel and pydicom, which take longer than most tables.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
