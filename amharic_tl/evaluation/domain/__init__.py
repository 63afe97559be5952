"""How far two collections of text lie from each other: over terms, and by whether a classifier tells them apart."""

from amharic_tl.evaluation.domain.compare import Distances, domain_distances
from amharic_tl.evaluation.domain.passages import one_passage_each
from amharic_tl.evaluation.domain.proxy_a import ProxyA, proxy_a_distance
from amharic_tl.evaluation.domain.sampling import Measured, between_and_within
from amharic_tl.evaluation.domain.statistics import jensen_shannon, top_overlap
from amharic_tl.evaluation.domain.terms import character_ngrams, subwords

__all__ = [
    "Distances",
    "Measured",
    "ProxyA",
    "between_and_within",
    "character_ngrams",
    "domain_distances",
    "jensen_shannon",
    "one_passage_each",
    "proxy_a_distance",
    "subwords",
    "top_overlap",
]
