"""Which built-in kind has which printer; here are also those of configuration, access, nodes and events.

A kind without an own one shows its name and when it was created.
"""

import datetime
from collections.abc import Callable
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.tables.network import NETWORK
from kmock.kube.tables.pods import PODS
from kmock.kube.tables.printing import Printer, age, count, join, part, printer, since
from kmock.kube.tables.storage import STORAGE
from kmock.kube.tables.workloads import WORKLOADS

__all__ = ['DEFAULT', 'PRINTERS']

_Cell = Callable[[Json], Any]


def _simple(columns: str, *cells: _Cell, descriptions: dict[str, str] | None = None) -> Printer:
    """The name, some cells, and the age at the end."""

    def line(obj: Json, now: datetime.datetime) -> list[Any]:
        return [_name(obj), *(cell(obj) for cell in cells), age(obj, now)]

    return printer(f'Name, {columns}, Age' if columns else 'Name, Age', line, descriptions)


def _name(obj: Json) -> str:
    return str(obj['metadata'].get('name', ''))


def _at(*path: str, empty: Any = '') -> _Cell:
    return lambda obj: part(obj, *path) or empty


def _created(obj: Json, now: datetime.datetime) -> list[Any]:
    return [_name(obj), obj['metadata'].get('creationTimestamp')]


def _node(obj: Json, now: datetime.datetime) -> list[Any]:
    addresses = part(obj, 'status', 'addresses') or ()
    wide = [
        next((each.get('address') for each in addresses if each.get('type') == kind), '<none>')
        for kind in ('InternalIP', 'ExternalIP')
    ]
    info = part(obj, 'status', 'nodeInfo') or {}
    wide += [info.get(key) or '<unknown>' for key in ('osImage', 'kernelVersion', 'containerRuntimeVersion')]
    version = info.get('kubeletVersion', '')
    return [_name(obj), _node_status(obj), _roles(obj), age(obj, now), version, *wide]


def _node_status(obj: Json) -> str:
    ready = next((each for each in part(obj, 'status', 'conditions') or () if each.get('type') == 'Ready'), None)
    status = 'Unknown' if ready is None else 'Ready' if ready.get('status') == 'True' else 'NotReady'
    return f'{status},SchedulingDisabled' if part(obj, 'spec', 'unschedulable') else status


def _roles(obj: Json) -> str:
    labels = obj['metadata'].get('labels') or {}
    roles = {key.partition('/')[2] for key in labels if key.startswith('node-role.kubernetes.io/')}
    roles.add(labels.get('kubernetes.io/role', ''))
    return join(sorted(roles - {''}))


def _event(obj: Json, now: datetime.datetime) -> list[Any]:
    regarding = obj.get('involvedObject') or obj.get('regarding') or {}
    first = obj.get('firstTimestamp') or obj.get('deprecatedFirstTimestamp') or obj.get('eventTime')
    last = obj.get('lastTimestamp') or obj.get('deprecatedLastTimestamp') or first
    times = obj.get('count') or obj.get('deprecatedCount') or 1
    if series := obj.get('series'):
        last, times = series.get('lastObservedTime') or last, series.get('count') or times
    kind = str(regarding.get('kind', '')).lower()
    return [
        since(last, now),
        obj.get('type', ''),
        obj.get('reason', ''),
        f'{kind}/{regarding["name"]}' if regarding.get('name') else kind,
        regarding.get('fieldPath', ''),
        _source(obj),
        str(obj.get('message') or obj.get('note') or '').strip(),
        since(first, now),
        times,
        _name(obj),
    ]


def _source(obj: Json) -> str:
    source = obj.get('source') or obj.get('deprecatedSource') or {}
    reporting = obj.get('reportingComponent') or obj.get('reportingController') or ''
    instance = obj.get('reportingInstance') or ''
    parts = [source.get('component') or reporting, source.get('host') or instance]
    return ', '.join(str(each) for each in parts if each)


def _binding(obj: Json, now: datetime.datetime) -> list[Any]:
    reference = obj.get('roleRef') or {}
    subjects = obj.get('subjects') or ()
    by_kind = [
        ', '.join(
            f'{each.get("namespace", "")}/{each.get("name", "")}' if kind == 'ServiceAccount' else each.get('name', '')
            for each in subjects
            if each.get('kind') == kind
        )
        for kind in ('User', 'Group', 'ServiceAccount')
    ]
    return [_name(obj), f'{reference.get("kind", "")}/{reference.get("name", "")}', age(obj, now), *by_kind]


def _quota(obj: Json, now: datetime.datetime) -> list[Any]:
    hard, used = part(obj, 'status', 'hard') or {}, part(obj, 'status', 'used') or {}
    sides: tuple[list[str], list[str]] = ([], [])
    for key in sorted(hard):
        sides[key.startswith('limits')].append(f'{key}: {used.get(key, "0")}/{hard[key]}')
    return [_name(obj), ', '.join(sides[0]), ', '.join(sides[1]), age(obj, now)]


def _signing(obj: Json, now: datetime.datetime) -> list[Any]:
    seconds = part(obj, 'spec', 'expirationSeconds')
    wanted = '<none>' if seconds is None else since(_ago(now, seconds), now)
    signer = part(obj, 'spec', 'signerName') or '<none>'
    return [_name(obj), age(obj, now), signer, part(obj, 'spec', 'username') or '', wanted, _signed(obj)]


def _ago(now: datetime.datetime, seconds: int) -> str:
    return (now.replace(microsecond=0) - datetime.timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%SZ')


def _signed(obj: Json) -> str:
    conditions = {each.get('type') for each in part(obj, 'status', 'conditions') or ()}
    words = ['Approved'] if 'Approved' in conditions else ['Denied'] if 'Denied' in conditions else ['Pending']
    words += ['Failed'] if 'Failed' in conditions else []
    words += ['Issued'] if part(obj, 'status', 'certificate') else []
    return ','.join(words)


def _component(obj: Json, now: datetime.datetime) -> list[Any]:
    healthy: Json = next((each for each in obj.get('conditions') or () if each.get('type') == 'Healthy'), {})
    status = {'True': 'Healthy', 'False': 'Unhealthy'}.get(healthy.get('status', ''), 'Unknown')
    return [_name(obj), status, healthy.get('message', ''), healthy.get('error', '')]


def _flow(obj: Json, now: datetime.datetime) -> list[Any]:
    spec = obj.get('spec') or {}
    conditions = part(obj, 'status', 'conditions') or ()
    dangling = next((each.get('status') for each in conditions if each.get('type') == 'Dangling'), '?')
    level = part(spec, 'priorityLevelConfiguration', 'name') or ''
    method = part(spec, 'distinguisherMethod', 'type') or '<none>'
    return [_name(obj), level, spec.get('matchingPrecedence') or 0, method, age(obj, now), dangling]


def _level(obj: Json, now: datetime.datetime) -> list[Any]:
    spec = obj.get('spec') or {}
    side = spec.get('limited' if spec.get('type') == 'Limited' else 'exempt') or {}
    queuing = part(side, 'limitResponse', 'queuing') or {}
    queues = [queuing.get(key, '<none>') for key in ('queues', 'handSize', 'queueLengthLimit')]
    shares = side.get('nominalConcurrencyShares', '<none>')
    return [_name(obj), spec.get('type', ''), shares, *queues, age(obj, now)]


def _priority(obj: Json, now: datetime.datetime) -> list[Any]:
    preemption = obj.get('preemptionPolicy') or ''
    return [_name(obj), obj.get('value') or 0, bool(obj.get('globalDefault')), age(obj, now), preemption]


def _available(obj: Json) -> str:
    conditions = part(obj, 'status', 'conditions') or ()
    found: Json = next((each for each in conditions if each.get('type') == 'Available'), {})
    status = found.get('status') or 'Unknown'
    return status if status == 'True' else f'{status} ({found.get("reason", "")})'


def _service(obj: Json) -> str:
    service = part(obj, 'spec', 'service')
    return f'{service.get("namespace")}/{service.get("name")}' if service else 'Local'


def _claim_state(obj: Json) -> str:
    states = ['deleted'] if obj['metadata'].get('deletionTimestamp') else []
    if not part(obj, 'status', 'allocation'):
        return ','.join([*states, 'pending'])
    states.append('allocated')
    if part(obj, 'status', 'reservedFor'):
        states.append('reserved')
    return ','.join(states)


def _param_kind(obj: Json) -> str:
    kind = part(obj, 'spec', 'paramKind')
    return f'{kind.get("apiVersion")}/{kind.get("kind")}' if kind else '<unset>'


def _param_ref(obj: Json) -> str:
    reference = part(obj, 'spec', 'paramRef')
    if not reference:
        return '<unset>'
    if reference.get('name'):
        return f'{reference.get("namespace") or "*"}/{reference["name"]}'
    return f'{reference.get("namespace") or "*"}/{reference.get("selector")}'


_CONFIG_MAP = {
    'Data': "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'."
    ' Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap'
    ' with the keys in the BinaryData field, this is enforced during validation process.'
}
_SECRET = {
    'Type': 'Used to facilitate programmatic handling of secret data. More info:'
    ' https://kubernetes.io/docs/concepts/configuration/secret/#secret-types',
    'Data': "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The"
    ' serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string)'
    ' data value here. Described in https://tools.ietf.org/html/rfc4648#section-4',
}
_NAMESPACE = {'Status': 'The status of the namespace'}

DEFAULT = printer('Name, Created At:date', _created)

_ROLES = printer('Name, Created At:date', _created)


def _bindings(kind: str) -> Printer:
    described = {each: f'{each} in the {kind}' for each in ('Users', 'Groups', 'ServiceAccounts')}
    return printer('Name, Role, Age, +Users, +Groups, +ServiceAccounts', _binding, described)


_EVENTS = printer('Last Seen, Type, Reason, Object, +Subobject, +Source, Message, +First Seen, +Count, +Name', _event)
_WEBHOOKS = _simple(
    'Webhooks:integer',
    lambda obj: count(obj, 'webhooks'),
    descriptions={'Webhooks': 'Webhooks indicates the number of webhooks registered in this configuration'},
)
_POLICIES = _simple(
    'Validations:integer, ParamKind', lambda obj: len(part(obj, 'spec', 'validations') or ()), _param_kind
)
_POLICY_BINDINGS = _simple('PolicyName, ParamRef', _at('spec', 'policyName'), _param_ref)
_ADMISSION = 'admissionregistration.k8s.io'

PRINTERS: dict[tuple[str, str], Printer] = {
    **WORKLOADS,
    **NETWORK,
    **STORAGE,
    ('', 'pods'): PODS,
    ('', 'configmaps'): _simple('Data', lambda obj: count(obj, 'data', 'binaryData'), descriptions=_CONFIG_MAP),
    ('', 'secrets'): _simple('Type, Data', _at('type'), lambda obj: count(obj, 'data'), descriptions=_SECRET),
    ('', 'serviceaccounts'): _simple('Secrets', lambda obj: count(obj, 'secrets')),
    ('', 'namespaces'): _simple('Status', _at('status', 'phase'), descriptions=_NAMESPACE),
    ('', 'nodes'): printer(
        'Name, Status, Roles, Age, Version, +Internal-IP, +External-IP, +OS-Image, +Kernel-Version, +Container-Runtime',
        _node,
        {'Status': 'The status of the node', 'Roles': 'The roles of the node'},
    ),
    ('', 'events'): _EVENTS,
    ('events.k8s.io', 'events'): _EVENTS,
    ('', 'resourcequotas'): printer('Name, Request, Limit, Age', _quota),
    ('', 'componentstatuses'): printer('Name, Status, Message, Error', _component),
    ('coordination.k8s.io', 'leases'): _simple('Holder', _at('spec', 'holderIdentity')),
    ('rbac.authorization.k8s.io', 'roles'): _ROLES,
    ('rbac.authorization.k8s.io', 'clusterroles'): _ROLES,
    ('rbac.authorization.k8s.io', 'rolebindings'): _bindings('roleBinding'),
    ('rbac.authorization.k8s.io', 'clusterrolebindings'): _bindings('clusterRoleBinding'),
    ('certificates.k8s.io', 'certificatesigningrequests'): printer(
        'Name, Age, SignerName, Requestor, RequestedDuration, Condition', _signing
    ),
    ('scheduling.k8s.io', 'priorityclasses'): printer(
        'Name, Value, Global-Default:boolean, Age, PreemptionPolicy', _priority
    ),
    ('node.k8s.io', 'runtimeclasses'): _simple('Handler', _at('handler')),
    (_ADMISSION, 'mutatingwebhookconfigurations'): _WEBHOOKS,
    (_ADMISSION, 'validatingwebhookconfigurations'): _WEBHOOKS,
    (_ADMISSION, 'validatingadmissionpolicies'): _POLICIES,
    (_ADMISSION, 'validatingadmissionpolicybindings'): _POLICY_BINDINGS,
    (_ADMISSION, 'mutatingadmissionpolicybindings'): _POLICY_BINDINGS,
    ('flowcontrol.apiserver.k8s.io', 'flowschemas'): printer(
        'Name, PriorityLevel, MatchingPrecedence, DistinguisherMethod, Age, MissingPL', _flow
    ),
    ('flowcontrol.apiserver.k8s.io', 'prioritylevelconfigurations'): printer(
        'Name, Type, NominalConcurrencyShares, Queues, HandSize, QueueLengthLimit, Age', _level
    ),
    ('resource.k8s.io', 'resourceclaims'): _simple('State', _claim_state),
    ('resource.k8s.io', 'resourceslices'): _simple(
        'Node, Driver, Pool', _at('spec', 'nodeName'), _at('spec', 'driver'), _at('spec', 'pool', 'name')
    ),
    ('apiregistration.k8s.io', 'apiservices'): _simple('Service, Available', _service, _available),
}
