"""The files of a workdir: their names, how they are written and read. No JAX here."""
