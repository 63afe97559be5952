"""Scores, their intervals, and the baselines beside them."""
