"""What the network is shown and what it answers: its classes, its grid and its grey values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES = (
    "other",
    "vertebral_body",
    "intervertebral_disc",
    "vertebra_posterior",
    "sacrum",
    "spinal_canal",
    "erector_spinae",
    "multifidus",
    "quadratus_lumborum",
    "psoas_major",
    "subcutaneous_fat",
    "skeletal_muscle",
)
"""Classes in the order of the network's channels. Sides are told apart afterwards, by the plane
through canal and bodies; ``skeletal_muscle`` is all muscle that is not named before it."""

SPACING_MM = 3.0
"""Distance between the voxels that the network sees, mm, along all three axes."""

N_SLICES = 5
"""Neighbouring axial slices shown at once; the answer is for the one in the middle."""

STRIDE = 16
"""Slices are padded to multiples of this: the network halves them four times."""

AIR_HU = -1000.0

HU_SCALE = 100.0
"""Attenuation is shown as asinh(HU / 100): nearly straight in soft tissue, compressed in bone."""

SIGNAL_PERCENTILES = (2.0, 99.0)
"""Of the signal above the background's, shown as 0 and 1 in a scan that has no absolute scale."""

SIGNAL_SPAN = (-2.0, 2.5)
"""What signals of 0 and 1 are shown as, and clipped at."""


def shown_attenuation(hu: NDArray[Any]) -> NDArray[np.float32]:
    """Attenuation as the network is shown it."""
    shown = np.arcsinh(np.maximum(hu, AIR_HU).astype(np.float32) / np.float32(HU_SCALE))
    return np.asarray(shown)


def shown_signal(signal: NDArray[Any]) -> NDArray[np.float32]:
    """A signal without absolute scale as the network is shown it."""
    values = np.nan_to_num(signal.astype(np.float32))
    # Half of a scan may be air: only what stands out of it sets the scale.
    seen = values[values > 0.1 * np.percentile(values, 99)]
    low, high = np.percentile(seen, SIGNAL_PERCENTILES) if seen.size else (0.0, 1.0)
    share = (values - min(0.0, float(low))) / max(float(high) - min(0.0, float(low)), 1e-6)
    start, stop = SIGNAL_SPAN
    return np.asarray(np.clip(start + (stop - start) * share, start, stop), np.float32)
