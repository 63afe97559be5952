"""Monitors of a run, by kind of model: what each shows the model, when, and what it makes of the answers."""
