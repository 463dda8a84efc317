"""Numbers of other programs, and tables that the methods were published with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

PINS = json.loads(
    (Path(__file__).parents[1] / "pinned" / "reliability.json").read_text(encoding="utf-8")
)

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)
"""Shrout and Fleiss 1979, table 2: four ratings of six targets."""

LARGE_METER = np.array(PINS["agreement"]["first"])
MINI_METER = np.array(PINS["agreement"]["second"])
"""Bland and Altman 1986, table 1: first readings of peak expiratory flow, l/min."""

EJECTION_TABLE = """
1 7.83 6.57  1 7.42 5.62  1 7.89 6.90  1 7.12 6.57  1 7.88 6.35  2 6.16 4.06  2 7.26 4.29
2 6.71 4.26  2 6.54 4.09  3 4.75 4.71  3 5.24 5.50  3 4.86 5.08  3 4.78 5.02  3 6.05 6.01
3 5.42 5.67  4 4.21 4.14  4 3.61 4.20  4 3.72 4.61  4 3.87 4.68  4 3.92 5.04  5 3.13 3.03
5 2.98 2.86  5 2.85 2.77  5 3.17 2.46  5 3.09 2.32  5 3.12 2.43  6 5.92 5.90  6 6.42 5.81
6 5.92 5.70  6 6.27 5.76  7 7.13 5.09  7 6.62 4.63  7 6.58 4.61  7 6.93 5.09  8 4.54 4.72
8 4.81 4.61  8 5.11 4.36  8 5.29 4.20  8 5.39 4.36  8 5.57 4.20  9 4.48 3.17  9 4.92 3.12
9 3.97 2.96  10 4.22 4.35  10 4.65 4.62  10 4.74 3.16  10 4.44 3.53  10 4.50 3.53  11 6.78 7.20
11 6.07 6.09  11 6.52 7.00  11 6.42 7.10  11 6.41 7.40  11 5.76 6.80  12 5.06 4.50  12 4.72 4.20
12 4.90 3.80  12 4.80 3.80  12 4.90 4.20  12 5.10 4.50
"""
EJECTION = np.array(EJECTION_TABLE.split(), dtype=float).reshape(-1, 3)
"""Bland and Altman 2007, table 1: subject, and cardiac output by two methods, 60 pairs of 12."""

FLEISS_TABLE = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006
10050 11040 03300 10050 02031 00501 30012 51000 02040 10203
00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
FLEISS_COUNTS = np.array([[int(digit) for digit in row] for row in FLEISS_TABLE.split()])
"""Fleiss 1971, table 1: six psychiatrists' diagnoses of 30 patients, in five categories."""

KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
).T
"""Krippendorff's example of four observers, twelve units and missing ratings."""

BMD_PAIRS = np.array(
    [[0.850, 0.862], [0.910, 0.905], [1.020, 1.034], [0.760, 0.758], [0.980, 0.991]]
)
"""Five subjects scanned twice, g/cm2, made up."""


def fleiss_ratings() -> np.ndarray:
    """The diagnoses of table 1, a row per patient, in no particular order of psychiatrists."""
    return np.array([np.repeat(np.arange(5), counts) for counts in FLEISS_COUNTS])
