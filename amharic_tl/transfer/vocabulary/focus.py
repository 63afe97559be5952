"""FOCUS (Dobler and de Melo 2023): a new token as a mixture of the old ones that are used like it.

Neighbours are found in vectors of their own, trained on the text as the new tokenizer cuts it, so the tables of the
model need no new token. The vectors here are gensim's fastText (CBOW), where the authors took the fastText programme:
the same model and settings (100 dimensions, 10 negative samples, 3 epochs, tokens that stand 10 times), other code and
fewer buckets for n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.transfer.vocabulary.serialised import Change

DIMENSIONS, NEGATIVE, EPOCHS, MINIMUM_COUNT, BUCKETS = 100, 10, 3, 10, 200_000
Mixtures = dict[int, tuple[np.ndarray, np.ndarray]]
_ROWS_AT_ONCE = 512


def sparsemax(scores: np.ndarray) -> np.ndarray:
    """The point of the simplex that is nearest to each row (Martins and Astudillo 2016, algorithm 1).

    Args:
      scores: float ``[rows, K]``.

    Returns:
      ``[rows, K]``, each row non-negative with sum 1, most entries exactly 0.
    """
    ordered = -np.sort(-scores, axis=1)
    sums = np.cumsum(ordered, axis=1)
    places = np.arange(1, scores.shape[1] + 1)
    size = (1 + places * ordered > sums).sum(axis=1)
    threshold = (sums[np.arange(len(scores)), size - 1] - 1) / size
    return np.maximum(scores - threshold[:, None], 0)


def mixtures(vectors: dict[int, np.ndarray], new: Sequence[int] | np.ndarray, origin: np.ndarray) -> Mixtures:
    """Mixtures of old rows for new tokens: sparsemax of the cosine to each overlapping token.

    Args:
      vectors: auxiliary vectors by new id, of those that have one.
      new: ids that need a row; one without a vector gets none here.
      origin: int ``[tokens]``, the old row of each id, -1 for none: the overlap.
    """
    overlap = np.asarray([token for token in vectors if token < len(origin) and origin[token] >= 0], np.int64)
    wanted = [int(token) for token in new if int(token) in vectors]
    if not len(overlap) or not wanted:
        return {}
    anchors = _normed(np.stack([vectors[int(token)] for token in overlap]))
    found: Mixtures = {}
    for start in range(0, len(wanted), _ROWS_AT_ONCE):
        part = wanted[start : start + _ROWS_AT_ONCE]
        weights = sparsemax(_normed(np.stack([vectors[token] for token in part])) @ anchors.T)
        for token, row in zip(part, weights, strict=True):
            used = np.flatnonzero(row)
            found[token] = (origin[overlap[used]], row[used])
    return found


def _normed(vectors: np.ndarray) -> np.ndarray:
    vectors = vectors.astype(np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def token_vectors(
    change: Change, texts: Sequence[str], seed: int, minimum_count: int = MINIMUM_COUNT
) -> dict[int, np.ndarray]:
    """Vectors of the tokens that stand in ``texts`` at least ``minimum_count`` times, by id; float32 ``[100]``.

    Raises:
      ConfigError: gensim is not installed.
    """
    try:
        from gensim.models import FastText
    except ImportError:
        raise ConfigError(
            '--initialise=focus needs gensim: pip install "amharic-tl[vocabulary]", or take --initialise=subword-mean'
        ) from None
    backend = change.tokenizer.build()
    sentences = [
        encoding.tokens
        for start in range(0, len(texts), 1000)
        for encoding in backend.encode_batch(list(texts[start : start + 1000]), add_special_tokens=False)
    ]
    # One worker: with several, the order of updates, and so the result, is another each time.
    model = FastText(
        vector_size=DIMENSIONS, sg=0, negative=NEGATIVE, epochs=EPOCHS, min_count=minimum_count, bucket=BUCKETS,
        seed=seed, workers=1,
    )  # fmt: skip
    model.build_vocab(corpus_iterable=sentences)
    if not len(model.wv):
        return {}
    model.train(corpus_iterable=sentences, total_examples=len(sentences), epochs=EPOCHS)
    ids = change.tokenizer.ids
    vectors = {ids[token]: model.wv.get_vector(token) for token in model.wv.index_to_key if token in ids}
    fixed = {ids[token] for token in change.tokenizer.fixed if token in ids}
    return {token: vector for token, vector in vectors.items() if token not in fixed and np.any(vector)}
