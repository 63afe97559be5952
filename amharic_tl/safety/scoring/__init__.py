"""One probe item scored by every kind of model, and the figures that follow: pure functions on filled-in texts."""
