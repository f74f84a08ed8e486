"""Controllers: what a real cluster does on its own after a write, done at once."""
