"""How fast a config trains on the devices at hand: measured, with what it is measured against."""
