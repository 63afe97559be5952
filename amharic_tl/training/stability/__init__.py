"""Training survives its own accidents: spikes are skipped, bad stretches left behind, what cannot be mended is told."""
