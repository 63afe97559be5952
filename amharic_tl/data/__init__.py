"""Sources, splits, tokens, audits, batches: from what a user names as data to arrays of one shape per bucket."""

from amharic_tl.data.splits import Splits, load_splits

__all__ = ["Splits", "load_splits"]
