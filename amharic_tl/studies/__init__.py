"""Whatever runs whole jobs: studies and their repetition."""
