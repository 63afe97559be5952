"""Cross-validation: every row predicted by a model that has not seen it, nor a near-duplicate of it.

``items`` says what must stay together and what a fold is stratified by, ``making`` divides, ``running`` trains the
folds as runs of their own, ``pooling`` brings their predictions together, and ``study`` is the whole.
"""
