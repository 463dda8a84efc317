"""The recipe: what it draws, and that the file computes what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from enthesis.phantom import LumbarBody

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytest.importorskip("training", reason="the recipe lies beside the package, in the checkout")

from training.bodies import random_body  # noqa: E402
from training.model import SmallUNet  # noqa: E402
from training.onnx_file import write_onnx  # noqa: E402
from training.views import WINDOW, Body, random_view  # noqa: E402


def test_the_same_numbers_draw_the_same_body():
    first, second = (random_body(np.random.default_rng(4)) for _ in range(2))
    assert first == second
    assert isinstance(first, LumbarBody)


def test_every_drawn_body_is_one_that_can_live():
    for seed in range(200):
        random_body(np.random.default_rng(seed))


def test_the_file_computes_what_was_trained(tmp_path: Path):
    torch.manual_seed(0)
    net = SmallUNet().eval()
    path = tmp_path / "net.onnx"
    write_onnx(net, path, facts={"name": "untrained"})
    shown = torch.randn(2, 6, 32, 48)
    with torch.no_grad():
        wanted = net(shown).numpy()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"slices": shown.numpy()})
    # Weights are kept with eleven bits.
    assert found == pytest.approx(wanted, abs=0.01 * float(np.abs(wanted).max()))
    assert session.get_modelmeta().custom_metadata_map == {"name": "untrained"}


def test_the_network_is_small_enough_for_its_file():
    assert sum(p.numel() for p in SmallUNet().parameters()) < 510_000


def test_a_view_shows_a_body_and_names_its_middle_slice():
    classes = torch.zeros((20, 60, 80), dtype=torch.uint8)
    classes[:, 20:40, 30:50] = 1
    body = Body(
        classes=classes,
        attenuation=(classes.short() * 200 - 100)[None],
        signal=(classes * 200)[None],
    )
    for seed in range(8):
        shown, target = random_view(body, np.random.default_rng(seed))
        assert shown.shape == (6, WINDOW[1], WINDOW[0])
        assert target.shape == (WINDOW[1], WINDOW[0])
        assert torch.isfinite(shown).all()
        assert set(target.unique().tolist()) <= {0, 1}
