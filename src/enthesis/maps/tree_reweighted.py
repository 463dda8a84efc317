"""One candidate per node of a grid, so that neighbours agree: tree-reweighted message passing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_SWEEPS = 20
"""Forward and backward sweeps at most; few nodes of hard cases still move after twelve."""

SETTLED = 2e-4
"""Share of nodes that may still change their mind in the last sweep."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """Neighbouring nodes, from each wave front to the next.

    Nodes are numbered so that i + j + k never falls; every edge then leads from one front to the
    following one and a whole front is handled at once.

    Parameters
    ----------
    order : (N,), flat grid position of each node
    tail, head : (M,), nodes of each edge, the tail on the earlier front
    axis : (M,), along which grid axis the edge runs
    groups : per front, the slices of the edge list that leave it, one per axis
    """

    order: NDArray[np.intp]
    tail: NDArray[np.intp]
    head: NDArray[np.intp]
    axis: NDArray[np.intp]
    groups: tuple[tuple[slice, ...], ...]


def grid_edges(inside: NDArray[np.bool_]) -> Edges:
    """Edges between face neighbours inside a grid (I, J, K)."""
    positions = np.flatnonzero(inside)
    front = np.add.reduce(np.unravel_index(positions, inside.shape))
    sorting = np.argsort(front, kind="stable")
    order, front = positions[sorting], front[sorting]
    flat = np.full(inside.size, -1, dtype=np.intp)
    flat[order] = np.arange(order.size)
    number = flat.reshape(inside.shape)
    tails, heads, axes = [], [], []
    for axis in range(3):
        first = np.moveaxis(number, axis, 0)[:-1].ravel()
        second = np.moveaxis(number, axis, 0)[1:].ravel()
        both = (first >= 0) & (second >= 0)
        tails.append(first[both])
        heads.append(second[both])
        axes.append(np.full(int(both.sum()), axis))
    tail, head, along = (np.concatenate(parts) for parts in (tails, heads, axes))
    sorting = np.lexsort((tail, along, front[tail]))
    tail, head, along = tail[sorting], head[sorting], along[sorting]
    key = front[tail] * 3 + along
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    stops = np.append(starts, key.size)[1:]
    by_front: dict[int, list[slice]] = {}
    for start, stop in zip(starts, stops, strict=True):
        by_front.setdefault(int(key[start]) // 3, []).append(slice(int(start), int(stop)))
    groups = tuple(tuple(by_front[f]) for f in sorted(by_front))
    return Edges(order=order, tail=tail, head=head, axis=along, groups=groups)


def agree(
    unary: NDArray[np.float32], pairwise: NDArray[np.float32], edges: Edges
) -> NDArray[np.intp]:
    """The candidate of each node that makes the sum of all costs small.

    Parameters
    ----------
    unary : (C, N), cost of each candidate, nodes as in `edges`
    pairwise : (C, C, M), cost of each pair of candidates, the tail's first
    edges : neighbours

    Returns
    -------
    (N,) candidate numbers.

    Notes
    -----
    With two candidates the fixed point is that of roof duality (QPBO); more candidates need no
    series of binary moves.

    References
    ----------
    Kolmogorov V. IEEE Trans Pattern Anal Mach Intell 2006;28:1568-1583. doi:10.1109/TPAMI.2006.200
    """
    n_nodes = unary.shape[1]
    degrees = np.maximum(
        np.bincount(edges.tail, minlength=n_nodes), np.bincount(edges.head, minlength=n_nodes)
    )
    share = (1 / np.maximum(degrees, 1)).astype(np.float32)
    belief = unary.copy()
    to_head = np.zeros((unary.shape[0], edges.tail.size), dtype=np.float32)
    to_tail = np.zeros_like(to_head)
    backwards = pairwise.swapaxes(0, 1)
    leaning = belief.argmin(axis=0)
    for _ in range(N_SWEEPS):
        for runs in edges.groups:
            _send(runs, edges.tail, edges.head, belief, share, to_tail, to_head, pairwise)
        for runs in reversed(edges.groups):
            _send(runs, edges.head, edges.tail, belief, share, to_head, to_tail, backwards)
        before, leaning = leaning, belief.argmin(axis=0)
        if np.mean(before != leaning) <= SETTLED:
            break
    return _decode(belief, to_head, pairwise, edges)


def _send(
    runs: tuple[slice, ...],
    origin: NDArray[np.intp],
    target: NDArray[np.intp],
    belief: NDArray[np.float32],
    share: NDArray[np.float32],
    received: NDArray[np.float32],
    sent: NDArray[np.float32],
    pairwise: NDArray[np.float32],
) -> None:
    """Update the messages of one front's edges and what their targets believe."""
    front = slice(runs[0].start, runs[-1].stop)
    start = origin[front]
    held = share[start] * belief[:, start] - received[:, front]
    message = (pairwise[:, :, front] + held[:, None]).min(axis=0)
    message -= message.min(axis=0)
    change = message - sent[:, front]
    sent[:, front] = message
    for run in runs:
        # Along one axis no two edges share a target, so that plain addition counts each.
        here = slice(run.start - front.start, run.stop - front.start)
        belief[:, target[run]] += change[:, here]


def _decode(
    belief: NDArray[np.float32],
    to_head: NDArray[np.float32],
    pairwise: NDArray[np.float32],
    edges: Edges,
) -> NDArray[np.intp]:
    """Choose front by front, each node given the choices behind it and the messages from ahead."""
    chosen: NDArray[np.intp] = belief.argmin(axis=0)
    for group in edges.groups:
        heads = []
        for run in group:
            tail, head = edges.tail[run], edges.head[run]
            number = np.arange(run.start, run.stop)
            belief[:, head] += pairwise[chosen[tail], :, number].T - to_head[:, run]
            heads.append(head)
        ahead = np.unique(np.concatenate(heads))
        chosen[ahead] = belief[:, ahead].argmin(axis=0)
    return chosen
