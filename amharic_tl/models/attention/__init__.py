"""Multi-head attention (Vaswani et al. 2017): who may look at whom, and which implementation computes it."""

from amharic_tl.models.attention.dispatch import Choice, dot_product_attention, listening, only_xla
from amharic_tl.models.attention.paths import CHOICES
from amharic_tl.models.attention.visibility import Visibility

__all__ = ["CHOICES", "Choice", "Visibility", "dot_product_attention", "listening", "only_xla"]
