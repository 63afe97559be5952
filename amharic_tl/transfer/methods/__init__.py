"""Methods of transfer, one file each, by the names of ``config.transfer.method``.

A method adds a file with a function from :class:`~amharic_tl.transfer.methods.recipe.Request` to
:class:`~amharic_tl.transfer.methods.recipe.Recipe`, a line here, and its name in the config's literal.
"""

from __future__ import annotations

from amharic_tl.transfer.methods.bias_only import bias_only
from amharic_tl.transfer.methods.embeddings_first import embeddings_first
from amharic_tl.transfer.methods.full import full
from amharic_tl.transfer.methods.gradual import gradual
from amharic_tl.transfer.methods.head import head_alone
from amharic_tl.transfer.methods.lora import lora
from amharic_tl.transfer.methods.lp_ft import lp_ft
from amharic_tl.transfer.methods.plateau import plateau
from amharic_tl.transfer.methods.recipe import Method
from amharic_tl.transfer.methods.surgical import surgical
from amharic_tl.transfer.methods.top_layers import top_layers
from amharic_tl.transfer.methods.written import written

METHODS: dict[str, Method] = {
    "full": full,
    "head": head_alone,
    "top-layers": top_layers,
    "lp-ft": lp_ft,
    "gradual": gradual,
    "plateau": plateau,
    "surgical": surgical,
    "bias-only": bias_only,
    "embeddings-first": embeddings_first,
    "lora": lora,
    "rules": written,
}
