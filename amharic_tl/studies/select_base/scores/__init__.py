"""How well labels can be read from frozen features: a probe, neighbours, LogME and the regularised H-score."""
