"""Facts about written Amharic. No machine learning here."""
