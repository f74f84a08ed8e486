"""The handlers: they build the chain of responders, keep the log of requests, and turn errors into answers."""
