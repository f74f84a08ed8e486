"""From a tree to closures: operators, members, macros, names. Functions are in `functions` and `kubernetes`.

`compile_expression` gives a `Program`; errors of evaluation are absorbed by `&&` and `||`, as CEL says, when the other
side decides.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from kmock.kube.cel.errors import CelError, CompileError
from kmock.kube.cel.functions import FUNCTIONS, METHODS, OPERATORS, index
from kmock.kube.cel.kubernetes import KUBERNETES_FUNCTIONS, KUBERNETES_METHODS
from kmock.kube.cel.parsing import RESERVED, Node, parse
from kmock.kube.cel.values import Optional, Type, type_name

__all__ = ['Program', 'compile_expression', 'property_name']

Env: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Env], Any]

_TYPES = {
    name: Type(name)
    for name in ('int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'dyn')
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {**FUNCTIONS, **KUBERNETES_FUNCTIONS}
_ESCAPES = (('__dot__', '.'), ('__dash__', '-'), ('__slash__', '/'), ('__underscores__', '__'))
_KEYWORDS = RESERVED | {'true', 'false', 'null', 'in'}


class Program:
    """A compiled expression. `names` are the variables that it uses."""

    __slots__ = ('_step', 'names', 'tree')

    def __init__(self, step: Step, names: frozenset[str], tree: Node) -> None:
        self._step = step
        self.names = names
        self.tree = tree

    def evaluate(self, env: Mapping[str, Any]) -> Any:
        """The value of the expression.

        Raises:
            CelError: it has none.
        """
        try:
            return self._step(dict(env))
        except (RecursionError, OverflowError, MemoryError) as error:
            raise CelError(f'evaluation limit exceeded: {error}') from error


@functools.lru_cache(maxsize=1024)
def compile_expression(text: str, variables: tuple[str, ...]) -> Program:
    """The program of an expression that may use the variables.

    Raises:
        CompileError: it does not compile; `report(text)` gives the words of the API server.
    """
    try:
        tree = parse(text)
        compiler = _Compiler()
        step = compiler.step(tree, frozenset(variables))
    except RecursionError as error:
        raise CompileError('expression recursion limit exceeded: 250', 0) from error
    return Program(step, frozenset(compiler.names), tree)


def property_name(name: str) -> str:
    """The name of a property as a schema has it, by its name in an expression, where it may be escaped."""
    if '__' not in name:
        return name
    if name.startswith('__') and name.endswith('__') and name[2:-2] in _KEYWORDS:
        return name[2:-2]
    for escaped, plain in _ESCAPES:
        name = name.replace(escaped, plain)
    return name


class _Compiler:
    def __init__(self) -> None:
        self.names: set[str] = set()

    def step(self, node: Node, scope: frozenset[str]) -> Step:
        return getattr(self, f'_{node.kind.replace("-", "_")}')(node, scope)  # type: ignore[no-any-return]

    def _steps(self, nodes: Iterable[Node], scope: frozenset[str]) -> list[Step]:
        return [self.step(each, scope) for each in nodes]

    def _literal(self, node: Node, scope: frozenset[str]) -> Step:
        value = node.value
        return lambda env: value

    def _name(self, node: Node, scope: frozenset[str]) -> Step:
        name = node.value
        if name in scope:
            self.names.add(name)
            return lambda env: env[name]
        if name in _TYPES:
            found = _TYPES[name]
            return lambda env: found
        raise CompileError(f"undeclared reference to '{name}' (in container '')", node.position)

    def _select(self, node: Node, scope: frozenset[str]) -> Step:
        owner = node.children[0]
        dotted = _dotted(node)
        if dotted in ('google.protobuf.Timestamp', 'google.protobuf.Duration'):
            found = Type(dotted)
            return lambda env: found
        inner, name = self.step(owner, scope), node.value
        plain = property_name(name)

        def select(env: Env) -> Any:
            value = inner(env)
            if isinstance(value, dict):
                if name in value:
                    return value[name]
                if plain in value:
                    return value[plain]
                raise CelError(f'no such key: {name}')
            if isinstance(value, Optional):
                return _optional_member(value, name, plain)
            raise CelError(f'no such overload: {type_name(value)}.ref-resolve(*)')

        return select

    def _optional_select(self, node: Node, scope: frozenset[str]) -> Step:
        inner, name = self.step(node.children[0], scope), node.value
        plain = property_name(name)

        def select(env: Env) -> Any:
            value = inner(env)
            return _optional_member(value if isinstance(value, Optional) else Optional(value), name, plain)

        return select

    def _index(self, node: Node, scope: frozenset[str]) -> Step:
        of, at = self._steps(node.children, scope)

        def find(env: Env) -> Any:
            value = of(env)
            if isinstance(value, Optional):
                return _optional_item(value, at(env))
            return index(value, at(env))

        return find

    def _optional_index(self, node: Node, scope: frozenset[str]) -> Step:
        of, at = self._steps(node.children, scope)

        def find(env: Env) -> Any:
            value = of(env)
            return _optional_item(value if isinstance(value, Optional) else Optional(value), at(env))

        return find

    def _list(self, node: Node, scope: frozenset[str]) -> Step:
        items = list(zip(node.value, self._steps(node.children, scope), strict=True))

        def build(env: Env) -> Any:
            result = []
            for optional, item in items:
                value = item(env)
                if not optional:
                    result.append(value)
                elif value.present:
                    result.append(value.value)
            return result

        return build

    def _map(self, node: Node, scope: frozenset[str]) -> Step:
        steps = self._steps(node.children, scope)
        entries = list(zip(node.value, steps[::2], steps[1::2], strict=True))

        def build(env: Env) -> Any:
            result: dict[Any, Any] = {}
            for optional, key, item in entries:
                name, value = key(env), item(env)
                if isinstance(name, list | dict | float) or name is None:
                    raise CelError(f'unsupported key type: {type_name(name)}')
                if optional:
                    if not value.present:
                        continue
                    value = value.value
                if name in result:
                    raise CelError(f'Failed with repeated key: {name}')
                result[name] = value
            return result

        return build

    def _if(self, node: Node, scope: frozenset[str]) -> Step:
        condition, yes, no = self._steps(node.children, scope)

        def choose(env: Env) -> Any:
            return yes(env) if _truth(condition(env)) else no(env)

        return choose

    def _and(self, node: Node, scope: frozenset[str]) -> Step:
        left, right = self._steps(node.children, scope)
        return _short(left, right, False)

    def _or(self, node: Node, scope: frozenset[str]) -> Step:
        left, right = self._steps(node.children, scope)
        return _short(left, right, True)

    def _call(self, node: Node, scope: frozenset[str]) -> Step:
        name, arguments = node.value, node.children
        if node.method:
            receiver = _dotted(arguments[0])
            root = receiver.partition('.')[0] if receiver else ''
            if receiver and root not in scope:
                return self._function(node, f'{receiver}.{name}', arguments[1:], scope)
            macro = _MACROS.get((name, len(arguments) - 1))
            if macro is not None:
                return macro(self, node, scope)
            method = METHODS.get(name) or KUBERNETES_METHODS.get(name)
            if method is None:
                raise CompileError(f"undeclared reference to '{name}' (in container '')", node.position)
            return _applied(method, self._steps(arguments, scope), name)
        if name == 'has':
            return self._has(node, scope)
        return self._function(node, name, arguments, scope)

    def _function(self, node: Node, name: str, arguments: tuple[Node, ...], scope: frozenset[str]) -> Step:
        if name == 'cel.bind' and len(arguments) == 3:
            return self._bind(arguments, scope)
        function = OPERATORS.get(name) or _FUNCTIONS.get(name)
        if function is None:
            raise CompileError(f"undeclared reference to '{name}' (in container '')", node.position)
        return _applied(function, self._steps(arguments, scope), name)

    def _bind(self, arguments: tuple[Node, ...], scope: frozenset[str]) -> Step:
        name = _variable(arguments[0])
        value = self.step(arguments[1], scope)
        body = self.step(arguments[2], scope | {name})
        return lambda env: body({**env, name: value(env)})

    def _has(self, node: Node, scope: frozenset[str]) -> Step:
        if len(node.children) != 1 or node.children[0].kind not in ('select', 'optional-select'):
            raise CompileError('invalid argument to has() macro', node.position)
        selected = node.children[0]
        inner, name = self.step(selected.children[0], scope), selected.value
        plain = property_name(name)

        def has(env: Env) -> Any:
            value = inner(env)
            if isinstance(value, Optional):
                return _optional_member(value, name, plain).present
            if not isinstance(value, dict):
                raise CelError(f'no such overload: {type_name(value)}.ref-resolve(*)')
            return name in value or plain in value

        return has


def _applied(function: Callable[..., Any], steps: list[Step], name: str) -> Step:
    def call(env: Env) -> Any:
        values = [step(env) for step in steps]
        try:
            return function(*values)
        except (TypeError, AttributeError) as error:
            types = ', '.join(type_name(each) for each in values)
            raise CelError(f'no such overload: {name}({types})') from error

    if len(steps) == 2:
        one, two = steps

        def binary(env: Env) -> Any:
            left, right = one(env), two(env)
            try:
                return function(left, right)
            except (TypeError, AttributeError) as error:
                raise CelError(f'no such overload: {name}({type_name(left)}, {type_name(right)})') from error

        return binary
    return call


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise CelError('no such overload')


def _short(left: Step, right: Step, decisive: bool) -> Step:
    """`&&` and `||`: what decides wins over an error on the other side."""

    def both(env: Env) -> Any:
        try:
            value = _truth(left(env))
        except CelError as error:
            if right(env) is decisive:
                return decisive
            raise error from None
        return decisive if value is decisive else _truth(right(env))

    return both


def _dotted(node: Node) -> str:
    """A chain of names as a text, e.g. `google.protobuf.Duration`; empty if it is more than that."""
    if node.kind == 'name':
        return str(node.value)
    if node.kind == 'select':
        owner = _dotted(node.children[0])
        return f'{owner}.{node.value}' if owner else ''
    return ''


def _variable(node: Node) -> str:
    if node.kind != 'name':
        raise CompileError('argument must be a simple name', node.position)
    return str(node.value)


def _optional_member(value: Optional, name: str, plain: str) -> Optional:
    if not value.present:
        return value
    if not isinstance(value.value, dict):
        raise CelError(f'no such overload: {type_name(value.value)}.ref-resolve(*)')
    for key in (name, plain):
        if key in value.value:
            return Optional(value.value[key])
    return Optional(present=False)


def _optional_item(value: Optional, at: Any) -> Optional:
    if not value.present:
        return value
    try:
        return Optional(index(value.value, at))
    except CelError as error:
        if str(error).startswith(('no such key', 'index out of bounds')):
            return Optional(present=False)
        raise


# --- macros

Macro: TypeAlias = Callable[[_Compiler, Node, frozenset[str]], Step]


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(value.items())
    raise CelError(f'no such overload: {type_name(value)} is no list and no map')


def _ranged(compiler: _Compiler, node: Node, scope: frozenset[str], variables: int) -> tuple[Step, Step, list[Step]]:
    """The steps of a comprehension: what sets the variables for each item, its range, and the expressions."""
    names = [_variable(each) for each in node.children[1 : 1 + variables]]
    over = compiler.step(node.children[0], scope)
    inner = scope | set(names)
    return _environments(over, names), over, [compiler.step(each, inner) for each in node.children[1 + variables :]]


def _environments(over: Step, names: list[str]) -> Step:
    def run(env: Env) -> Any:
        value = over(env)
        pairs = _pairs(value)
        scope = dict(env)
        for key, item in pairs:
            if len(names) == 2:
                scope[names[0]], scope[names[1]] = key, item
            else:
                scope[names[0]] = item if isinstance(value, list) else key
            yield key, scope

    return run


def _quantified(variables: int, decisive: bool) -> Macro:
    def macro(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
        each, _, (condition,) = _ranged(compiler, node, scope, variables)

        def run(env: Env) -> Any:
            failed: CelError | None = None
            for _, inner in each(env):
                try:
                    if _truth(condition(inner)) is decisive:
                        return decisive
                except CelError as error:
                    failed = failed or error
            if failed is not None:
                raise failed
            return not decisive

        return run

    return macro


def _exists_one(variables: int) -> Macro:
    def macro(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
        each, _, (condition,) = _ranged(compiler, node, scope, variables)
        return lambda env: sum(_truth(condition(inner)) for _, inner in each(env)) == 1

    return macro


def _filter(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
    name = _variable(node.children[1])
    each, _, (condition,) = _ranged(compiler, node, scope, 1)
    return lambda env: [inner[name] for _, inner in each(env) if _truth(condition(inner))]


def _mapped(variables: int) -> Macro:
    def macro(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
        each, _, steps = _ranged(compiler, node, scope, variables)
        transform = steps[-1]
        if len(steps) == 1:
            return lambda env: [transform(inner) for _, inner in each(env)]
        condition = steps[0]
        return lambda env: [transform(inner) for _, inner in each(env) if _truth(condition(inner))]

    return macro


def _transform_map(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
    each, _, steps = _ranged(compiler, node, scope, 2)
    transform = steps[-1]
    if len(steps) == 1:
        return lambda env: {key: transform(inner) for key, inner in each(env)}
    condition = steps[0]
    return lambda env: {key: transform(inner) for key, inner in each(env) if _truth(condition(inner))}


def _optional_mapped(wraps: bool) -> Macro:
    def macro(compiler: _Compiler, node: Node, scope: frozenset[str]) -> Step:
        of = compiler.step(node.children[0], scope)
        name = _variable(node.children[1])
        transform = compiler.step(node.children[2], scope | {name})

        def run(env: Env) -> Any:
            value = of(env)
            if not isinstance(value, Optional):
                raise CelError('no such overload')
            if not value.present:
                return value
            result = transform({**env, name: value.value})
            return Optional(result) if wraps else result

        return run

    return macro


_MACROS: Mapping[tuple[str, int], Macro] = {
    ('all', 2): _quantified(1, False),
    ('all', 3): _quantified(2, False),
    ('exists', 2): _quantified(1, True),
    ('exists', 3): _quantified(2, True),
    ('exists_one', 2): _exists_one(1),
    ('existsOne', 2): _exists_one(1),
    ('exists_one', 3): _exists_one(2),
    ('existsOne', 3): _exists_one(2),
    ('filter', 2): _filter,
    ('map', 2): _mapped(1),
    ('map', 3): _mapped(1),
    ('transformList', 3): _mapped(2),
    ('transformList', 4): _mapped(2),
    ('transformMap', 3): _transform_map,
    ('transformMap', 4): _transform_map,
    ('optMap', 2): _optional_mapped(True),
    ('optFlatMap', 2): _optional_mapped(False),
}
