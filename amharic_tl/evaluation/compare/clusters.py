"""Which items belong together: copies of a text, sentences of an article. Only clusters are independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def cluster_numbers(ids: Sequence[str], *groupings: Mapping[str, object]) -> np.ndarray:
    """int ``[items]``: items that share a group of any grouping, directly or by way of others, get the same number.

    Args:
      ids: of the items.
      groupings: item id -> group (near-duplicates, articles); an item that is not named stands by itself.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # A graph with a node for each item and for each group.
    nodes: dict[tuple[int, object], int] = {}
    edges: list[tuple[int, int]] = []
    for number, grouping in enumerate(groupings):
        for item, name in enumerate(ids):
            if name in grouping:
                node = nodes.setdefault((number, grouping[name]), len(ids) + len(nodes))
                edges.append((item, node))
    size = len(ids) + len(nodes)
    ends = np.asarray(edges, np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(np.unique(labels[: len(ids)], return_inverse=True)[1])


def cluster_sums(sums: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """``[..., items, k]`` added up to ``[..., clusters, k]``."""
    count = int(clusters.max()) + 1
    result = np.zeros((*sums.shape[:-2], count, sums.shape[-1]))
    np.add.at(np.moveaxis(result, -2, 0), clusters, np.moveaxis(sums, -2, 0))
    return result
