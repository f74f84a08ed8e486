"""The emulated cluster: objects, watches, schemas, and the answers of a Kubernetes API server. No sockets."""
