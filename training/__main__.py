"""From nothing to the ONNX file: ``python -m training``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import torch

import enthesis
from training.data import CHECK, bodies, fingerprint, load
from training.learn import Plan, dice_on, learn
from training.onnx_file import write_onnx
from training.views import to_tensors

WEIGHTS = Path(enthesis.__file__).parent / "segment" / "lumbar_network.onnx"


def main() -> None:
    """Make bodies, learn, check on bodies not learnt from, write the file."""
    asked = _arguments()
    started = time.monotonic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # One core draws the views of the next step.
    torch.set_num_threads(max(asked.threads - 1, 1))
    made = bodies(asked.cache, seed=asked.seed, n=asked.bodies, workers=asked.threads)
    _tell(f"{len(made)} bodies to learn from; {time.monotonic() - started:.0f} s")
    learnt_from = [to_tensors(load(path), device) for path in made]
    plan = Plan(seed=asked.seed, steps=asked.steps)
    name = f"{fingerprint()}-{asked.seed}-{asked.bodies}-{asked.steps}.pt"
    net = learn(
        learnt_from,
        plan,
        state=asked.cache / name,
        device=device,
        tell=lambda line: _tell(f"{line}; {time.monotonic() - started:.0f} s"),
    )
    unseen = [
        to_tensors(load(path), device)
        for path in bodies(asked.cache, seed=asked.seed, n=6, stream=CHECK, workers=asked.threads)
    ]
    net = net.to("cpu", memory_format=torch.contiguous_format)
    scores = {
        kind: {name: round(value, 3) for name, value in dice_on(net, unseen, ct=ct).items()}
        for kind, ct in (("ct", True), ("mr", False))
    }
    facts = {
        "name": "Enthesis lumbar network",
        "version": asked.version,
        "licence": "Apache-2.0",
        "trained_on": "simulated bodies of enthesis.phantom only; no scan of a person",
        "recipe": fingerprint(),
        "seed": str(asked.seed),
        "bodies": str(asked.bodies),
        "steps": str(asked.steps),
        "dice_on_unseen_simulated_bodies": json.dumps(scores),
    }
    write_onnx(net, asked.out, facts=facts)
    _tell(f"{json.dumps(scores, indent=1)}\nwritten after {time.monotonic() - started:.0f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="ONNX file to write")
    parser.add_argument("--cache", type=Path, default=Path(".cache/training"))
    parser.add_argument("--bodies", type=int, default=240, help="to learn from")
    parser.add_argument("--steps", type=int, default=20_000, help="of eight views")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--version", default="2", help="kept in the file")
    return parser.parse_args()


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
