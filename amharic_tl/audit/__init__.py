"""What is wrong with data before anything learns from it: checks, each a file, that give figures and findings."""
