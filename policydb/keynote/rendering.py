"""Shapes -> Python source: one function per shape, from the closed set of operations of policydb.keynote.shapes.

The source is put together from the fixed templates below; names and constants of a policy are reached by index only
and never become part of it. A function takes an assertion's constants as an argument, so that one serves all assertions
of its shape: a function for each would cost memory, and the time to fetch it. A plain and a traced rendering come from
the same templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policydb.keynote.numbers import ARITHMETIC
from policydb.keynote.shapes import Op, ShapeError, load_shape

MATH = {key: f"math{index}" for index, key in enumerate(ARITHMETIC)}
"""(kind, operator) -> the name by which the source calls it."""

_LEVELS = 16  # how deep templates are put into each other before a function of its own is opened
_COMPARISONS = frozenset(("==", "!=", "<", ">", "<=", ">="))


@dataclass(slots=True)
class _Fragment:
    """A piece of an expression: its source, how deep it is nested, whether running it can raise a Fault."""

    source: str
    depth: int = 1
    faulty: bool = False


class _Function:
    """A function that is being written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.indent = 2

    def write(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)


class _Generator:
    """Writes the module of one shape. The stack holds the fragments of the expression in hand."""

    def __init__(self, ops: Sequence[Op], traced: bool) -> None:
        self._ops = ops
        self._traced = traced
        self._stack: list[_Fragment] = []
        self._names: dict[str, int] = {}
        self._finished: list[_Function] = []
        self._open: list[_Function] = []
        self._blocks: list[bool] = []  # for each block: does it have a function of its own?
        self._count = 0
        self._atoms = 0
        self._uses_groups = any(op[0] == "compare" and op[2] == "~=" for op in ops) and any(
            op[0] == "dereference" or (op[0] == "attribute" and str(op[1]).startswith("_")) for op in ops
        )

    def source(self) -> tuple[str, tuple[str, ...]]:
        """The module's text, and the attribute names that it reaches by index."""
        main = self._start("main")
        for op in self._ops:
            _WRITERS[op[0]](self, *op[1:])
        self._finish()
        lines = ["def make(names):"]
        if self._names:
            lines.append(f"    {', '.join(f'n{index}' for index in range(len(self._names)))}, = names")
        for function in self._finished:
            lines.append(f"    def {function.name}(get, q, c):")
            lines.extend(function.lines)
        lines.append(f"    return {main.name}")
        return "\n".join(lines) + "\n", tuple(self._names)

    # --- functions and blocks -----------------------------------------------------------------------------------

    def _start(self, name: str) -> _Function:
        function = _Function(name)
        self._open.append(function)
        function.write("v = 0")
        if self._traced:
            function.write("t = q.trace")
        if self._uses_groups:
            function.write("g2 = q.groups" if len(self._open) > 1 else "g2 = ()")
        return function

    def _finish(self) -> None:
        function = self._open.pop()
        function.write("return v")
        self._finished.append(function)

    def _write(self, line: str) -> None:
        self._open[-1].write(line)

    def _outline(self, fragment: _Fragment) -> _Fragment:
        """Keeps expressions shallow: one that is deep becomes a function, and a call of it."""
        if fragment.depth < _LEVELS:
            return fragment
        function = _Function(f"e{self._next()}")
        if self._traced:
            function.write("t = q.trace")
        function.write(f"return {fragment.source}")
        self._finished.append(function)
        return _Fragment(f"{function.name}(get, q, c)", 1, fragment.faulty)

    def _next(self) -> int:
        self._count += 1
        return self._count

    # --- expressions ----------------------------------------------------------------------------------------------

    def _push(self, template: str, count: int, faulty: bool = False) -> None:
        """Takes `count` fragments off the stack and puts `template`, with them filled in, on it."""
        parts = self._stack[-count:]
        del self._stack[-count:]
        self._put(template.format(*(each.source for each in parts)), parts, faulty)

    def _put(self, source: str, parts: Sequence[_Fragment], faulty: bool = False) -> None:
        depth = 1 + max((each.depth for each in parts), default=0)
        faulty = faulty or any(each.faulty for each in parts)
        self._stack.append(self._outline(_Fragment(source, depth, faulty)))

    def text(self, number: int) -> None:
        self._put(f"c[{number}]", ())

    def literal(self, number: int) -> None:
        """A number; one outside the range of its type raises a Fault where it is used (policydb.keynote.numbers)."""
        self._put(f"c[{number}]", (), faulty=True)

    def attribute(self, name: str) -> None:
        index = self._names.setdefault(name, len(self._names))
        if name.startswith("_"):
            self._put(f"special(q, n{index})", ())
        else:
            self._put(f'get(n{index}, "")', ())

    def dereference(self) -> None:
        self._push("dereference(get, q, c[-1], {0})", 1)

    def _several(self, before: str, between: str, after: str, count: int) -> None:
        parts = self._stack[-count:]
        del self._stack[-count:]
        self._put(before + between.join(each.source for each in parts) + after, parts)

    def join(self, count: int) -> None:
        self._several("join((", ", ", ",))", count)

    def write_all(self, count: int) -> None:
        self._several("(", " and ", ")", count)

    def write_any(self, count: int) -> None:
        self._several("(", " or ", ")", count)

    def write_not(self) -> None:
        self._push("(not {0})", 1)

    def truth(self, value: bool) -> None:
        self._put("True" if value else "False", ())

    def number(self, kind: str) -> None:
        self._push("integers[{0}]" if kind == "integer" else "floating({0})", 1, faulty=True)

    def negate(self, kind: str) -> None:
        self._push("within(-{0})" if kind == "integer" else "(-{0})", 1)

    def arithmetic(self, kind: str, operator: str) -> None:
        self._push(f"{MATH[kind, operator]}({{0}}, {{1}})", 2, faulty=True)

    def compare(self, _kind: str, operator: str) -> None:
        if operator == "~=":
            test = "match(q, {0}, {1})" if self._uses_groups else "(q.search({0}, {1}) is not None)"
        elif operator in _COMPARISONS:
            test = f"({{0}} {operator} {{1}})"
        else:
            raise ValueError(f"{operator!r} is no comparison")
        if self._traced:
            # Assignments keep both sides, so that each is evaluated once; arguments are evaluated from left to right.
            sides = "(x := t.left({0})), (y := t.right({1}))"
            test = f"t.done(t.begin({self._atoms}), {sides}, {test.format('x', 'y')})"
        self._atoms += 1
        self._push(test, 2, faulty=operator == "~=")

    # --- clauses --------------------------------------------------------------------------------------------------

    def _test(self, fragment: _Fragment) -> None:
        """Opens the `if` of a clause."""
        if self._uses_groups:
            self._write(f"q.groups = g{self._open[-1].indent}")
        test = fragment.source
        if fragment.faulty:
            self._write("try:")
            self._write(f"    held = {test}")
            self._write("except Fault as fault:" if self._traced else "except Fault:")
            if self._traced:
                self._write("    t.fault(fault)")
            self._write("    held = False")
            test = "held"
        self._write(f"if {test}:")
        self._open[-1].indent += 1

    def maximum(self) -> None:
        self._test(self._stack.pop())
        self._write("return q.top")
        self._open[-1].indent -= 1

    def value(self) -> None:
        value = self._stack.pop()
        self._test(self._stack.pop())
        self._write(f"r = q.rank({value.source}, 0)")
        self._raise_to_r()
        self._open[-1].indent -= 1

    def open_block(self) -> None:
        self._test(self._stack.pop())
        apart = self._open[-1].indent > _LEVELS
        self._blocks.append(apart)
        if apart:
            self._start(f"b{self._next()}")
            return
        if self._uses_groups:
            self._write(f"g{self._open[-1].indent} = q.groups")
        self._write("pass")

    def close_block(self) -> None:
        if self._blocks.pop():
            name = self._open[-1].name
            self._finish()
            self._write(f"r = {name}(get, q, c)")
            self._raise_to_r()
        self._open[-1].indent -= 1

    def _raise_to_r(self) -> None:
        self._write("if r > v:")
        self._write("    if r == q.top: return r")
        self._write("    v = r")


_WRITERS: Mapping[Any, Callable[..., None]] = {
    "text": _Generator.text,
    "integer": _Generator.literal,
    "float": _Generator.literal,
    "attribute": _Generator.attribute,
    "dereference": _Generator.dereference,
    "join": _Generator.join,
    "number": _Generator.number,
    "negate": _Generator.negate,
    "arithmetic": _Generator.arithmetic,
    "compare": _Generator.compare,
    "truth": _Generator.truth,
    "not": _Generator.write_not,
    "all": _Generator.write_all,
    "any": _Generator.write_any,
    "maximum": _Generator.maximum,
    "value": _Generator.value,
    "open": _Generator.open_block,
    "close": _Generator.close_block,
}


def render(shape: str, traced: bool = False) -> tuple[str, tuple[str, ...]]:
    """The source of the module for `shape`, and the attribute names it reaches by index. Raises ShapeError."""
    try:
        return _Generator(load_shape(shape), traced).source()
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ShapeError(f"unusable shape: {type(error).__name__}") from error
