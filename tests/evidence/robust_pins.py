"""Numbers that validation/metafor/robust.R printed, read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

PINS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "pinned" / "robust.json").read_text()
)


def data() -> pd.DataFrame:
    """The simulated studies of that script."""
    return pd.DataFrame(PINS["data"])
