"""Discovery: what the cluster tells about itself. Versions, groups, resources, OpenAPI, health."""
