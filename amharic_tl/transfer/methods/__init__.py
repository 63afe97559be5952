"""Methods of transfer, one file each, by the names of ``config.transfer.method``.

A method adds a file with a function from :class:`~amharic_tl.transfer.methods.recipe.Request` to
:class:`~amharic_tl.transfer.methods.recipe.Recipe`, a line here, and its name in the config's literal.
"""

from __future__ import annotations

from amharic_tl.transfer.methods.full import full
from amharic_tl.transfer.methods.head import head_alone
from amharic_tl.transfer.methods.lora import lora
from amharic_tl.transfer.methods.recipe import Method
from amharic_tl.transfer.methods.top_layers import top_layers

METHODS: dict[str, Method] = {
    "full": full,
    "head": head_alone,
    "top-layers": top_layers,
    "lora": lora,
}
