"""Launch files for clusters, rendered from a command: a SLURM script, a JobSet, a script for TPU VMs. No JAX."""
