"""Model folders: nnU-Net v2 as it is trained, and any ONNX file with a small manifest.

An nnU-Net folder is the one that holds ``dataset.json`` and ``fold_0``; its label names are
regions of ours, or are made so by an ``enthesis.json`` beside with ``{"labels": {"PM_l":
"psoas_major_left"}}``. An ONNX folder holds ``model.json``::

    {"onnx": "model.onnx", "name": "back", "version": "1.0", "licence": "MIT",
     "labels": {"1": "psoas_major_left", "2": "psoas_major_right"},
     "spacing_mm": [1.5, 1.5, 3.0], "quantity": "hounsfield", "window": [-200, 300],
     "input": "volume"}

Its model takes float32 (1, 1, K, J, I), the window scaled to 0..1, with I to the patient's right,
J to the front and K to the head, and gives scores (1, classes, K, J, I), class 0 background; with
``"input": "slices"`` it takes (1, 1, J, I) and gives (1, classes, J, I), slice by slice.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enthesis._optional import optional
from enthesis.anatomy import region
from enthesis.errors import EnthesisError, InputError
from enthesis.image import Image, LabelMap
from enthesis.segment.backends import (
    Announce,
    ArrayBackend,
    Backend,
    FileBackend,
    Made,
    run_tool,
)
from enthesis.segment.resample import resampled, size_at

MANIFEST, NNUNET_TABLE, NAMES = "model.json", "dataset.json", "enthesis.json"

PROGRAM = "nnUNetv2_predict_from_modelfolder"

CHANNELS = {"hounsfield": {"ct"}}
"""What nnU-Net calls the channel of a quantity; any other channel is an MR signal."""


def model_in(folder: Path) -> Backend:
    """The model of a folder.

    Raises
    ------
    InputError : neither an nnU-Net folder nor one with a manifest, or one that is not whole.
    """
    if (folder / MANIFEST).is_file():
        return _onnx_model(folder)
    if (folder / NNUNET_TABLE).is_file():
        return _nnunet_model(folder)
    raise InputError(
        f"the folder {folder.name!r} holds no model: wanted {NNUNET_TABLE} of nnU-Net v2, or "
        f"{MANIFEST} that describes an ONNX file"
    )


@dataclass(frozen=True, kw_only=True)
class NnUNetFolder(FileBackend):
    """A trained nnU-Net v2, run by its own command.

    Parameters
    ----------
    name : of the data set that it was trained on
    licence : as its files state it
    folder : with ``dataset.json`` and the folds
    scheme : label number → region
    reads_ct : whether its channel is CT
    checkpoint : file of weights in every fold
    folds : those that are there
    """

    name: str
    licence: str
    folder: Path
    scheme: Mapping[int, str]
    reads_ct: bool
    checkpoint: str
    folds: tuple[str, ...]

    def missing(self) -> str:
        """One sentence on what to install; empty where nothing is missing."""
        if shutil.which(PROGRAM):
            return ""
        return f"an nnU-Net folder needs {PROGRAM!r}; get it with: pip install nnunetv2"

    def version(self) -> str:
        """Version of nnU-Net, which has none of the model."""
        try:
            return f"(nnunetv2 {importlib.metadata.version('nnunetv2')})"
        except importlib.metadata.PackageNotFoundError:
            return "(nnunetv2)"

    def run(self, scan: Path, output: Path, *, quantity: str, announce: Announce) -> Made:
        """Run nnU-Net on a folder with one scan; see `FileBackend.run`."""
        if (quantity == "hounsfield") != self.reads_ct:
            wanted = "CT" if self.reads_ct else "MR"
            raise InputError(f"the model {self.name} was trained on {wanted}, got {quantity!r}")
        command = [PROGRAM, "-i", str(scan.parent), "-o", str(output), "-m", str(self.folder)]
        command += ["-f", *self.folds, "-chk", self.checkpoint]
        run_tool(command, name=self.name, announce=announce)
        made = sorted(output.glob("*.nii.gz"))
        if not made:
            raise EnthesisError(f"nnU-Net ended without writing a label file for {self.name}")
        return Made(path=made[0], scheme=self.scheme)


@dataclass(frozen=True, kw_only=True)
class OnnxFolder(ArrayBackend):
    """An ONNX model with its manifest.

    Parameters
    ----------
    name, stated_version, licence : as the manifest states them
    path : ONNX file
    scheme : class → region
    spacing_mm : of the grid that it reads
    quantity : what it reads
    window : values shown as 0 and 1
    by_slices : whether it reads slice by slice
    """

    name: str
    stated_version: str
    licence: str
    path: Path
    scheme: Mapping[int, str]
    spacing_mm: tuple[float, float, float]
    quantity: str
    window: tuple[float, float]
    by_slices: bool

    def missing(self) -> str:
        """One sentence on what to install; empty where nothing is missing."""
        if importlib.util.find_spec("onnxruntime"):
            return ""
        return "an ONNX model needs onnxruntime; get it with: pip install 'enthesis[segment]'"

    def version(self) -> str:
        """As the manifest states it."""
        return self.stated_version

    def labels(self, image: Image) -> LabelMap:
        """The model's answer on the scan's own grid.

        Raises
        ------
        InputError : an image of another quantity, or a model of other inputs or outputs.
        """
        if image.quantity != self.quantity:
            raise InputError(f"{self.name} reads {self.quantity}, got {image.quantity!r}")
        i, j, k = (
            size_at(n, d, mm)
            for n, d, mm in zip(image.shape, image.spacing, self.spacing_mm, strict=True)
        )
        seen = resampled(image.array, image.spacing, self.spacing_mm, (i, j, k))
        low, high = self.window
        shown = np.clip((seen - low) / (high - low), 0, 1).astype(np.float32).transpose(2, 1, 0)
        scores = self._scores(shown)
        best = np.full(image.shape, -np.inf, np.float32)
        winner = np.zeros(image.shape, np.uint16)
        # Scores are brought to the scan's grid, not labels: borders stay smooth.
        for number in range(len(scores)):
            here = resampled(
                scores[number].transpose(2, 1, 0), self.spacing_mm, image.spacing, image.shape
            )
            wins = here > best
            best[wins], winner[wins] = here[wins], number
        present = {int(number) for number in np.unique(winner)} - {0}
        unknown = sorted(present - set(self.scheme))
        if unknown:
            raise InputError(
                f"{self.name} found class {unknown[0]}, which {MANIFEST} does not name"
            )
        return LabelMap(
            array=winner,
            affine=image.affine,
            names={number: self.scheme[number] for number in sorted(present)},
            origin=self.origin(),
            source=image.source,
        )

    def _scores(self, shown: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (classes, K, J, I) of a volume (K, J, I)."""
        runtime = optional("onnxruntime", extra="segment", purpose="Running an ONNX model")
        session = runtime.InferenceSession(self.path, providers=["CPUExecutionProvider"])
        wanted = session.get_inputs()[0]
        parts = [plane[None] for plane in shown] if self.by_slices else [shown]
        if len(wanted.shape) != (4 if self.by_slices else 5):
            raise InputError(
                f"{self.path.name!r} takes {len(wanted.shape)} axes, but {MANIFEST} says it reads "
                f"{'slices' if self.by_slices else 'a volume'}"
            )
        answers = []
        for part in parts:
            given = part[None] if self.by_slices else part[None, None]
            (answer, *_) = session.run(None, {wanted.name: given})
            answers.append(answer[0][:, None] if self.by_slices else answer[0])
        found = np.concatenate(answers, axis=1)
        if found.shape[1:] != shown.shape:
            raise InputError(
                f"{self.path.name!r} answers on {found.shape[1:]} voxels where it was shown "
                f"{shown.shape}"
            )
        return np.asarray(found, np.float32)


def _onnx_model(folder: Path) -> OnnxFolder:
    stated = _json(folder / MANIFEST)
    wanted = ("onnx", "name", "version", "licence", "labels", "spacing_mm", "quantity", "window")
    lacking = [key for key in wanted if key not in stated]
    if lacking:
        raise InputError(f"{MANIFEST} of {folder.name!r} does not state {', '.join(lacking)}")
    path = folder / str(stated["onnx"])
    if not path.is_file():
        raise InputError(f"{MANIFEST} of {folder.name!r} names {path.name!r}, which is not there")
    kind: Literal["volume", "slices"] = stated.get("input", "volume")
    if kind not in ("volume", "slices"):
        raise InputError(f"input is 'volume' or 'slices' in {MANIFEST}, got {kind!r}")
    spacing, window = (tuple(map(float, stated[key])) for key in ("spacing_mm", "window"))
    if len(spacing) != 3 or min(spacing) <= 0 or len(window) != 2 or window[0] >= window[1]:
        raise InputError(f"{MANIFEST} wants three spacings above 0 mm and a window of low, high")
    return OnnxFolder(
        name=str(stated["name"]),
        stated_version=str(stated["version"]),
        licence=str(stated["licence"]),
        path=path,
        scheme=_scheme({int(number): name for number, name in stated["labels"].items()}, folder),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        quantity=str(stated["quantity"]),
        window=(window[0], window[1]),
        by_slices=kind == "slices",
    )


def _nnunet_model(folder: Path) -> NnUNetFolder:
    stated = _json(folder / NNUNET_TABLE)
    named = _json(folder / NAMES).get("labels", {}) if (folder / NAMES).is_file() else {}
    folds = sorted(p.name.removeprefix("fold_") for p in folder.glob("fold_*") if p.is_dir())
    checkpoints = sorted({p.name for p in folder.glob("fold_*/checkpoint_*.pth")})
    if not folds or not checkpoints:
        raise InputError(
            f"the nnU-Net folder {folder.name!r} has no fold_0 with a checkpoint; give the folder "
            "that ends in __nnUNetPlans__… itself"
        )
    labels = {
        int(number): named.get(name, name)
        for name, number in stated.get("labels", {}).items()
        if name not in ("background", "ignore")
    }
    channels = stated.get("channel_names", stated.get("modality", {}))
    first = str(next(iter(channels.values()), "")).lower()
    if len(channels) > 1:
        raise InputError(f"the model in {folder.name!r} reads {len(channels)} channels at once")
    final = "checkpoint_final.pth"
    return NnUNetFolder(
        name=str(stated.get("name", folder.parent.name or folder.name)),
        licence=str(stated.get("licence", "not stated")),
        folder=folder,
        scheme=_scheme(labels, folder),
        reads_ct=first in CHANNELS["hounsfield"],
        checkpoint=final if final in checkpoints else checkpoints[0],
        folds=tuple(folds),
    )


def _scheme(labels: Mapping[int, str], folder: Path) -> dict[int, str]:
    if not labels:
        raise InputError(f"the model in {folder.name!r} names no label")
    for name in labels.values():
        try:
            region(name)
        except InputError as error:
            raise InputError(
                f"the model in {folder.name!r}: {error}; translate its names in {NAMES}"
            ) from error
    return dict(labels)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name!r} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path.name!r} is to hold one JSON object")
    return found
