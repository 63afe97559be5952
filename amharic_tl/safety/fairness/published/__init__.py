"""Scores of published benchmarks, as their papers define them; where a reference programme departs, the paper holds."""
