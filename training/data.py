"""The bodies to learn from, made once and kept in a folder."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import enthesis.phantom
from training.bodies import random_body
from training.render import Rendered, render

LEARN, CHECK = 0, 1
"""Streams of random numbers: bodies to learn from, and bodies that only check."""


def bodies(folder: Path, *, seed: int, n: int, stream: int = LEARN, workers: int = 1) -> list[Path]:
    """Files of n random bodies; those already in the folder are kept.

    Parameters
    ----------
    folder : where they lie
    seed, stream : of the random numbers; body i of a seed is always the same
    n : how many
    workers : processes that make them
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [folder / f"{fingerprint()}-{seed}-{stream}-{i:04d}.npz" for i in range(n)]
    missing = [(path, seed, stream, i) for i, path in enumerate(wanted) if not path.exists()]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(_make, missing))
    else:
        for job in missing:
            _make(job)
    return wanted


def load(path: Path) -> Rendered:
    """One body from its file."""
    with np.load(path) as kept:
        return Rendered(
            classes=kept["classes"], attenuation=kept["attenuation"], signal=kept["signal"]
        )


def fingerprint() -> str:
    """What changes when the code that draws bodies changes."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    sources = [*Path(enthesis.phantom.__file__).parent.glob("*.py")]
    for path in (*sorted(sources, key=lambda p: p.name), here / "bodies.py", here / "render.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _make(job: tuple[Path, int, int, int]) -> None:
    path, seed, stream, i = job
    rng = np.random.default_rng([seed, stream, i])
    made = render(random_body(rng), rng)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez_compressed(
            file, classes=made.classes, attenuation=made.attenuation, signal=made.signal
        )
    unfinished.replace(path)
