"""Resources: which types the cluster serves (the registry), the bundled ones, and `kmock.resources`."""
