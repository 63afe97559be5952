"""Meshes of devices and what several processes need. Knows no model."""
