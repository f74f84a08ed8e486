"""The types of expressions before they are evaluated, as far as a schema and the functions tell them.

A type that is not known for sure is `dyn`, of which nothing is complained; so a rule is refused only where the API
server refuses it, too. What the functions do is in `functions.py` and `kubernetes.py`.
Sources: the CEL language definition, "Type checking"; the errors are those of a Kubernetes API server.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from kmock.kube.cel.errors import CompileError
from kmock.kube.cel.parsing import Node
from kmock.kube.cel.programs import property_name
from kmock.kube.cel.values import UInt

__all__ = ['BOOL', 'DYN', 'STRING', 'Static', 'check_types', 'optional_of', 'type_of_schema']


@dataclasses.dataclass(frozen=True, slots=True)
class Static:
    """A type: its name, as errors print it, and its parameters; an object's is known by its schema."""

    name: str
    parameters: tuple['Static', ...] = ()
    node: Any = dataclasses.field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        inner = ', '.join(str(each) for each in self.parameters)
        return f'{self.name}({inner})' if inner else self.name


DYN, BOOL, STRING, INT = Static('dyn'), Static('bool'), Static('string'), Static('int')
_NULL, _DOUBLE, _UINT, _BYTES = Static('null'), Static('double'), Static('uint'), Static('bytes')
_FORMATS = {
    'byte': _BYTES,
    'duration': Static('duration'),
    'date': Static('timestamp'),
    'date-time': Static('timestamp'),
}
_SCALARS = {'boolean': BOOL, 'integer': INT, 'number': _DOUBLE}
_NULLABLE = frozenset({'duration', 'timestamp', 'object', 'dyn', 'null', 'optional_type'})
_NAMED_OBJECT = {
    'apiVersion': {'type': 'string'},
    'kind': {'type': 'string'},
    'metadata': {'type': 'object', 'properties': {'name': {'type': 'string'}, 'generateName': {'type': 'string'}}},
}
_ITERATED = frozenset({'all', 'exists', 'exists_one', 'existsOne', 'filter', 'map'})


def optional_of(inner: Static) -> Static:
    return Static('optional_type', (inner,))


def type_of_schema(node: Any) -> Static | None:
    """The type of the values of a schema; None for those that rules can't see."""
    if not isinstance(node, Mapping):
        return None
    if node.get('x-kubernetes-int-or-string'):
        return DYN
    kind = node.get('type')
    if kind == 'array':
        items = type_of_schema(node.get('items'))
        return None if items is None else Static('list', (items,))
    if kind == 'string':
        return _FORMATS.get(str(node.get('format')), STRING)
    if kind != 'object':
        return _SCALARS.get(str(kind))
    if isinstance(node.get('additionalProperties'), Mapping):
        values = type_of_schema(node['additionalProperties'])
        return None if values is None else Static('map', (STRING, values))
    if node.get('x-kubernetes-embedded-resource'):
        node = {**node, 'properties': {**(node.get('properties') or {}), **_NAMED_OBJECT}}
    return Static('object', node=node)


def check_types(tree: Node, variables: Mapping[str, Static]) -> tuple[Static, list[CompileError]]:
    """The type of an expression, and what is wrong with the types in it, in the order of the text."""
    checker = _Checker()
    found = checker.type_of(tree, dict(variables))
    return found, sorted(checker.errors, key=lambda error: error.position)


class _Checker:
    def __init__(self) -> None:
        self.errors: list[CompileError] = []

    def type_of(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return getattr(self, f'_{node.kind.replace("-", "_")}')(node, scope)  # type: ignore[no-any-return]

    def _wrong(self, text: str, position: int) -> Static:
        self.errors.append(CompileError(text, position))
        return DYN

    def _literal(self, node: Node, scope: Mapping[str, Static]) -> Static:
        value = node.value
        if isinstance(value, bool):
            return BOOL
        if isinstance(value, UInt):
            return _UINT
        kinds = {int: INT, float: _DOUBLE, str: STRING, bytes: _BYTES, type(None): _NULL}
        return kinds.get(type(value), DYN)

    def _name(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return scope.get(node.value, DYN)

    def _select(self, node: Node, scope: Mapping[str, Static], position: int | None = None) -> Static:
        position = node.position if position is None else position
        owner = self.type_of(node.children[0], scope)
        if owner.name == 'optional_type':
            return optional_of(self._member(owner.parameters[0], node.value, position))
        return self._member(owner, node.value, position)

    def _optional_select(self, node: Node, scope: Mapping[str, Static]) -> Static:
        found = self._select(node, scope)
        return found if found.name in ('optional_type', 'dyn') else optional_of(found)

    def _member(self, owner: Static, name: str, position: int) -> Static:
        if owner.name == 'dyn':
            return DYN
        if owner.name == 'map':
            return owner.parameters[1]
        if owner.name != 'object':
            return self._wrong(f"type '{owner}' does not support field selection", position)
        properties = owner.node.get('properties') or {}
        for each in (property_name(name), name):
            found = type_of_schema(properties.get(each))
            if found is not None:
                return found
        return self._wrong(f"undefined field '{name}'", position)

    def _index(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return self._overload('_[_]', self._types(node.children, scope), node.position)

    def _optional_index(self, node: Node, scope: Mapping[str, Static]) -> Static:
        self._types(node.children, scope)
        return DYN

    def _types(self, nodes: Sequence[Node], scope: Mapping[str, Static]) -> list[Static]:
        return [self.type_of(each, scope) for each in nodes]

    def _and(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return self._overload('_&&_', self._types(node.children, scope), node.position)

    def _or(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return self._overload('_||_', self._types(node.children, scope), node.position)

    def _if(self, node: Node, scope: Mapping[str, Static]) -> Static:
        return self._overload('_?_:_', self._types(node.children, scope), node.position)

    def _list(self, node: Node, scope: Mapping[str, Static]) -> Static:
        if any(node.value):
            self._types(node.children, scope)
            return Static('list', (DYN,))
        return Static('list', (self._alike(node.children, scope),))

    def _map(self, node: Node, scope: Mapping[str, Static]) -> Static:
        if any(node.value):
            self._types(node.children, scope)
            return Static('map', (DYN, DYN))
        return Static('map', (self._alike(node.children[::2], scope), self._alike(node.children[1::2], scope)))

    def _alike(self, nodes: Sequence[Node], scope: Mapping[str, Static]) -> Static:
        """The type of all the items of a list or map, which must be of one type."""
        common: Static | None = None
        for node in nodes:
            found = self.type_of(node, scope)
            if common is None or common.name == 'null':
                common = found
            elif not _fits(common, found, {}):
                return self._wrong(f"expected type '{common}' but found '{found}'", node.position)
        return common or DYN

    def _call(self, node: Node, scope: Mapping[str, Static]) -> Static:
        name, children = node.value, node.children
        if not node.method:
            if name == 'has' and len(children) == 1 and children[0].kind == 'select':
                self._select(children[0], scope, node.position)
                return BOOL
            return self._overload(name, self._types(children, scope), node.position)
        if _root(children[0]) not in (None, *scope):
            return self._elsewhere(node, scope)
        if name in _ITERATED and len(children) > 2 and children[1].kind == 'name':
            return self._iterated(node, scope)
        if name in ('optMap', 'optFlatMap', 'transformList', 'transformMap') and len(children) > 2:
            self.type_of(children[0], scope)
            return DYN
        return self._overload(name, self._types(children, scope), node.position, method=True)

    def _elsewhere(self, node: Node, scope: Mapping[str, Static]) -> Static:
        """A function of a library: `optional.of(x)`, `cel.bind(x, …)`."""
        if node.value != 'bind':
            self._types(node.children[1:], scope)
        return BOOL if _root(node.children[0]) == 'sets' else DYN

    def _iterated(self, node: Node, scope: Mapping[str, Static]) -> Static:
        """A macro that goes through a list, or through the keys of a map."""
        over = self.type_of(node.children[0], scope)
        variable, *inner = node.children[1:]
        if over.name not in ('list', 'map', 'dyn'):
            text = f"expression of type '{over}' cannot be range of a comprehension (must be list, map, or dynamic)"
            self._wrong(text, node.children[0].position)
        item = over.parameters[0] if over.parameters and over.name in ('list', 'map') else DYN
        within = {**scope, variable.value: item}
        if len(inner) > 1 and inner[0].kind == 'name' and node.value != 'map':
            second = over.parameters[1] if over.name == 'map' else item
            within = {**scope, variable.value: INT if over.name == 'list' else item, inner.pop(0).value: second}
        found = self._types(inner, within)
        if node.value == 'map':
            return Static('list', (found[-1],))
        return Static('list', (item,)) if node.value == 'filter' else BOOL

    def _overload(self, name: str, given: Sequence[Static], position: int, *, method: bool = False) -> Static:
        known = _overloads().get((name, method))
        if known is None:
            return DYN
        results = []
        for parameters, result in known:
            bound: dict[str, Static] = {}
            if len(parameters) == len(given) and all(
                _fits(wanted, each, bound) for wanted, each in zip(parameters, given, strict=True)
            ):
                results.append(_filled(result, bound))
        if not results:
            start = f'{given[0]}.' if method else ''
            shown = ', '.join(str(each) for each in (given[1:] if method else given))
            return self._wrong(f"found no matching overload for '{name}' applied to '{start}({shown})'", position)
        return results[0] if all(each == results[0] for each in results) else DYN


def _root(node: Node) -> str | None:
    """The name that a chain of selections begins with; None for other expressions."""
    while node.kind == 'select':
        node = node.children[0]
    return str(node.value) if node.kind == 'name' else None


def _fits(wanted: Static, given: Static, bound: dict[str, Static]) -> bool:
    """Whether a value may be passed; binds the parameters of types, which are single capitals."""
    if len(wanted.name) == 1:
        known = bound.get(wanted.name)
        if known is None or known.name in ('dyn', 'null'):
            if known is not None and known.name == 'null' and given.name not in _NULLABLE:
                return False
            bound[wanted.name] = given
            return True
        return _fits(known, given, bound)
    if wanted.name == 'dyn' or given.name == 'dyn':
        return True
    if given.name == 'null':
        return wanted.name in _NULLABLE
    if wanted.name != given.name or len(wanted.parameters) != len(given.parameters):
        return False
    return all(_fits(one, other, bound) for one, other in zip(wanted.parameters, given.parameters, strict=True))


def _filled(result: Static, bound: Mapping[str, Static]) -> Static:
    if len(result.name) == 1:
        return bound.get(result.name, DYN)
    return Static(result.name, tuple(_filled(each, bound) for each in result.parameters), result.node)


# --- what is known of functions

_OVERLOADS = """
_==_(A,A)bool _!=_(A,A)bool _&&_(bool,bool)bool _||_(bool,bool)bool !_(bool)bool _?_:_(bool,A,A)A
@in(A,list(A))bool @in(A,map(A,B))bool _[_](list(A),int)A _[_](map(A,B),A)B
-_(int)int -_(double)double
_+_(int,int)int _+_(uint,uint)uint _+_(double,double)double _+_(string,string)string _+_(bytes,bytes)bytes
_+_(list(A),list(A))list(A) _+_(timestamp,duration)timestamp _+_(duration,timestamp)timestamp
_+_(duration,duration)duration
_-_(int,int)int _-_(uint,uint)uint _-_(double,double)double _-_(timestamp,timestamp)duration
_-_(timestamp,duration)timestamp _-_(duration,duration)duration
_*_(int,int)int _*_(uint,uint)uint _*_(double,double)double
_/_(int,int)int _/_(uint,uint)uint _/_(double,double)double _%_(int,int)int _%_(uint,uint)uint
size(string)int size(bytes)int size(list(A))int size(map(A,B))int
string.size()int bytes.size()int list(A).size()int map(A,B).size()int
matches(string,string)bool string.matches(string)bool
string.contains(string)bool string.startsWith(string)bool string.endsWith(string)bool
string.charAt(int)string string.lowerAscii()string string.upperAscii()string string.trim()string
string.indexOf(string)int string.indexOf(string,int)int string.lastIndexOf(string)int
string.lastIndexOf(string,int)int list(A).indexOf(A)int list(A).lastIndexOf(A)int
string.replace(string,string)string string.replace(string,string,int)string
string.split(string)list(string) string.split(string,int)list(string)
string.substring(int)string string.substring(int,int)string
string.find(string)string string.findAll(string)list(string) string.findAll(string,int)list(string)
list(string).join()string list(string).join(string)string
optional_type(A).hasValue()bool optional_type(A).value()A optional_type(A).orValue(A)A
optional_type(A).or(optional_type(A))optional_type(A)
isURL(string)bool isQuantity(string)bool isIP(string)bool isCIDR(string)bool
"""
_ORDERED = ('bool', 'string', 'bytes', 'timestamp', 'duration')
_NUMBERS = ('int', 'uint', 'double')

_Overloads = Mapping[tuple[str, bool], list[tuple[tuple[Static, ...], Static]]]


@functools.cache
def _overloads() -> _Overloads:
    found: dict[tuple[str, bool], list[tuple[tuple[Static, ...], Static]]] = {}
    for declared in _OVERLOADS.split():
        name, receiver, parameters, result = _divided(declared)
        found.setdefault((name, bool(receiver)), []).append(((*receiver, *parameters), result))
    for name in ('_<_', '_<=_', '_>_', '_>=_'):
        pairs = [(each, each) for each in _ORDERED] + [(one, other) for one in _NUMBERS for other in _NUMBERS]
        found[name, False] = [((Static(one), Static(other)), BOOL) for one, other in pairs]
    return found


def _divided(declared: str) -> tuple[str, tuple[Static, ...], tuple[Static, ...], Static]:
    """The name, the receiver (or none), the parameters and the result of a declaration."""
    start = re.match(r'(?P<receiver>\w+(?:\([\w,]+\))?)\.(?=[a-zA-Z]+\()', declared)
    receiver = (_parsed(start['receiver']),) if start is not None else ()
    rest = declared[start.end() :] if start is not None else declared
    name = rest[: rest.index('(', 1)]
    depth = 0
    for at in range(len(name), len(rest)):
        depth += (rest[at] == '(') - (rest[at] == ')')
        if depth == 0:
            break
    inner = rest[len(name) + 1 : at]
    return name, receiver, tuple(_parsed(each) for each in _split(inner)), _parsed(rest[at + 1 :])


def _split(text: str) -> list[str]:
    return re.findall(r'\w+(?:\([\w,]+\))?', text)


def _parsed(text: str) -> Static:
    name, _, inner = text.partition('(')
    return Static(name, tuple(_parsed(each) for each in _split(inner.removesuffix(')'))) if inner else ())
