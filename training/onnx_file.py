"""The network as an ONNX file: normalisation folded in, weights in half precision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from enthesis.segment.network_frame import CLASSES, N_SLICES
from training.model import SmallUNet

OPSET = 17


class _Graph:
    """Nodes and weights in the order in which they are computed."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], **attributes: object) -> str:
        out = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))
        return out

    def weight(self, values: NDArray[np.float32]) -> str:
        """Values kept in half precision and computed with in single precision."""
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float16), name))
        return self.add("Cast", [name], to=TensorProto.FLOAT)

    def convolution(self, x: str, conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> str:
        kernel, bias = _folded(conv, norm)
        pads = [conv.kernel_size[0] // 2] * 4
        inputs = [x, self.weight(kernel), self.weight(bias)]
        return self.add("Conv", inputs, kernel_shape=list(conv.kernel_size), pads=pads)

    def twice(self, x: str, block: nn.Sequential) -> str:
        for conv, norm in ((block[0], block[1]), (block[3], block[4])):
            x = self.add("Relu", [self.convolution(x, conv, norm)])
        return x


def write_onnx(net: SmallUNet, path: Path, *, facts: Mapping[str, str]) -> None:
    """Write the network.

    Parameters
    ----------
    net : trained
    path : file to write
    facts : kept in the file's metadata
    """
    graph = _Graph()
    doubled = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "doubled")
    x, kept = "slices", []
    for i, block in enumerate(net.down):
        pooled = graph.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]) if i else x
        x = graph.twice(pooled, block)
        kept.append(x)
    kept.pop()
    for block in net.up:
        wider = graph.add("Resize", [x, "", "doubled"], mode="linear")
        x = graph.twice(graph.add("Concat", [wider, kept.pop()], axis=1), block)
    last = graph.convolution(x, net.out, None)
    graph.nodes.append(helper.make_node("Identity", [last], ["logits"], name="logits"))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "enthesis_lumbar",
            [_value("slices", N_SLICES + 1)],
            [_value("logits", len(CLASSES))],
            [doubled, *graph.weights],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="enthesis",
    )
    helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model, full_check=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(model.SerializeToString(deterministic=True))
    unfinished.replace(path)


def _value(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, ["n", channels, "rows", "columns"]
    )


def _folded(
    conv: nn.Conv2d, norm: nn.BatchNorm2d | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of a convolution with the normalisation behind it."""
    with torch.no_grad():
        if norm is None:
            assert conv.bias is not None
            return conv.weight.cpu().numpy(), conv.bias.cpu().numpy()
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        kernel = conv.weight * gain[:, None, None, None]
        bias = norm.bias - norm.running_mean * gain
        return kernel.cpu().numpy(), bias.cpu().numpy()
