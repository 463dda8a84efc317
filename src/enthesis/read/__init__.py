"""Files to images, label maps and tables, and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enthesis.read.contours import drawn_contours
    from enthesis.read.device_values import DeviceValues, values
    from enthesis.read.dicom_series import Series, series
    from enthesis.read.label_maps import labels
    from enthesis.read.measurement_report import Report, sr
    from enthesis.read.multi_echo import echoes
    from enthesis.read.report_writing import write_sr
    from enthesis.read.rtstruct import read_rtstruct
    from enthesis.read.scan import frames, image
    from enthesis.read.schemes import MR_SCHEMES, SCHEMES
    from enthesis.read.seg import read_seg, write_seg
    from enthesis.read.series_writing import write_series
    from enthesis.read.spreadsheets import spreadsheet
    from enthesis.read.tables import table
    from enthesis.read.writing import write_echoes, write_nifti

__all__ = [
    "MR_SCHEMES",
    "SCHEMES",
    "DeviceValues",
    "Report",
    "Series",
    "drawn_contours",
    "echoes",
    "frames",
    "image",
    "labels",
    "read_rtstruct",
    "read_seg",
    "series",
    "spreadsheet",
    "sr",
    "table",
    "values",
    "write_echoes",
    "write_nifti",
    "write_seg",
    "write_series",
    "write_sr",
]

_HOMES = {
    "MR_SCHEMES": "schemes",
    "Report": "measurement_report",
    "SCHEMES": "schemes",
    "DeviceValues": "device_values",
    "Series": "dicom_series",
    "drawn_contours": "contours",
    "echoes": "multi_echo",
    "frames": "scan",
    "image": "scan",
    "labels": "label_maps",
    "read_rtstruct": "rtstruct",
    "read_seg": "seg",
    "series": "dicom_series",
    "sr": "measurement_report",
    "spreadsheet": "spreadsheets",
    "table": "tables",
    "values": "device_values",
    "write_echoes": "writing",
    "write_nifti": "writing",
    "write_seg": "seg",
    "write_series": "series_writing",
    "write_sr": "report_writing",
}


def __getattr__(name: str) -> Any:
    # No file is named after what it gives, or its import would take the name here.
    # Tables are read without importing nibabel and pydicom, which take longer than most tables.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
