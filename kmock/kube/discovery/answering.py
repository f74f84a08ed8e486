"""Discovery: what the emulated cluster answers about itself. Versions, groups, resources, OpenAPI, health.

Objects are not served here. The documents stand in groups.py and openapi.py; here are paths, methods, headers.
Observed on a real v1.36 API server: which paths take any method (those of the aggregator and of custom resources),
which take GET alone, and in which words they refuse.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from multidict import MultiMapping

from kmock.kube.definitions import Json
from kmock.kube.discovery.groups import Groups
from kmock.kube.discovery.health import health_answer, health_paths
from kmock.kube.discovery.openapi import OpenAPIDocuments
from kmock.kube.discovery.openapi_protobuf import openapi_v2_protobuf, openapi_v3_protobuf
from kmock.kube.discovery.protobuf import discovery_protobuf
from kmock.kube.media.accepting import aggregated_media, object_media, pick_media, route_accepts
from kmock.kube.resources.registry import Registry
from kmock.kube.statuses import StatusError, method_not_allowed, plain_not_found, resource_not_found
from kmock.messages import Answer
from kmock.naming import is_true

__all__ = ['VERSION', 'Discovery']

VERSION: Json = {
    'major': '1',
    'minor': '36',
    'emulationMajor': '1',
    'emulationMinor': '36',
    'minCompatibilityMajor': '1',
    'minCompatibilityMinor': '35',
    'gitVersion': 'v1.36.0+kmock',
    'gitCommit': '0000000000000000000000000000000000000000',
    'gitTreeState': 'clean',
    'buildDate': '1970-01-01T00:00:00Z',
    'goVersion': 'go1.26.0',
    'compiler': 'gc',
    'platform': 'linux/amd64',
}
"""What /version answers, unless another is given."""

_JSON = 'application/json'
_AGGREGATED = ';g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
_PROTOBUF_V2 = (
    'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
)
_PROTOBUF_V3 = (
    'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
    'application/com.github.proto-openapi.spec.v3@v1.0+protobuf',
)
_UNCACHED = ('Cache-Control', 'no-cache, private')
_DEEPEST = 4  # slashes, as in /apis/GROUP/VERSION/
_BROWSERS = ('curl', 'Wget', 'Mozilla/5.0')


class Discovery:
    """Answers from the registry as it is; what was made for a request is kept until the registry changes.

    Args:
        version: the body of /version, in place of the default one.
        issuer: of service account tokens, as the OpenID configuration names it.
        keys: gives the document of /openid/v1/jwks; without it, neither is served.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        version: Json | None = None,
        issuer: str = 'https://kubernetes.default.svc.cluster.local',
        keys: Callable[[], Json] | None = None,
    ) -> None:
        self._registry = registry
        self._version = VERSION if version is None else version
        self._issuer = issuer
        self._keys = keys
        self._revision = -1
        self._groups = Groups(())
        self._openapi = OpenAPIDocuments(())
        self._bodies: dict[tuple[Any, ...], bytes] = {}

    def answer(
        self,
        path: str,
        params: Mapping[str, str],
        accept: str,
        headers: Mapping[str, str],
        method: str = 'GET',
    ) -> Answer | None:
        """The answer to a request; None if the path is none of discovery's, or nothing is served there.

        Args:
            path: the raw path, without the query.
            params: the decoded query; of a multidict, all values are heard.
            accept: the Accept header, empty if there was none.
            headers: read case-insensitively, if they are.

        Raises:
            StatusError: 405 for the method, 406 for the media type; to be rendered as any other error.
        """
        if path.count('/') > _DEEPEST and path.startswith('/api'):
            return None  # an object or a list, as nearly all requests are for
        self._refresh()
        found = health_answer(path, params, _all(params, 'exclude'))
        if found is None:
            found = self._special(path, params, accept, headers, method)
        if found is not None:
            return found
        trimmed = path[:-1] if path.endswith('/') else path
        match trimmed.split('/')[1:]:
            case ['version']:
                return self._version_answer(accept, method)
            case ['api' | 'apis' as root]:
                return self._root(root, params, accept, headers, method)
            case ['api', version] if version in self._groups.versions(''):
                return self._resources('', version, params, accept, headers, method)
            case ['apis', group] if group and group in self._groups:
                key, media = ('group', group), object_media(accept)
                return self._rendered(key, lambda: self._groups.group(group), media, params, headers)
            case ['apis', group, version] if group and version in self._groups.versions(group):
                return self._resources(group, version, params, accept, headers, method)
        return None

    def missing(self, path: str) -> StatusError:
        """The 404 for a path at which nothing is served at all.

        It is a Status below the core group and built-in groups, whatever the version or the resource; and plain text
        elsewhere, be it an absent group, a custom resource's, or no API at all.
        """
        self._refresh()
        match path.split('/')[1:]:
            case ['api', _, *_]:
                return resource_not_found() if '' in self._groups.builtin else plain_not_found()
            case ['apis', group, _, *_] if group in self._groups.builtin:
                return resource_not_found()
        return plain_not_found()

    def _refresh(self) -> None:
        if self._revision != self._registry.revision:
            self._revision = self._registry.revision
            self._groups = Groups(self._registry)
            self._openapi = OpenAPIDocuments(self._registry)
            self._bodies = {}

    # --- groups and resources

    def _root(
        self, root: str, params: Mapping[str, str], accept: str, headers: Mapping[str, str], method: str
    ) -> Answer:
        _only_get(method)
        if media := aggregated_media(accept):
            return self._aggregated(root, media, params, headers)
        route_accepts(accept)
        media = object_media(accept)
        if root == 'apis':
            return self._rendered(('apis',), self._groups.group_list, media, params, headers)
        host = headers.get('Host', 'localhost')
        return self._rendered(('api', host), lambda: self._groups.api_versions(host), media, params, headers)

    def _aggregated(self, root: str, media: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        document = self._body(('aggregated', root), lambda: self._groups.aggregated(core=root == 'api'), _JSON, False)
        etag = _quoted(self._digest(('digest', root), document))
        marks = (('Cache-Control', 'public'), ('ETag', etag), ('Vary', 'Accept'))
        if _has_it(headers, etag):
            return Answer(status=304, headers=marks)
        key = ('aggregated', root)
        body = self._body(key, lambda: self._groups.aggregated(core=root == 'api'), media, _pretty(params, headers))
        return Answer(headers=(('Content-Type', media + _AGGREGATED), *marks), body=body)

    def _resources(
        self, group: str, version: str, params: Mapping[str, str], accept: str, headers: Mapping[str, str], method: str
    ) -> Answer:
        if not group or group in self._groups.builtin:
            _only_get(method)
            route_accepts(accept)
        media = object_media(accept)
        key = ('resources', group, version)
        return self._rendered(key, lambda: self._groups.resource_list(group, version), media, params, headers)

    def _rendered(
        self,
        key: tuple[Any, ...],
        make: Callable[[], Json],
        media: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Answer:
        body = self._body(key, make, media, _pretty(params, headers))
        return Answer(headers=(('Content-Type', media), _UNCACHED, ('Vary', 'Accept')), body=body)

    def _body(self, key: tuple[Any, ...], make: Callable[[], Json], media: str, pretty: bool) -> bytes:
        return self._kept((*key, media, pretty), lambda: _written(make(), media, pretty))

    def _digest(self, key: tuple[Any, ...], body: bytes) -> str:
        return self._kept(key, lambda: _sha512(body).encode()).decode()

    def _kept(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        if key not in self._bodies:
            self._bodies[key] = make()
        return self._bodies[key]

    # --- the rest

    def tell_version(self, version: Json) -> None:
        """Change the body of /version."""
        self._version = version

    def _version_answer(self, accept: str, method: str) -> Answer:
        _only_get(method)
        route_accepts(accept, (_JSON,))
        body = json.dumps(self._version, indent=2, ensure_ascii=False).encode()
        return Answer(headers=(('Content-Type', _JSON), _UNCACHED), body=body)

    def _special(
        self, path: str, params: Mapping[str, str], accept: str, headers: Mapping[str, str], method: str
    ) -> Answer | None:
        match path:
            case '/' | '/index.html':
                body = json.dumps({'paths': self._index()}, indent=2).encode()
                return Answer(headers=(('Content-Type', _JSON), _UNCACHED), body=body)
            case '/openapi/v2':
                return self._openapi_v2(accept, headers)
            case '/openapi/v3':
                # The media type is what the real server makes of the body by sniffing at it.
                media = ('Content-Type', 'text/plain; charset=utf-8')
                return Answer(headers=(media, _UNCACHED), body=self._openapi.index())
            case '/.well-known/openid-configuration' | '/openid/v1/jwks' if self._keys is not None:
                _only_get(method)
                return self._openid(path, self._keys, headers)
        if path.startswith('/openapi/v3/'):
            return self._openapi_v3(path.removeprefix('/openapi/v3/'), params, accept, headers)
        return None

    def _openapi_v2(self, accept: str, headers: Mapping[str, str]) -> Answer:
        media = pick_media(accept, (_JSON, *_PROTOBUF_V2))
        if media is None:
            return Answer(status=406, headers=(_UNCACHED,))
        body, digest = self._openapi.v2()
        if media != _JSON:
            body, media = self._kept(('openapi/v2',), lambda: openapi_v2_protobuf(json.loads(body))), _PROTOBUF_V2[0]
        return _document(body, digest, media, headers, _UNCACHED)

    def _openapi_v3(self, key: str, params: Mapping[str, str], accept: str, headers: Mapping[str, str]) -> Answer:
        digest = self._openapi.digest(key)
        if digest is None:
            return Answer(status=404, headers=(_UNCACHED,))
        media = pick_media(accept, (_JSON, *_PROTOBUF_V3))
        if media is None:
            return Answer(status=406, headers=(_UNCACHED,))
        wanted = params.get('hash')
        if wanted and wanted != digest:
            location = f'/openapi/v3/{key}?hash={digest}'
            return Answer(status=301, headers=(('Location', location), _UNCACHED))
        body = self._openapi.v3(key)
        assert body is not None
        document = body
        if media != _JSON:
            body = self._kept(('openapi/v3', key), lambda: openapi_v3_protobuf(json.loads(document)))
            media = _PROTOBUF_V3[0]
        caching = ('Cache-Control', 'public, immutable') if wanted else _UNCACHED
        return _document(body, digest, media, headers, caching)

    def _openid(self, path: str, keys: Callable[[], Json], headers: Mapping[str, str]) -> Answer:
        caching = ('Cache-Control', 'public, max-age=3600')
        if path == '/openid/v1/jwks':
            body = json.dumps(keys(), separators=(',', ':')).encode()
            return Answer(headers=(('Content-Type', 'application/jwk-set+json'), caching), body=body)
        document = {
            'issuer': self._issuer,
            'jwks_uri': f'https://{headers.get("Host", "localhost")}/openid/v1/jwks',
            'response_types_supported': ['id_token'],
            'subject_types_supported': ['public'],
            'id_token_signing_alg_values_supported': ['RS256'],
        }
        body = json.dumps(document, separators=(',', ':')).encode()
        return Answer(headers=(('Content-Type', _JSON), caching), body=body)

    def _index(self) -> Sequence[str]:
        """All the paths that are answered, but those of resources."""
        paths = {'/api', '/apis', '/apis/', '/openapi/v2', '/openapi/v3', '/openapi/v3/', '/version', *health_paths()}
        paths.update(f'/api/{version}' for version in self._groups.versions(''))
        for group, version in self._groups.named():
            paths.update((f'/apis/{group}', f'/apis/{group}/{version}'))
        if self._keys is not None:
            paths.update(('/.well-known/openid-configuration', '/openid/v1/jwks'))
        return sorted(paths)


# --- details of HTTP


def _only_get(method: str) -> None:
    if method != 'GET':
        raise method_not_allowed()


def _all(params: Mapping[str, str], key: str) -> Sequence[str]:
    if isinstance(params, MultiMapping):
        return params.getall(key, [])
    return [params[key]] if key in params else []


def _pretty(params: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    """Whether a JSON body is to be indented: when asked for, and for browsers and their like."""
    if 'pretty' in params:
        return is_true(params['pretty'])
    return headers.get('User-Agent', '').startswith(_BROWSERS)


def _written(document: Json, media: str, pretty: bool) -> bytes:
    if media == _JSON:
        layout: Any = {'indent': 2} if pretty else {'separators': (',', ':')}
        return json.dumps(document, ensure_ascii=False, **layout).encode()
    if media == 'application/yaml':
        # Few clients ask for it, and to import it takes as long as to start.
        import yaml

        return yaml.safe_dump(document, default_flow_style=False, allow_unicode=True).encode()
    return discovery_protobuf(document)


def _document(body: bytes, digest: str, media: str, headers: Mapping[str, str], caching: tuple[str, str]) -> Answer:
    etag = _quoted(digest)
    marks = (caching, ('ETag', etag), ('Vary', 'Accept'))
    if _has_it(headers, etag):
        return Answer(status=304, headers=marks)
    return Answer(headers=(('Content-Type', media), *marks), body=body)


def _has_it(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has the document already, by its If-None-Match."""
    held = headers.get('If-None-Match', '')
    return any(each.strip().removeprefix('W/') in ('*', etag) for each in held.split(','))


def _sha512(body: bytes) -> str:
    return hashlib.sha512(body).hexdigest().upper()


def _quoted(digest: str) -> str:
    return f'"{digest}"'
