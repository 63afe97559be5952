"""Which training rows, and which of their sources, carry a bias figure."""
