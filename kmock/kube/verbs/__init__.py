"""Verbs: what get, list, watch, create, update, patch and delete do, from the decoded request to the answer."""
