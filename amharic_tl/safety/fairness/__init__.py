"""Fairness figures: what each is stands in docs/fairness.md, with its formula and source."""
