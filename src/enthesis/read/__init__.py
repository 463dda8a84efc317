"""Files to images, label maps and tables, and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enthesis.read.label_maps import labels
    from enthesis.read.scan import image
    from enthesis.read.schemes import MR_SCHEMES, SCHEMES
    from enthesis.read.tables import table
    from enthesis.read.writing import write_nifti

__all__ = ["MR_SCHEMES", "SCHEMES", "image", "labels", "table", "write_nifti"]

_HOMES = {
    "MR_SCHEMES": "schemes",
    "SCHEMES": "schemes",
    "image": "scan",
    "labels": "label_maps",
    "table": "tables",
    "write_nifti": "writing",
}


def __getattr__(name: str) -> Any:
    # Tables are read without importing nibabel and pydicom, which take longer than most tables.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
