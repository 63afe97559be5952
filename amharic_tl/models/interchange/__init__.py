"""Reading and writing Hugging Face directories: where they are, what is in them, which name is which."""
