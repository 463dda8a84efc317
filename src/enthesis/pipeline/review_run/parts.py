"""The parts of a plan's report, by which its tables and figures are told apart."""

from __future__ import annotations

Place = tuple[str, str]
"""A part of the report, and the name of a table or figure there."""

SELECTION = "Selection of studies"
RISK = "Risk of bias"
VARIANCE = "Variance by level"
DRAWN = "Moderators drawn"
SENSITIVITY = "Sensitivity analyses"
BIAS = "Small-study effects"
GROWTH = "As studies come and go"
