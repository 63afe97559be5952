"""What of a pretrained model trains, and how fast."""
