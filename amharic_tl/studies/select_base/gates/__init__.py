"""What a base must pass before anything is computed with it: each gate has a figure, a threshold and a verdict."""
