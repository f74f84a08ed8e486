"""Patching: JSON Patch, merge, strategic merge, and apply, and the managers of fields."""
