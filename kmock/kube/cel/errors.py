"""The errors of CEL: of expressions that don't compile, and of those that can't be evaluated."""

__all__ = ['CelError', 'CompileError']


class CelError(Exception):
    """An evaluation failed; the text is that of the API server: `no such key: x`, `division by zero`."""


class CompileError(Exception):
    """An expression does not compile.

    Attributes:
        text: what is wrong.
        position: the offset in the expression.
    """

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.text = text
        self.position = position

    def report(self, source: str) -> str:
        """The error as the API server prints it: with the line, and a mark below it."""
        before = source[: self.position]
        line = before.count('\n') + 1
        column = self.position - (before.rfind('\n') + 1)
        shown = source.split('\n')[line - 1]
        return f'ERROR: <input>:{line}:{column + 1}: {self.text}\n | {shown}\n | {"." * column}^'
