"""What is wrong with data before anything learns from it: checks, each a file, that give figures and findings.

The room stands on ``data``, ``culture``, ``language`` and ``evaluation``; ``run`` asks it whether a gate is tripped.
"""
