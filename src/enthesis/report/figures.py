"""Figures without global state, and their bytes: the same figure gives the same file every time."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

SCAN_DPI = 100
"""Pixels per inch of a scan inside an SVG: about a CT's own pixels at the width it is shown."""

PNG_DPI = 150
"""Pixels per inch of a whole figure as pixels, letters and outlines included."""

INK = "#1b1f24"
"""Text and axes."""

MUTED = "#57606a"
"""Secondary text; 6.4 : 1 against white, past the 4.5 : 1 that WCAG 2.1 asks of small text."""

BLUE = "#0072b2"
VERMILLION = "#d55e00"
"""Two colours of Okabe and Ito's palette that stay apart in every kind of colour blindness."""

STYLE: Any = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "svg.fonttype": "path",  # looks alike where DejaVu is not installed
    "svg.hashsalt": "enthesis",  # ids follow from the content instead of from chance
    "path.simplify": True,
    "savefig.facecolor": "white",
    "savefig.bbox": None,
}
"""What decides a file's bytes, so that chance and a user's own settings cannot change them."""


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty white figure that no global list of figures knows."""
    figure = Figure(figsize=(width_in, height_in), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def svg(figure: Figure) -> bytes:
    """The figure as SVG: lines and letters as curves, a scan inside as pixels at `SCAN_DPI`."""
    unsigned = {"Date": None, "Creator": None, "Format": None, "Type": None}
    return _saved(figure, "svg", SCAN_DPI, unsigned)


def png(figure: Figure, *, dpi: int = PNG_DPI) -> bytes:
    """The figure as PNG.

    Parameters
    ----------
    figure : any
    dpi : pixels per inch; journals ask for 300 to 600
    """
    return _saved(figure, "png", dpi, {"Software": None})


def _saved(figure: Figure, file_format: str, dpi: int, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=file_format, dpi=dpi, metadata=metadata)
    return buffer.getvalue()
