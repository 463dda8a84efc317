"""Finished results become figures, tables and one self-contained page."""

from enthesis.report.figures import png, svg
from enthesis.report.forest import forest
from enthesis.report.overlay import axial_overlay, sagittal_overlay
from enthesis.report.page import Page, Picture, Section, render, write
from enthesis.report.summary import summary_forest
from enthesis.report.tables import Table, measurement_tables

__all__ = [
    "Page",
    "Picture",
    "Section",
    "Table",
    "axial_overlay",
    "forest",
    "measurement_tables",
    "png",
    "render",
    "sagittal_overlay",
    "summary_forest",
    "svg",
    "write",
]
