"""Tiny stand-ins for models: an ONNX file, an nnU-Net folder and the programs that run them."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

BRIGHT_PROGRAM = """\
import json, sys
from pathlib import Path
import nibabel as nib
import numpy as np
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
scan, output = Path(given["-i"]), Path(given["-o"])
print("Predicting 50%", end="\\r")
print("done")
if scan.is_dir():
    scan, output = next(scan.glob("*_0000.nii.gz")), output / "scan.nii.gz"
read = nib.load(scan)
labels = ({number} * (np.asarray(read.dataobj) > 0)).astype(np.uint8)
nib.save(nib.Nifti1Image(labels, read.affine), output)
"""
"""Labels what is brighter than 0, as programs of models take a scan and write labels."""


def program(folder: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name on the search path."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def onnx_folder(folder: Path, **changes: object) -> Path:
    """A model that scores what is above the middle of its window as its second class."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Sub", ["one", "x"], ["dark"]),
        helper.make_node("Concat", ["dark", "x"], ["scores"], axis=1),
    ]
    axes = ["n", 1, "k", "j", "i"]
    graph = helper.make_graph(
        nodes,
        "bright",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2, "k", "j", "i"])],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "bright.onnx")
    stated = {
        "onnx": "bright.onnx",
        "name": "bright",
        "version": "1.2",
        "licence": "Apache-2.0",
        "labels": {"1": "psoas_major_left"},
        "spacing_mm": [2.0, 2.0, 2.0],
        "quantity": "hounsfield",
        "window": [-100, 100],
        **changes,
    }
    kept = {key: value for key, value in stated.items() if value is not None}
    (folder / "model.json").write_text(json.dumps(kept), encoding="utf-8")
    return folder


def nnunet_folder(folder: Path, *, channel: str = "CT", **names: str) -> Path:
    """A folder as nnU-Net v2 leaves it after training, with an empty checkpoint."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "fold_0" / "checkpoint_final.pth").write_bytes(b"")
    table = {
        "channel_names": {"0": channel},
        "labels": {"background": 0, "PM_l": 1},
        "name": "Dataset777_Back",
    }
    (folder / "dataset.json").write_text(json.dumps(table), encoding="utf-8")
    if names:
        (folder / "enthesis.json").write_text(json.dumps({"labels": names}), encoding="utf-8")
    return folder
