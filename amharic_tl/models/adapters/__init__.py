"""Low-rank adapters on the linear layers of any model: added, merged, and told apart from the base."""
