"""Nodes as short prefix notation, so that a test can show a whole tree in one line."""

from grammar.nodes import (
    AllOf,
    AnyOf,
    Arithmetic,
    Attribute,
    Clause,
    Comparison,
    Concatenation,
    Dereference,
    Every,
    Licensees,
    Negation,
    Nobody,
    Not,
    NumberExpr,
    NumberKind,
    NumberLiteral,
    NumberOf,
    Operand,
    Principal,
    Program,
    Some,
    StringLiteral,
    Test,
    Threshold,
    Truth,
)


def operand(node: Operand) -> str:
    """Strings: "text", name, $x, (. a b), or a number."""
    match node:
        case StringLiteral(_, value):
            return f'"{value}"'
        case Attribute(_, name):
            return name
        case Dereference(_, inner):
            return f"${operand(inner)}"
        case Concatenation(_, operands):
            return f"(. {' '.join(operand(each) for each in operands)})"
        case _:
            return number(node)


def number(node: NumberExpr) -> str:
    """(+ 1 2), -1, @x, &x; float literals carry an f."""
    match node:
        case NumberLiteral(_, kind, text):
            return text if kind is NumberKind.INTEGER else f"{text}f"
        case NumberOf(_, kind, inner):
            return f"{'@' if kind is NumberKind.INTEGER else '&'}{operand(inner)}"
        case Negation(_, _, inner):
            return f"-{number(inner)}"
        case Arithmetic(_, _, operator, left, right):
            return f"({operator} {number(left)} {number(right)})"


def condition(node: Test) -> str:
    """(and a b), (or a b), !a, (== a b), true."""
    match node:
        case Truth(_, value):
            return str(value).lower()
        case Not(_, inner):
            return f"!{condition(inner)}"
        case AllOf(_, operands):
            return f"(and {' '.join(condition(each) for each in operands)})"
        case AnyOf(_, operands):
            return f"(or {' '.join(condition(each) for each in operands)})"
        case Comparison(_, _, operator, left, right):
            return f"({operator} {operand(left)} {operand(right)})"


def program(node: Program) -> str:
    """Clauses in a row, each with its semicolon."""
    return " ".join(_clause(each) for each in node.clauses)


def _clause(node: Clause) -> str:
    if node.result is None:
        return f"{condition(node.test)};"
    result = f"{{{program(node.result)}}}" if isinstance(node.result, Program) else operand(node.result)
    return f"{condition(node.test)} -> {result};"


def licensees(node: Licensees) -> str:
    """(and a b), (or a b), (2 a b c); nobody."""
    match node:
        case Principal(_, name):
            return name
        case Every(_, operands):
            return f"(and {' '.join(licensees(each) for each in operands)})"
        case Some(_, operands):
            return f"(or {' '.join(licensees(each) for each in operands)})"
        case Threshold(_, k, members):
            return f"({k} {' '.join(licensees(each) for each in members)})"
        case Nobody():
            return "nobody"
