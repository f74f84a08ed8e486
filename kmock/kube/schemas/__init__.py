"""Schemas of built-in kinds and custom resources: decoding, pruning, defaulting, and validating by them."""
