"""From files to batches: sources, tokenisation, audit, splits, the batch plan."""
