"""Health endpoints: /healthz, /livez, /readyz, and their single checks. The emulated cluster is always well.

The checks are those that a real v1.36 API server lists, so that probes and scripts that name some of them work.
"""

from collections.abc import Mapping, Sequence

from kmock.messages import Answer

__all__ = ['CHECKS', 'health_answer', 'health_paths']

_HOOKS = (
    'start-apiserver-admission-initializer',
    'generic-apiserver-start-informers',
    'priority-and-fairness-config-consumer',
    'priority-and-fairness-filter',
    'storage-object-count-tracker-hook',
    'start-apiextensions-informers',
    'start-apiextensions-controllers',
    'crd-informer-synced',
    'start-system-namespaces-controller',
    'peer-endpoint-reconciler-controller',
    'start-cluster-authentication-info-controller',
    'start-kube-apiserver-identity-lease-controller',
    'start-kube-apiserver-identity-lease-garbage-collector',
    'storage-readiness',
    'start-legacy-token-tracking-controller',
    'start-service-ip-repair-controllers',
    'rbac/bootstrap-roles',
    'scheduling/bootstrap-system-priority-classes',
    'priority-and-fairness-config-producer',
    'bootstrap-controller',
    'start-kubernetes-service-cidr-controller',
    'start-kube-aggregator-informers',
    'apiservice-status-local-available-controller',
    'apiservice-status-remote-available-controller',
    'apiservice-registration-controller',
    'apiservice-wait-for-first-sync',
    'apiservice-discovery-controller',
    'kube-apiserver-autoregistration',
    'autoregister-completion',
    'apiservice-openapi-controller',
    'apiservice-openapiv3-controller',
)
_STARTED = tuple(each if each == 'autoregister-completion' else f'poststarthook/{each}' for each in _HOOKS)
_ALIVE = ('ping', 'log', 'etcd', 'loopback-serving-certificate', *_STARTED)

CHECKS: Mapping[str, Sequence[str]] = {
    'healthz': _ALIVE,
    'livez': _ALIVE,
    'readyz': ('ping', 'log', 'informer-sync', *_STARTED, 'shutdown'),
}
"""The names of the checks of each endpoint, in the order of the verbose answer."""

_TEXT = ('Content-Type', 'text/plain; charset=utf-8')
_HEADERS = (('Cache-Control', 'no-cache, private'), _TEXT, ('X-Content-Type-Options', 'nosniff'))


def health_answer(path: str, params: Mapping[str, str], excluded: Sequence[str] = ()) -> Answer | None:
    """The answer at a path of an endpoint or of one of its checks, to any method; None for any other path.

    Args:
        params: with `verbose`, whatever its value, the checks are listed.
        excluded: the checks that are not to be asked (the values of `exclude`).
    """
    endpoint, slash, check = path.removeprefix('/').partition('/')
    if endpoint not in CHECKS or not path.startswith('/'):
        return None
    if slash:
        return Answer(headers=_HEADERS[:2], body=b'ok') if check in CHECKS[endpoint] else None
    text = _verbose(endpoint, excluded) if 'verbose' in params else 'ok'
    return Answer(headers=_HEADERS, body=text.encode())


def _verbose(endpoint: str, excluded: Sequence[str]) -> str:
    checks = CHECKS[endpoint]
    lines = [f'[+]{each}{" excluded:" if each in excluded else ""} ok\n' for each in checks]
    unknown = sorted(set(excluded) - set(checks))
    if unknown:
        quoted = ','.join(f'"{each}"' for each in unknown)
        lines.append(f'warn: some health checks cannot be excluded: no matches for {quoted}\n')
    return ''.join(lines) + f'{endpoint} check passed\n'


def health_paths() -> Sequence[str]:
    """All the paths that are answered here."""
    return [path for endpoint, checks in CHECKS.items() for path in (f'/{endpoint}', *_below(endpoint, checks))]


def _below(endpoint: str, checks: Sequence[str]) -> Sequence[str]:
    return [f'/{endpoint}/{check}' for check in checks]
