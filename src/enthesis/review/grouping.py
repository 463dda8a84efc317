"""Pairs joined to groups, without joining what people have told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence


def joined(
    names: Sequence[str],
    pairs: Iterable[tuple[str, str]],
    *,
    apart: Iterable[tuple[str, str]],
) -> tuple[dict[str, str], list[int]]:
    """Groups of names that pairs connect.

    Parameters
    ----------
    names : all of them
    pairs : the surest first
    apart : names that must not come into one group

    Returns
    -------
    Name → one member of its group, and the places of the pairs that were left out because they
    would have joined names that must stay apart.
    """
    parent = {name: name for name in names}
    foes: dict[str, set[str]] = defaultdict(set)
    for a, b in apart:
        foes[a].add(b)
        foes[b].add(a)

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    left_out = []
    for place, (a, b) in enumerate(pairs):
        one, other = root(a), root(b)
        if one == other:
            continue
        if other in {root(foe) for foe in foes[one]}:
            left_out.append(place)
            continue
        parent[other] = one
        foes[one] |= foes.pop(other, set())
    return {name: root(name) for name in names}, left_out
