"""Fat in simulated muscle by several methods, beside the clustering that other programs use.

Run ``python benchmarks/fat_methods.py``; prints the table of docs/measuring.md. The clustering is
written anew from what is published of MuscleMap's: scikit-learn's mixture or k-means fitted to one
label's voxels, the fat being what lies above the largest value of the cluster of lowest mean (of
two), or at or above the smallest of that of highest mean (of three). It has no seed there; here it
has one a repeat, and the spread over repeats is shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from enthesis.muscle import Anchors, tissue_shares

TRUE_PERCENT = (0.0, 2.0, 10.0, 25.0, 40.0)
VOXELS = 4000
MUSCLE, FAT, NOISE = 100.0, 300.0, 12.0
"""Signal of lean muscle and fat, and the noise on both: a T1-weighted image at an SNR of 8."""

PURE_SHARE = 0.5
"""Share of the fat that fills whole voxels; the rest is spread through voxels of up to half fat."""

REPEATS = 5


def compartment(percent: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Signal of one compartment with this much fat."""
    share = np.zeros(VOXELS)
    pure = round(VOXELS * PURE_SHARE * percent / 100)
    share[:pure] = 1
    spread = VOXELS * percent / 100 - pure
    mixed = min(round(4 * spread), VOXELS - pure)
    if mixed:
        share[pure : pure + mixed] = rng.uniform(0, 0.5, mixed)
        share[pure : pure + mixed] *= spread / share[pure : pure + mixed].sum()
    return MUSCLE + share * (FAT - MUSCLE) + rng.normal(0, NOISE, VOXELS)


def clustered(values: NDArray[np.float64], kind: str, n: int, seed: int) -> float:
    """Fat in percent by unanchored clusters."""
    column = values[:, None]
    if kind == "gmm":
        fit = GaussianMixture(n, covariance_type="full", n_init=20, random_state=seed).fit(column)
        cluster, means = fit.predict(column), fit.means_.ravel()
    else:
        fit = KMeans(n, n_init=20, max_iter=1000, tol=1e-3, random_state=seed).fit(column)
        cluster, means = fit.labels_, fit.cluster_centers_.ravel()
    if n == 2:
        top = values[cluster == means.argmin()].max()
        return 100 * float((values > top).mean())
    return 100 * float((values >= values[cluster == means.argmax()].min()).mean())


def main() -> None:
    """Print the table as Markdown."""
    anchors = Anchors(muscle=MUSCLE, fat=FAT)
    print("| true | " + " | ".join(("unanchored gmm 2", "gmm 3", "k-means 2", "k-means 3")), end="")
    print(" | ours: reference | otsu | gmm2 | gmm3 |")
    print("|---" * 9 + "|")
    for percent in TRUE_PERCENT:
        values = compartment(percent, np.random.default_rng(1))
        cells = [f"{percent:.0f}"]
        for kind, n in (("gmm", 2), ("gmm", 3), ("kmeans", 2), ("kmeans", 3)):
            found = [clustered(values, kind, n, seed) for seed in range(REPEATS)]
            low, high = min(found), max(found)
            cells.append(f"{low:.1f}" if high - low < 0.05 else f"{low:.1f}–{high:.1f}")
        for method in ("reference", "otsu", "gmm2", "gmm3"):
            shares = tissue_shares(values, anchors, method=method)
            assert abs(shares.muscle + shares.mixed + shares.fat - 1) < 1e-12
            cells.append(f"{100 * shares.infiltration:.1f}")
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
