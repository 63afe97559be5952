"""Objectives: what is learned from a batch, and how it is scored. One file a task."""
