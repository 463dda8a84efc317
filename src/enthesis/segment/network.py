"""Our own network: a small U-Net that learnt from simulated bodies only."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.segment.network_frame import (
    AIR_HU,
    CLASSES,
    N_SLICES,
    SIGNAL_SPAN,
    SPACING_MM,
    STRIDE,
    shown_attenuation,
    shown_signal,
)
from enthesis.segment.resample import resampled, size_at

WEIGHTS = Path(__file__).parent / "lumbar_network.onnx"

SMALLEST_FIELD_MM = 60.0
"""A scan narrower than this in the plane shows too little of a trunk to be read, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Odds:
    """How sure the network is of each class, voxel by voxel.

    Parameters
    ----------
    margin : (classes, I, J, K) logarithm of the odds of each class over the best other one;
        the class of a voxel is the one with a positive value
    spacing_mm : distance between voxels, mm; the middle of the grid is that of the scan
    network : name and version of what answered
    """

    margin: NDArray[np.float16]
    spacing_mm: tuple[float, float, float]
    network: str

    def of(self, name: str) -> NDArray[np.float32]:
        """The margin of one class, (I, J, K)."""
        return np.asarray(self.margin[CLASSES.index(name)], np.float32)


def network_at_hand(path: Path = WEIGHTS) -> bool:
    """Whether the weights are there; the package works without them, by geometry alone."""
    return path.exists()


def network_facts(path: Path = WEIGHTS) -> Mapping[str, str]:
    """Where the weights come from and how they scored, as kept in their file."""
    facts: Mapping[str, str] = _session(path).get_modelmeta().custom_metadata_map
    return dict(facts)


def network_odds(image: Image, *, path: Path = WEIGHTS) -> Odds:
    """The network's answer at its own spacing of 3 mm.

    Parameters
    ----------
    image : a CT in HU, or an MR of any weighting
    path : ONNX file

    Raises
    ------
    InputError : a field too small to be read, or no weights at this path.
    """
    here = image.spacing
    field = [n * d for n, d in zip(image.shape, here, strict=True)]
    if min(field[:2]) < SMALLEST_FIELD_MM:
        raise InputError(
            f"the network reads axial slices of at least {SMALLEST_FIELD_MM:g} mm, got "
            f"{field[0]:.0f} by {field[1]:.0f} mm; give a scan of the trunk"
        )
    wanted = (SPACING_MM, SPACING_MM, SPACING_MM)
    i, j, k = (size_at(n, d, SPACING_MM) for n, d in zip(image.shape, here, strict=True))
    coarse = resampled(image.array, here, wanted, (i, j, k))
    is_ct = image.quantity == "hounsfield"
    shown = shown_attenuation(coarse) if is_ct else shown_signal(coarse)
    session = _session(path)
    facts = session.get_modelmeta().custom_metadata_map
    return Odds(
        margin=_answers(session, shown, is_ct=is_ct),
        spacing_mm=wanted,
        network=f"{facts.get('name', 'network')} {facts.get('version', '')}".strip(),
    )


def _answers(session: Any, shown: NDArray[np.float32], *, is_ct: bool) -> NDArray[np.float16]:
    """Margins (classes, I, J, K) of a volume (I, J, K), slice by slice."""
    n_i, n_j, n_k = shown.shape
    edge = float(np.arcsinh(AIR_HU / 100.0)) if is_ct else SIGNAL_SPAN[0]
    rows, columns = (-n % STRIDE for n in (n_j, n_i))
    before = (rows // 2, columns // 2)
    stack = np.pad(
        shown.transpose(2, 1, 0),
        ((0, 0), (before[0], rows - before[0]), (before[1], columns - before[1])),
        constant_values=edge,
    )
    stack = np.pad(stack, ((N_SLICES // 2, N_SLICES // 2), (0, 0), (0, 0)), mode="edge")
    flag = np.full((1, *stack.shape[1:]), float(is_ct), np.float32)
    margin = np.empty((len(CLASSES), n_i, n_j, n_k), np.float16)
    # One at a time: several are no faster, and the runtime keeps the memory that they took.
    for k in range(n_k):
        view = np.concatenate([stack[k : k + N_SLICES], flag])[None]
        (logits,) = session.run(None, {"slices": view})
        # Left and right are one class: the mirrored view is a second opinion.
        (mirrored,) = session.run(None, {"slices": np.ascontiguousarray(view[..., ::-1])})
        logits = (logits + mirrored[..., ::-1])[0] / 2
        cut = logits[:, before[0] : before[0] + n_j, before[1] : before[1] + n_i]
        margin[..., k] = _margins(cut).transpose(0, 2, 1)
    return margin


def _margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each class over the best other one, along the first axis."""
    second, best = np.partition(logits, -2, axis=0)[-2:]
    return np.asarray(np.where(logits == best, logits - second, logits - best))


@functools.cache
def _session(path: Path) -> Any:
    if not path.exists():
        raise InputError(
            f"the network's weights {path.name!r} are not there; make them with "
            "`python -m training`, or segment by geometry alone"
        )
    runtime = optional("onnxruntime", extra="segment", purpose="Running the segmentation network")
    options = runtime.SessionOptions()
    # Threads that wait busily slow down everything else on a shared machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
