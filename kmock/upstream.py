"""The client edge: a responder that asks a real server; kubeconfigs, credentials, upgrades."""
