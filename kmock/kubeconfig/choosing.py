"""From a name to a cluster and a user of the kubeconfig."""

import dataclasses
from collections.abc import Iterable, Mapping

from kmock.errors import ClusterError
from kmock.kubeconfig.files import Entry, Kubeconfig

__all__ = ['Choice', 'choose']


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The cluster, who to be there (None: nobody), the name by which they were found, and the default namespace."""

    name: str
    cluster: Entry
    user: Entry | None
    namespace: str | None = None


def choose(kubeconfig: Kubeconfig, name: str | None, context: str | None) -> Choice:
    """Find what a user of the command line means.

    Args:
        name: a context, a cluster, or a user; the kind tool's prefix may be left out. None: see `context`.
        context: a context, exactly. With a name as well, only its user is taken from the context, as kubectl does.

    Raises:
        ClusterError: there is no such thing; the text lists those that there are.
    """
    if context is not None:
        entry = kubeconfig.contexts.get(context)
        if entry is None:
            raise ClusterError(f'{kubeconfig}: there is no context {context}. {_there_are(kubeconfig)}')
        chosen = _by_context(kubeconfig, entry)
        return chosen if name is None else _by_both(kubeconfig, name, chosen)
    if name is not None:
        return _by_name(kubeconfig, name)
    if kubeconfig.current is None:
        raise ClusterError(f'{kubeconfig}: there is no current-context. Name a cluster. {_there_are(kubeconfig)}')
    entry = kubeconfig.contexts.get(kubeconfig.current)
    if entry is None:
        missing = f'the current-context is {kubeconfig.current}, but there is no such context.'
        raise ClusterError(f'{kubeconfig}: {missing} {_there_are(kubeconfig)}')
    return _by_context(kubeconfig, entry)


def _by_name(kubeconfig: Kubeconfig, name: str) -> Choice:
    for each in _spellings(name):
        if each in kubeconfig.contexts:
            return _by_context(kubeconfig, kubeconfig.contexts[each])
        if each in kubeconfig.clusters:
            return _by_cluster(kubeconfig, kubeconfig.clusters[each])
        if each in kubeconfig.users:
            return _by_user(kubeconfig, kubeconfig.users[each])
    raise ClusterError(f'{kubeconfig}: there is no context, cluster or user {name}. {_there_are(kubeconfig)}')


def _by_both(kubeconfig: Kubeconfig, name: str, chosen: Choice) -> Choice:
    for each in _spellings(name):
        if each in kubeconfig.clusters:
            return dataclasses.replace(chosen, name=each, cluster=kubeconfig.clusters[each])
        if each in kubeconfig.contexts:
            cluster = _by_context(kubeconfig, kubeconfig.contexts[each]).cluster
            return dataclasses.replace(chosen, name=each, cluster=cluster)
    raise ClusterError(f'{kubeconfig}: there is no cluster {name}. {_there_are(kubeconfig)}')


def _spellings(name: str) -> tuple[str, ...]:
    # The kind tool names all three kinds of entries `kind-NAME`; its default NAME is `kind`.
    return name, f'kind-{name}'


def _by_context(kubeconfig: Kubeconfig, context: Entry) -> Choice:
    named = context.text('cluster')
    if named is None:
        raise ClusterError(f'{context} names no cluster.')
    cluster = kubeconfig.clusters.get(named)
    if cluster is None:
        raise ClusterError(f'{context} names the cluster {named}, which is not there. {_there_are(kubeconfig)}')
    user = context.text('user')
    if user is not None and user not in kubeconfig.users:
        raise ClusterError(f'{context} names the user {user}, who is not there. Users: {_listed(kubeconfig.users)}.')
    return Choice(
        name=context.name,
        cluster=cluster,
        user=None if user is None else kubeconfig.users[user],
        namespace=context.text('namespace'),
    )


def _by_cluster(kubeconfig: Kubeconfig, cluster: Entry) -> Choice:
    """With the user of a context that uses the cluster, the current context first; else the user of the same name."""
    for context in _contexts(kubeconfig, 'cluster', cluster.name):
        return dataclasses.replace(_by_context(kubeconfig, context), name=cluster.name)
    return Choice(name=cluster.name, cluster=cluster, user=kubeconfig.users.get(cluster.name))


def _by_user(kubeconfig: Kubeconfig, user: Entry) -> Choice:
    """On the cluster of a context that uses the user, the current context first; else on the only cluster."""
    for context in _contexts(kubeconfig, 'user', user.name):
        return dataclasses.replace(_by_context(kubeconfig, context), name=user.name)
    if len(kubeconfig.clusters) != 1:
        clusters = _listed(kubeconfig.clusters)
        raise ClusterError(f'{user} is used by no context, so the cluster is not known. Clusters: {clusters}.')
    return Choice(name=user.name, cluster=next(iter(kubeconfig.clusters.values())), user=user)


def _contexts(kubeconfig: Kubeconfig, key: str, name: str) -> list[Entry]:
    using = [each for each in kubeconfig.contexts.values() if each.value.get(key) == name]
    return sorted(using, key=lambda each: each.name != kubeconfig.current)


def _there_are(kubeconfig: Kubeconfig) -> str:
    return f'Contexts: {_listed(kubeconfig.contexts)}; clusters: {_listed(kubeconfig.clusters)}.'


def _listed(entries: Mapping[str, Entry] | Iterable[str]) -> str:
    return ', '.join(entries) or 'none'
