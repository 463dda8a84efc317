"""Numbers of other programs on groups and predictions, as frames."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

PINS = json.loads(
    (Path(__file__).parents[1] / "pinned" / "groups.json").read_text(encoding="utf-8")
)

COHORT = pd.DataFrame(PINS["groups"]["data"]).assign(subject=[f"s{i}" for i in range(53)])
"""Three simulated stages with age, sex and one outcome."""

SCORES = pd.DataFrame(PINS["curves"]["data"])
"""A simulated event with two scores, many of them tied."""

RISK = pd.DataFrame(PINS["prediction"]["data"])
"""A simulated event with two predictors."""
