"""The training loop and what it is handed: the pure step, checkpoints, writers, interruption."""
