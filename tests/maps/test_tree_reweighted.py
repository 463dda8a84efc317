"""Candidates chosen so that neighbours agree."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from enthesis.maps.tree_reweighted import agree, grid_edges


def total(labels, unary, pairwise, edges):
    nodes = unary[labels, np.arange(labels.size)].sum()
    number = np.arange(edges.tail.size)
    return nodes + pairwise[labels[edges.tail], labels[edges.head], number].sum()


@pytest.mark.parametrize("shape", [(7, 1, 1), (1, 1, 6), (3, 2, 1), (2, 2, 2)])
def test_the_cheapest_of_all_choices_is_found_on_small_grids(shape):
    rng = np.random.default_rng(3)
    edges = grid_edges(np.ones(shape, dtype=bool))
    unary = rng.random((2, np.prod(shape))).astype(np.float32)
    apart = (rng.random(edges.tail.size) * np.array([[[0], [1]], [[1], [0]]])).astype(np.float32)
    labels = agree(unary, apart, edges)
    best = min(
        total(np.array(choice), unary, apart, edges)
        for choice in product(range(2), repeat=int(np.prod(shape)))
    )
    assert total(labels, unary, apart, edges) == pytest.approx(best, rel=1e-5)


def test_edges_join_face_neighbours_inside_only():
    inside = np.array([[[True], [True], [False]], [[True], [False], [True]]])
    edges = grid_edges(inside)
    pairs = {
        tuple(sorted(pair))
        for pair in zip(edges.order[edges.tail], edges.order[edges.head], strict=True)
    }
    assert pairs == {(0, 1), (0, 3)}


def test_a_grid_without_neighbours_takes_each_nodes_own_best():
    inside = np.zeros((3, 3, 1), dtype=bool)
    inside[0, 0] = inside[2, 2] = True
    edges = grid_edges(inside)
    unary = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert agree(unary, np.zeros((2, 2, 0), dtype=np.float32), edges).tolist() == [1, 0]
