"""Deduplication and screening order on simulated records whose truth is known.

Usage: python benchmarks/bench_review.py [publications, default 4000 20000]

Prints sensitivity and specificity of the deduplication, its time, and the work saved over sampling
at 95% recall by the ranking of the unscreened, over ten simulated reviews. Simulated titles come
from few words: more of them look alike than real ones do, and abstracts are easier to tell apart.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from enthesis.review.deduplicate import DuplicateAccuracy, deduplicate, duplicate_accuracy
from enthesis.review.ranking import work_saved
from enthesis.review.simulate import simulated_exports, simulated_screening


def said(found: DuplicateAccuracy) -> str:
    """Sensitivity and specificity with their counts."""
    return (
        f"sensitivity {found.sensitivity:.4f} ({found.n_missed} of {found.n_duplicates} missed), "
        f"specificity {found.specificity:.5f} ({found.n_lost} of {found.n_publications} lost)"
    )


def main() -> None:
    """Print one line per size, then one per kind of review."""
    for n in [int(text) for text in sys.argv[1:]] or [4_000, 20_000]:
        made = simulated_exports(n, rng=np.random.default_rng(2026))
        start = time.perf_counter()
        found = deduplicate(made.records)
        seconds = time.perf_counter() - start
        alone = duplicate_accuracy(found, made.truth)
        asked = found.to_review[["record", "other"]].copy()
        asked["decision"] = [
            "duplicate" if made.truth[a] == made.truth[b] else "distinct"
            for a, b in zip(asked["record"], asked["other"], strict=True)
        ]
        helped = duplicate_accuracy(deduplicate(made.records, decided=asked), made.truth)
        print(
            f"{len(made.records):6d} records of {alone.n_publications} publications, "
            f"{seconds:.1f} s: {said(alone)}; with {len(asked)} pairs decided by a person: "
            f"{said(helped)}"
        )
    for n, included in ((1_000, 30), (3_537, 25), (3_537, 120)):
        saved = []
        for seed in range(10):
            made = simulated_screening(n, included=included, rng=np.random.default_rng(seed))
            saved.append(work_saved(made.records, made.truth, rng=np.random.default_rng(seed)).wss)
        print(
            f"{n} records, {included} included: WSS@95 mean {np.mean(saved):.3f}, "
            f"range {min(saved):.3f} to {max(saved):.3f} over {len(saved)} simulated reviews"
        )


if __name__ == "__main__":
    main()
