"""What runs whole jobs to answer a question about them."""
