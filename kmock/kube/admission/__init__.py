"""Admission webhooks: whom a write is shown to, and what becomes of it."""
