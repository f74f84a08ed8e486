"""Finding a cluster and logging in to it: kubeconfigs, service accounts, plain URLs → `kmock.upstream.Target`.

files.py        the kubeconfig, out of one or several files, merged as kubectl does
choosing.py     a name → a cluster and a user
credentials.py  a user → Login: tokens, certificates, basic, exec plugins, OIDC; by kubernetes-asyncio's loader
oidc.py         refreshing what an OIDC provider has given
tls.py          certificates and keys → settings of TLS
proxies.py      the proxy on the way, as the environment names it
targets.py      all of it together: find_target, url_target

Every mistake is a ClusterError with one line that says where, what, and how to mend it.
"""

from kmock.kubeconfig.targets import find_target, url_target

__all__ = ['find_target', 'url_target']
