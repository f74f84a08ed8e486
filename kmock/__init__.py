"""Mock HTTP and Kubernetes APIs: rules, a recording proxy, replay. The public names, nothing else."""

__version__ = '1.0.0.dev0'
