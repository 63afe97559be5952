"""The vocabulary of a pretrained model: looked at, extended, replaced or trimmed; tokenizer and tables together."""
