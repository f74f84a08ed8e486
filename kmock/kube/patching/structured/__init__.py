"""Structured merging: values with the types of a schema, and sets of their fields. Who owns what is in `managed`."""
