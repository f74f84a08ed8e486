"""Targets: out of a kubeconfig, out of a pod's service account, or out of a plain URL."""

import os
import re
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from yarl import URL

from kmock.errors import ClusterError
from kmock.kubeconfig.choosing import Choice, choose
from kmock.kubeconfig.credentials import KubeconfigLogIn, ServiceAccountLogIn, basic
from kmock.kubeconfig.files import Entry, read_kubeconfig
from kmock.kubeconfig.proxies import environment_proxy
from kmock.kubeconfig.tls import client_tls
from kmock.upstream import Login, Target

__all__ = ['SERVICE_ACCOUNT', 'find_target', 'url_target']

_NO_PORT = re.compile(r'\A((?:[^/]*//)?(?:\[[^\]]*\]|[^/:?#]*)):(?!//|\d{1,5}(?:[/?#\s]|\Z)).*', re.DOTALL)

SERVICE_ACCOUNT = Path('/var/run/secrets/kubernetes.io/serviceaccount')
"""Where a pod finds the credentials of its service account."""


def find_target(
    cluster: str | None,
    *,
    context: str | None = None,
    kubeconfig: str | os.PathLike[str] | None = None,
) -> Target:
    """Find a cluster as kubectl would; in a pod without a kubeconfig, the cluster that the pod runs in.

    Nobody is asked yet: the target logs in when its upstream is entered.

    Args:
        cluster: a context, a cluster or a user of the kubeconfig, also without the prefix of the kind tool;
            None for the current context.
        context: a context of the kubeconfig.
        kubeconfig: a file; None for those in KUBECONFIG, or `~/.kube/config`.

    Raises:
        ClusterError: there is no kubeconfig, it is broken, or there is no such cluster in it.
    """
    try:
        config = read_kubeconfig(kubeconfig)
    except FileNotFoundError as exc:
        if cluster is None and context is None and _in_pod():
            return _pod_target()
        raise ClusterError(
            f'There is no kubeconfig (looked at: {exc}). Name one (--kubeconfig FILE), or a server (--upstream URL).'
        ) from exc
    return _kubeconfig_target(choose(config, cluster, context))


def url_target(
    url: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    ca: str | os.PathLike[str] | None = None,
    cert: str | os.PathLike[str] | None = None,
    key: str | os.PathLike[str] | None = None,
    insecure: bool = False,
) -> Target:
    """A server by its URL.

    Args:
        url: http or https, with any base path. A user and password in it are used as basic authentication.
        headers: set in every request, e.g. Authorization.
        ca: a PEM file with the authorities to trust; None for those of the system.
        cert: a PEM file with the client certificate.
        key: a PEM file with its key; None if the key is in the file of the certificate.
        insecure: do not verify the server's certificate.

    Raises:
        ClusterError: the URL or a file is not usable.
    """
    parsed = _parse_url(url, '--upstream')
    bare = str(parsed.with_user(None)).rstrip('/')
    fixed = tuple(_checked_header(name, value) for name, value in headers)
    if parsed.scheme != 'https' and (ca or cert or key or insecure):
        raise ClusterError(f'--upstream {bare}: certificates are of use with https:// only.')
    if key and not cert:
        raise ClusterError(f'--upstream {bare}: a key needs its certificate (--cert FILE).')
    tls = None
    if parsed.scheme == 'https':
        ca, cert, key = (Path(each).expanduser() if each else None for each in (ca, cert, key))
        tls = client_tls(ca=ca, cert=cert, key=key, insecure=insecure)
    authorization = None if parsed.user is None else basic(parsed.user, parsed.password or '')
    given = bool(cert) or authorization is not None or any(name.lower() == 'authorization' for name, _ in fixed)
    login = Login(authorization=authorization, tls=tls, given=given)
    return Target(url=bare, name=bare, login=login, headers=fixed, proxy=_proxy(parsed))


def _kubeconfig_target(choice: Choice) -> Target:
    cluster = choice.cluster
    server = cluster.text('server')
    if server is None:
        raise ClusterError(f'{cluster} has no server.')
    url = _parse_url(server, f'{cluster}: server')
    log_in = KubeconfigLogIn(choice)
    return Target(
        url=str(url.with_user(None)).rstrip('/'),
        name=choice.name,
        log_in=log_in,
        namespace=choice.namespace,
        renewable=log_in.renewable,
        headers=tuple(_impersonation(choice.user)) if choice.user else (),
        server_name=cluster.text('tls-server-name'),
        proxy=_proxy(url, cluster.text('proxy-url'), f'{cluster}: proxy-url'),
    )


def _proxy(url: URL, given: str | None = None, where: str = '') -> str | None:
    """The proxy that is given, or else that of the environment."""
    if given is None:
        given, where = environment_proxy(url), f'{url.scheme.upper()}_PROXY'
    if given is not None:
        _parse_url(given, where)
    return given


def _impersonation(user: Entry) -> Iterable[tuple[str, str]]:
    """The headers of `as`, `as-uid`, `as-groups`, `as-user-extra`; the source: "User impersonation" in the docs."""
    for key, header in ('as', 'Impersonate-User'), ('as-uid', 'Impersonate-Uid'):
        if (value := user.text(key)) is not None:
            yield _checked_header(header, value)
    for group in user.texts('as-groups'):
        yield _checked_header('Impersonate-Group', group)
    extra: dict[str, Any] = user.value.get('as-user-extra') or {}
    if not isinstance(extra, dict):
        raise ClusterError(f'{user}: as-user-extra must be a mapping.')
    for key in extra:
        for value in user.texts(key, extra):
            yield _checked_header(f'Impersonate-Extra-{urllib.parse.quote(str(key), safe="")}', value)


def _in_pod() -> bool:
    return bool(os.environ.get('KUBERNETES_SERVICE_HOST')) and (SERVICE_ACCOUNT / 'token').is_file()


def _pod_target() -> Target:
    host, port = os.environ['KUBERNETES_SERVICE_HOST'], os.environ.get('KUBERNETES_SERVICE_PORT') or '443'
    authority = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
    log_in = ServiceAccountLogIn(SERVICE_ACCOUNT)
    url = URL(f'https://{authority}')
    return Target(url=str(url), name='in-cluster', log_in=log_in, renewable=True, proxy=_proxy(url))


def _parse_url(text: str, where: str) -> URL:
    shown = _without_secrets(text)
    try:
        url = URL(text.strip())
        (url.raw_host or '').encode('idna')  # which a resolver does at last, when nobody expects an error of this kind
    except ValueError as exc:
        # The reason may repeat what is hidden, and so would the error that is behind this one.
        why = f': {exc}' if shown == text else ''
        raise ClusterError(f'{where} {shown!r} is no URL{why}.') from None
    if url.scheme not in {'http', 'https'} or not url.host:
        raise ClusterError(f'{where} {shown!r} is not usable. An http:// or https:// URL with a host is expected.')
    if url.raw_query_string or url.raw_fragment:
        raise ClusterError(f'{where} {shown!r} is not usable. A server has a path at most, no query and no fragment.')
    return url


def _without_secrets(url: str) -> str:
    """A URL for a message, be it malformed: what may be a user with a password in it, or a token, is left out."""
    url = re.sub(r'\A(\s*[^/@]*:/*)?.*@', r'\1…@', url, flags=re.DOTALL)
    # A password without its host looks like a port.
    url = _NO_PORT.sub(r'\1:…', url)
    return re.sub(r'[?#].*', lambda match: match[0][0] + '…', url, count=1, flags=re.DOTALL)


def _checked_header(name: str, value: str) -> tuple[str, str]:
    # The value may be a secret: it is not repeated.
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ClusterError(f'The name of a header is not usable: {name!r}. Write it as `Name: value`.')
    if re.search(r'[\x00-\x08\x0a-\x1f\x7f]', value):
        raise ClusterError(f'The value of the header {name} has control characters in it.')
    return name, value.strip()
