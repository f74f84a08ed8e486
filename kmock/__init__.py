"""Mock HTTP and Kubernetes APIs: rules, a recording proxy, replay. The public names, nothing else.

The names are brought in when they are first used: this package is imported in every pytest run where it is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

from kmock.version import __version__

if TYPE_CHECKING:
    from kmock.background import serve
    from kmock.errors import (
        BodyTooLongError,
        CassetteError,
        ClusterError,
        KMockError,
        KubernetesEndpointNotFoundError,
        KubernetesError,
        KubernetesNotFoundError,
        KubernetesObjectNotFoundError,
        KubernetesResourceNotFoundError,
        LimitError,
        NoAnswerError,
        UnmatchedError,
        UpstreamError,
    )
    from kmock.feed import Bus, BusGone, BusMark
    from kmock.handlers import RawHandler
    from kmock.hostnames import (
        AiohttpInterceptor,
        ResolvedHost,
        ResolverFilter,
        ResolverHostOnly,
        ResolverHostPort,
        ResolverHostSpec,
    )
    from kmock.kube.objects import (
        HistoryKey,
        Object,
        ObjectHistory,
        ObjectKey,
        ObjectsArray,
        ObjectVersion,
        VersionKey,
    )
    from kmock.kube.resources.array import ResourceDict, ResourceInfo, ResourceKey, ResourcesArray
    from kmock.kubernetes import KubernetesEmulator, KubernetesScaffold
    from kmock.messages import Request
    from kmock.naming import Selectable, action, resource
    from kmock.rules.boxes import body, cookies, data, headers, method, name, namespace, params, path, subresource, text
    from kmock.rules.criteria import (
        BoolCriteria,
        Criteria,
        Criterion,
        EventCriteria,
        FnCriteria,
        FutureCriteria,
        HTTPCriteria,
        K8sCriteria,
    )
    from kmock.rules.http_criteria import DictCriteria, StrCriteria
    from kmock.rules.payloads import Payload, Response
    from kmock.rules.sinks import Sink, SinkBox
    from kmock.rules.views import (
        AndGroup,
        Chained,
        Exclusion,
        Filter,
        Group,
        OrGroup,
        Priority,
        Reaction,
        Root,
        Slicer,
        Stream,
        View,
    )
    from kmock.server import Server

__all__ = [
    'AiohttpInterceptor',
    'AndGroup',
    'BodyTooLongError',
    'BoolCriteria',
    'Bus',
    'BusGone',
    'BusMark',
    'CassetteError',
    'Chained',
    'ClusterError',
    'Criteria',
    'Criterion',
    'DictCriteria',
    'EventCriteria',
    'Exclusion',
    'Filter',
    'FnCriteria',
    'FutureCriteria',
    'Group',
    'HTTPCriteria',
    'HistoryKey',
    'K8sCriteria',
    'KMockError',
    'KubernetesEmulator',
    'KubernetesEndpointNotFoundError',
    'KubernetesError',
    'KubernetesNotFoundError',
    'KubernetesObjectNotFoundError',
    'KubernetesResourceNotFoundError',
    'KubernetesScaffold',
    'LimitError',
    'NoAnswerError',
    'Object',
    'ObjectHistory',
    'ObjectKey',
    'ObjectVersion',
    'ObjectsArray',
    'OrGroup',
    'Payload',
    'Priority',
    'RawHandler',
    'Reaction',
    'Request',
    'ResolvedHost',
    'ResolverFilter',
    'ResolverHostOnly',
    'ResolverHostPort',
    'ResolverHostSpec',
    'ResourceDict',
    'ResourceInfo',
    'ResourceKey',
    'ResourcesArray',
    'Response',
    'Root',
    'Selectable',
    'Server',
    'Sink',
    'SinkBox',
    'Slicer',
    'StrCriteria',
    'Stream',
    'UnmatchedError',
    'UpstreamError',
    'VersionKey',
    'View',
    '__version__',
    'action',
    'body',
    'cookies',
    'data',
    'headers',
    'method',
    'name',
    'namespace',
    'params',
    'path',
    'resource',
    'serve',
    'subresource',
    'text',
]

_HOMES = {
    'kmock.background': ('serve',),
    'kmock.errors': (
        'BodyTooLongError',
        'CassetteError',
        'ClusterError',
        'KMockError',
        'KubernetesEndpointNotFoundError',
        'KubernetesError',
        'KubernetesNotFoundError',
        'KubernetesObjectNotFoundError',
        'KubernetesResourceNotFoundError',
        'LimitError',
        'NoAnswerError',
        'UnmatchedError',
        'UpstreamError',
    ),
    'kmock.feed': ('Bus', 'BusGone', 'BusMark'),
    'kmock.handlers': ('RawHandler',),
    'kmock.hostnames': (
        'AiohttpInterceptor',
        'ResolvedHost',
        'ResolverFilter',
        'ResolverHostOnly',
        'ResolverHostPort',
        'ResolverHostSpec',
    ),
    'kmock.kube.objects': (
        'HistoryKey',
        'Object',
        'ObjectHistory',
        'ObjectKey',
        'ObjectVersion',
        'ObjectsArray',
        'VersionKey',
    ),
    'kmock.kube.resources.array': ('ResourceDict', 'ResourceInfo', 'ResourceKey', 'ResourcesArray'),
    'kmock.kubernetes': ('KubernetesEmulator', 'KubernetesScaffold'),
    'kmock.messages': ('Request',),
    'kmock.naming': (
        'Selectable',
        'action',
        'resource',
    ),
    'kmock.rules.boxes': (
        'body',
        'cookies',
        'data',
        'headers',
        'method',
        'name',
        'namespace',
        'params',
        'path',
        'subresource',
        'text',
    ),
    'kmock.rules.criteria': (
        'BoolCriteria',
        'Criteria',
        'Criterion',
        'EventCriteria',
        'FnCriteria',
        'FutureCriteria',
        'HTTPCriteria',
        'K8sCriteria',
    ),
    'kmock.rules.http_criteria': ('DictCriteria', 'StrCriteria'),
    'kmock.rules.payloads': (
        'Payload',
        'Response',
    ),
    'kmock.rules.sinks': (
        'Sink',
        'SinkBox',
    ),
    'kmock.rules.views': (
        'AndGroup',
        'Chained',
        'Exclusion',
        'Filter',
        'Group',
        'OrGroup',
        'Priority',
        'Reaction',
        'Root',
        'Slicer',
        'Stream',
        'View',
    ),
    'kmock.server': ('Server',),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
