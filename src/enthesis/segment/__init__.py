"""From an image to a label map: unaided, by a model, by hand with help, or given and checked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enthesis.segment.backends import (
        ArrayBackend,
        Backend,
        FileBackend,
        backend,
        backend_names,
    )
    from enthesis.segment.checks import CheckedLabels, given
    from enthesis.segment.contours import Interpolated, interactive, next_contour, propagated
    from enthesis.segment.geometry import found_spine
    from enthesis.segment.levels import LevelProposal
    from enthesis.segment.merging import merge
    from enthesis.segment.spine import OrientedPlane, Spine
    from enthesis.segment.together import Segmentation
    from enthesis.segment.unaided import automatic

__all__ = [
    "ArrayBackend",
    "Backend",
    "CheckedLabels",
    "FileBackend",
    "Interpolated",
    "LevelProposal",
    "OrientedPlane",
    "Segmentation",
    "Spine",
    "automatic",
    "backend",
    "backend_names",
    "found_spine",
    "given",
    "interactive",
    "merge",
    "next_contour",
    "propagated",
]

_HOMES = {
    "ArrayBackend": "backends",
    "Backend": "backends",
    "CheckedLabels": "checks",
    "FileBackend": "backends",
    "Interpolated": "contours",
    "LevelProposal": "levels",
    "OrientedPlane": "spine",
    "Segmentation": "together",
    "Spine": "spine",
    "automatic": "unaided",
    "backend": "backends",
    "backend_names": "backends",
    "found_spine": "geometry",
    "given": "checks",
    "interactive": "contours",
    "merge": "merging",
    "next_contour": "contours",
    "propagated": "contours",
}


def __getattr__(name: str) -> Any:
    # No file is named after what it gives, or its import would take the name here.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
