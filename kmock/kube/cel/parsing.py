"""From the text of an expression to a tree. What the names and functions mean is not decided here.

Source: the grammar of the CEL language definition.
"""

import dataclasses
import re
from typing import Any

from kmock.kube.cel.errors import CompileError
from kmock.kube.cel.values import UInt

__all__ = ['RESERVED', 'Node', 'parse']

_MAX_DEPTH = 60
_TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*)+)
    |(?P<float>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?))
    |(?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
    |(?P<string>(?:[bB][rR]|[rR][bB]|[bB]|[rR])?(?:\"\"\"|'''|"|'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
    |(?P<symbol>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(
    r'\\(?:([abfnrtv\\?"\'`])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.?))', re.DOTALL
)
_SIMPLE = {'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}
RESERVED = frozenset({
    'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package',
    'namespace', 'return', 'var', 'void', 'while',
})  # fmt: skip
_RELATIONS = frozenset({'==', '!=', '<', '<=', '>', '>=', 'in'})


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A node: `literal` (value), `name` (value), `select`, `optional-select`, `index`, `optional-index`, `call`
    (value is the name; a method's receiver is the first of `children` if `method`), `list`, `map`, `and`, `or`,
    `if`, and operators as calls of `_+_` and its like. In lists and maps, `value` tells which entries are optional.
    """

    kind: str
    position: int
    value: Any = None
    children: tuple['Node', ...] = ()
    method: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    value: Any
    position: int


def parse(text: str) -> Node:
    """The tree of an expression.

    Raises:
        CompileError: it is none.
    """
    return _Parser(text).whole()


def _tokens(text: str) -> list[_Token]:
    found = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise CompileError(f"Syntax error: token recognition error at: '{text[at]}'", at)
        kind = match.lastgroup or ''
        end = match.end()
        value: Any = match[0]
        if kind == 'string':
            value, end = _string(text, match)
        elif kind == 'quoted':
            value = value[1:-1]
        if kind != 'space':
            found.append(_Token(kind, text[at:end], value, at))
        at = end
    found.append(_Token('end', '<EOF>', None, len(text)))
    return found


def _string(text: str, opening: re.Match[str]) -> tuple[Any, int]:
    prefix = opening[0].rstrip('"\'').lower()
    quote = opening[0][len(prefix) :]
    at = start = opening.end()
    while not text.startswith(quote, at):
        if at >= len(text) or (len(quote) == 1 and text[at] in '\r\n'):
            raise CompileError(
                f"Syntax error: token recognition error at: '{text[opening.start() :]}'", opening.start()
            )
        at += 2 if text[at] == '\\' and 'r' not in prefix else 1
    body = text[start:at]
    if 'r' not in prefix:
        body = _ESCAPE.sub(lambda found: _unescaped(found, opening.start()), body)
    end = at + len(quote)
    if 'b' in prefix:
        return b''.join(each.encode('latin-1') if ord(each) < 256 else each.encode() for each in body), end
    return body, end


def _unescaped(found: re.Match[str], position: int) -> str:
    simple, *codes, octal, wrong = found.groups()
    if simple is not None:
        return _SIMPLE.get(simple, simple)
    try:
        for code in codes:
            if code is not None:
                return chr(int(code, 16))
    except (ValueError, OverflowError) as error:
        raise CompileError('Syntax error: invalid unicode code point', position) from error
    if octal is None:
        raise CompileError(f"Syntax error: token recognition error at: '\\{wrong}'", position)
    return chr(int(octal, 8))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._tokens[self._at]
        self._at += token.kind != 'end'
        return token

    def _is(self, symbol: str) -> bool:
        return self._next.kind in ('symbol', 'name') and self._next.text == symbol

    def _accept(self, symbol: str) -> bool:
        if self._is(symbol):
            self._at += 1
            return True
        return False

    def _expect(self, symbol: str) -> _Token:
        token = self._take()
        if token.kind != 'symbol' or token.text != symbol:
            raise CompileError(f"Syntax error: mismatched input '{token.text}' expecting '{symbol}'", token.position)
        return token

    def whole(self) -> Node:
        tree = self._expression()
        if self._next.kind != 'end':
            found = self._next
            raise CompileError(f"Syntax error: extraneous input '{found.text}' expecting <EOF>", found.position)
        return tree

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise CompileError('expression recursion limit exceeded: 250', self._next.position)
        condition = self._or()
        if self._is('?'):
            position = self._take().position
            yes = self._or()
            self._expect(':')
            condition = Node('if', position, None, (condition, yes, self._expression()))
        self._depth -= 1
        return condition

    def _or(self) -> Node:
        left = self._and()
        while self._is('||'):
            position = self._take().position
            left = Node('or', position, None, (left, self._and()))
        return left

    def _and(self) -> Node:
        left = self._relation()
        while self._is('&&'):
            position = self._take().position
            left = Node('and', position, None, (left, self._relation()))
        return left

    def _relation(self) -> Node:
        left = self._sum()
        while self._next.kind in ('symbol', 'name') and self._next.text in _RELATIONS:
            token = self._take()
            name = '@in' if token.text == 'in' else f'_{token.text}_'
            left = Node('call', token.position, name, (left, self._sum()))
        return left

    def _sum(self) -> Node:
        left = self._product()
        while self._is('+') or self._is('-'):
            token = self._take()
            left = Node('call', token.position, f'_{token.text}_', (left, self._product()))
        return left

    def _product(self) -> Node:
        left = self._unary()
        while self._is('*') or self._is('/') or self._is('%'):
            token = self._take()
            left = Node('call', token.position, f'_{token.text}_', (left, self._unary()))
        return left

    def _unary(self) -> Node:
        signs = []
        while self._is('!') or self._is('-'):
            signs.append(self._take())
        following = self._next
        if signs and signs[-1].text == '-' and following.kind in ('int', 'float'):
            position = signs.pop().position
            self._take()
            operand = self._members(_literal(following, negative=True, position=position))
        else:
            operand = self._members(self._primary())
        for sign in reversed(signs):
            operand = Node('call', sign.position, f'{sign.text}_', (operand,))
        return operand

    def _members(self, node: Node) -> Node:
        while True:
            position = self._next.position
            if self._accept('.'):
                optional = self._accept('?')
                token = self._take()
                if token.kind not in ('name', 'quoted'):
                    wrong = f"Syntax error: no viable alternative at input '.{token.text}'"
                    raise CompileError(wrong, token.position)
                if token.kind == 'name' and not optional and self._is('('):
                    position = self._take().position
                    node = Node('call', position, token.value, (node, *self._arguments(')')), method=True)
                else:
                    kind = 'optional-select' if optional else 'select'
                    node = Node(kind, position, token.value, (node,))
            elif self._accept('['):
                kind = 'optional-index' if self._accept('?') else 'index'
                node = Node(kind, position, None, (node, self._expression()))
                self._expect(']')
            elif node.kind in ('name', 'select') and self._is('{'):
                raise CompileError(f"undeclared reference to '{node.value}' (in container '')", position)
            else:
                return node

    def _arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._is(end):
            found.append(self._expression())
            if not self._accept(','):
                break
        self._expect(end)
        return tuple(found)

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in ('int', 'float'):
            return _literal(token, negative=False, position=token.position)
        if token.kind == 'string':
            return Node('literal', token.position, token.value)
        if token.kind == 'name':
            return self._named(token)
        if token.text == '(':
            inner = self._expression()
            self._expect(')')
            return inner
        if token.text == '[':
            return self._list(token.position)
        if token.text == '{':
            return self._map(token.position)
        if token.text == '.' and self._next.kind == 'name':
            return self._named(self._take())
        expected = (
            "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', "
            'NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}'
        )
        raise CompileError(f"Syntax error: mismatched input '{token.text}' expecting {expected}", token.position)

    def _named(self, token: _Token) -> Node:
        constants = {'true': True, 'false': False, 'null': None}
        if token.value in constants:
            return Node('literal', token.position, constants[token.value])
        if token.value in RESERVED:
            raise CompileError(f'reserved identifier: {token.value}', token.position)
        if self._is('('):
            position = self._take().position
            return Node('call', position, token.value, self._arguments(')'))
        return Node('name', token.position, token.value)

    def _list(self, position: int) -> Node:
        items: list[Node] = []
        optional: list[bool] = []
        while not self._is(']'):
            optional.append(self._accept('?'))
            items.append(self._expression())
            if not self._accept(','):
                break
        self._expect(']')
        return Node('list', position, tuple(optional), tuple(items))

    def _map(self, position: int) -> Node:
        items: list[Node] = []
        optional: list[bool] = []
        while not self._is('}'):
            optional.append(self._accept('?'))
            items.append(self._expression())
            self._expect(':')
            items.append(self._expression())
            if not self._accept(','):
                break
        self._expect('}')
        return Node('map', position, tuple(optional), tuple(items))


def _literal(token: _Token, *, negative: bool, position: int) -> Node:
    text = token.text
    sign = -1 if negative else 1
    if token.kind == 'float':
        return Node('literal', position, sign * float(text))
    unsigned = text[-1] in 'uU'
    digits = text.rstrip('uU')
    value = sign * int(digits, 16 if digits[:2].lower() == '0x' else 10)
    if unsigned and not 0 <= value < 2**64:
        raise CompileError('invalid uint literal', position)
    if not unsigned and not -(2**63) <= value < 2**63:
        raise CompileError('invalid int literal', position)
    return Node('literal', position, UInt(value) if unsigned else value)
