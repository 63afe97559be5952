"""What is known of a culture, as data with authorship: groups, how text names them, and what is said of them."""
