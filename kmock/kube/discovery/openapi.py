"""The OpenAPI documents of the emulated cluster, v2 and v3: the bundled ones, and what is declared besides.

Documents are JSON texts, named as in the index of /openapi/v3: `api/v1`, `apis/kopf.dev/v1`. No HTTP here.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.discovery.openapi_custom import as_v2, custom_components, custom_paths, schema_v2
from kmock.kube.resources.bundled import bundled_document, bundled_hashes, bundled_openapi_v2

__all__ = ['OpenAPIDocuments']


class OpenAPIDocuments:
    """The documents of one state of the registry; each is made when it is first asked for, and then kept.

    Bundled group versions are there if any of their built-in resources is served.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._others: dict[str, list[Definition]] = {}
        groups: set[str] = set()
        for definition in definitions:
            key = definition.resource.path.strip('/').rpartition('/')[0]
            if definition.origin is Origin.BUILT_IN:
                groups.update((key, key.rpartition('/')[0]))
            else:
                self._others.setdefault(key, []).append(definition)
        general = ('.well-known/openid-configuration', 'openid/v1/jwks', 'version')
        hashes = bundled_hashes() if groups else {}
        self._bundled = {key: hashes[key] for key in hashes if key in groups or key in general}
        self._made: dict[str, tuple[bytes, str]] = {}
        self._v2: tuple[bytes, str] | None = None

    def index(self) -> bytes:
        """What /openapi/v3 answers: the documents with the hashes by which clients cache them."""
        keys = sorted({*self._bundled, *self._others})
        paths = {key: {'serverRelativeURL': f'/openapi/v3/{key}?hash={self.digest(key)}'} for key in keys}
        return _encoded({'paths': paths})

    def digest(self, key: str) -> str | None:
        """The hash of a document; None if there is no such."""
        if key in self._others:
            return self._merged(key)[1]
        return self._bundled.get(key)

    def v3(self, key: str) -> bytes | None:
        """A document of OpenAPI v3; None if there is no such."""
        if key in self._others:
            return self._merged(key)[0]
        return bundled_document(key) if key in self._bundled else None

    def _merged(self, key: str) -> tuple[bytes, str]:
        if key not in self._made:
            definitions = self._others[key]
            document = _custom_document()
            if key in self._bundled:
                text = bundled_document(key)
                assert text is not None
                document = json.loads(text)
            for definition in definitions:
                document['paths'].update(custom_paths(definition))
            schemas = {**custom_components(definitions), **document['components'].get('schemas', {})}
            document['components']['schemas'] = dict(sorted(schemas.items()))
            document['paths'] = dict(sorted(document['paths'].items()))
            self._made[key] = _with_digest(_encoded(document))
        return self._made[key]

    def v2(self) -> tuple[bytes, str]:
        """The document of OpenAPI v2, and its hash."""
        if self._v2 is None:
            text = bundled_openapi_v2()
            if self._others or not self._bundled:
                text = _encoded(self._merged_v2(json.loads(text)))
            self._v2 = _with_digest(text)
        return self._v2

    def _merged_v2(self, document: Json) -> Json:
        if not self._bundled:
            document = {**document, 'paths': {}, 'definitions': {}, 'parameters': {}}
        definitions = [each for members in self._others.values() for each in members]
        for definition in definitions:
            document['paths'].update(as_v2(custom_paths(definition)))
        for name, node in custom_components(definitions).items():
            document['definitions'].setdefault(name, schema_v2(node))
        return document


def _custom_document() -> Json:
    info: Mapping[str, str] = {'title': 'Kubernetes CRD Swagger', 'version': 'v0.1.0'}
    return {'openapi': '3.0.0', 'info': info, 'paths': {}, 'components': {}}


def _with_digest(text: bytes) -> tuple[bytes, str]:
    return text, hashlib.sha512(text).hexdigest().upper()


def _encoded(value: Json) -> bytes:
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False).encode()
