"""What a run would need of a slice of devices, before there is one: its own step, compiled for it, and looked at."""
