"""Selectors: which objects a list, a watch, or a deletion is about, by labels and by fields."""
