"""One of two processes that share a model: loads it, prints which part of the file it read, and what it writes.

usage: two_processes.py NUMBER PORT DIRECTORY
"""

from __future__ import annotations

import json
import sys

import jax
import numpy as np

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.models.interchange.stored import WeightFile

if __name__ == "__main__":
    jax.distributed.initialize(f"127.0.0.1:{sys.argv[2]}", num_processes=2, process_id=int(sys.argv[1]))
    read = 0
    read_into = WeightFile.read_into

    def counted(self: WeightFile, buffer: np.ndarray, offset: int) -> None:
        global read
        read += buffer.size
        read_into(self, buffer, offset)

    WeightFile.read_into = counted  # type: ignore[method-assign]
    model = atl.from_pretrained(sys.argv[3], "causal-lm", mesh=make_mesh(1, 1, 2))
    held = 0
    for view in atl.named_parameters(model).values():
        assert view.stored.is_fully_replicated or len(view.stored.addressable_shards) == 1
    for stored in {id(view.stored): view.stored for view in atl.named_parameters(model).values()}.values():
        held += sum(shard.data.nbytes for shard in stored.addressable_shards)
    tokens = atl.generate(model, np.asarray([[5, 6, 7], [8, 9, 10]]), max_new_tokens=6)
    print(json.dumps({"read": read, "held": held, "tokens": np.asarray(tokens).tolist()}))
