"""Safety while training: penalties in the step, signals with valid nulls, erasure twins, alerts."""
