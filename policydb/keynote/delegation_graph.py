"""The delegations around a decision as a drawing: DOT for Graphviz, or Mermaid.

Arrows go from who grants to who is granted. The path of the decision is bold; where it failed it is dashed and red;
what lies beside it is thin, what nobody reached is dotted. Who asks has a double border. Names come from strangers:
they are shortened, and escaped so that they stay names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from grammar.principal import canonical
from policydb.decision import AssertionStatus, Decision, Delegation

Form = Literal["dot", "mermaid"]

_LICENSEES = 8  # licensees drawn of one assertion
_EVERYBODY = "everybody"
_HEAD, _TAIL = 24, 12  # characters kept of a long name
_REASON = 60


@dataclass(frozen=True, slots=True)
class _Dot:
    """A node: `kind` is principal, requester or group."""

    label: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Arrow:
    """An arrow between two nodes by their numbers; `label` may have several lines."""

    start: int
    end: int
    label: str
    style: str


def render(decision: Decision, form: Form) -> str:
    """The drawing's source, several lines without a final newline."""
    drawing = _Drawing(decision)
    return "\n".join(_WRITERS[form](drawing))


class _Drawing:
    """Nodes and arrows, whatever they will be written in."""

    def __init__(self, decision: Decision) -> None:
        self.nodes: list[_Dot] = []
        self.arrows: list[_Arrow] = []
        self._numbers: dict[str, int] = {}
        # Assertions name a key by its canonical form, whoever asks by any: it is one principal.
        asking = tuple(dict.fromkeys(canonical(each) for each in decision.authorizers))
        self._asking = frozenset(asking)
        self._on_path = {each.authorizer for each in decision.around if each.deciding} | self._asking
        self._principal("POLICY")
        for each in decision.around:
            self._delegation(each)
        for name in asking:
            self._principal(name)

    def _principal(self, name: str) -> int:
        if name not in self._numbers:
            kind = "requester" if name in self._asking else "principal"
            self._numbers[name] = self._node(_short(name), kind)
        return self._numbers[name]

    def _node(self, label: str, kind: str) -> int:
        self.nodes.append(_Dot(label, kind))
        return len(self.nodes) - 1

    def _delegation(self, each: Delegation) -> None:
        start = self._principal(each.authorizer)
        label = f"{_short(each.place.source)}:{each.place.line}"
        if each.reason:
            label += f"\n{_printable(each.reason)[:_REASON]}"
        if each.everybody:
            self.arrows.append(_Arrow(start, self._principal(_EVERYBODY), label, _style(each, on_path=True)))
            return
        # Those on the path and those who ask first, so that they are among those drawn.
        named = sorted(each.licensees, key=lambda name: name not in self._on_path)
        if each.needed > 1:
            group = self._node(f"{each.needed} of {len(named)}", "group")
            self.arrows.append(_Arrow(start, group, label, _style(each, on_path=True)))
            start, label = group, ""
        for name in named[:_LICENSEES]:
            style = _style(each, on_path=name in self._on_path)
            self.arrows.append(_Arrow(start, self._principal(name), label, style))
        if len(named) > _LICENSEES:
            rest = self._node(f"{len(named) - _LICENSEES} more", "group")
            self.arrows.append(_Arrow(start, rest, "", "thin"))


def _style(each: Delegation, *, on_path: bool) -> str:
    if each.status is AssertionStatus.UNREACHED:
        return "dotted"
    if not (each.deciding and on_path):
        return "thin"
    return "failed" if each.status is AssertionStatus.FAILED else "bold"


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " if each in "\t\n" else "." for each in text)


def _short(name: str) -> str:
    name = _printable(name)
    return name if len(name) <= _HEAD + _TAIL + 3 else f"{name[:_HEAD]}...{name[-_TAIL:]}"


# --- DOT (graphviz.org/doc/info/lang.html) ------------------------------------------------------------------------

_DOT_STYLES = {
    "bold": "penwidth=3",
    "failed": 'style=dashed, color="#cc0000", fontcolor="#cc0000", penwidth=2',
    "thin": 'color="#666666"',
    "dotted": 'style=dotted, color="#999999"',
}
_DOT_KINDS = {"principal": "shape=box", "requester": "shape=box, peripheries=2", "group": "shape=ellipse"}


def _dot(drawing: _Drawing) -> Iterator[str]:
    yield "digraph delegation {"
    yield "  rankdir=TB;"
    for number, node in enumerate(drawing.nodes):
        yield f"  n{number} [label={_dot_text(node.label)}, {_DOT_KINDS[node.kind]}];"
    for arrow in drawing.arrows:
        label = f"label={_dot_text(arrow.label)}, " if arrow.label else ""
        yield f"  n{arrow.start} -> n{arrow.end} [{label}{_DOT_STYLES[arrow.style]}];"
    yield "}"


def _dot_text(text: str) -> str:
    """A quoted string; a backslash is doubled, for an escString gives meanings to what follows one."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


# --- Mermaid (mermaid.js.org/syntax/flowchart.html) ---------------------------------------------------------------

_MERMAID_ARROWS = {"bold": "==>", "failed": "-.->", "thin": "-->", "dotted": "-.->"}
_MERMAID_STYLES = {"failed": "stroke:#cc0000,stroke-width:2px,color:#cc0000", "dotted": "stroke:#999999"}
_MERMAID_KINDS = {"principal": "[{}]", "requester": "[[{}]]", "group": "([{}])"}
_PLAIN = frozenset(" _.,:/@=+-")


def _mermaid(drawing: _Drawing) -> Iterator[str]:
    yield "flowchart TB"
    for number, node in enumerate(drawing.nodes):
        yield f"  n{number}{_MERMAID_KINDS[node.kind].format(_mermaid_text(node.label))}"
    for arrow in drawing.arrows:
        label = f"|{_mermaid_text(arrow.label)}|" if arrow.label else ""
        yield f"  n{arrow.start} {_MERMAID_ARROWS[arrow.style]}{label} n{arrow.end}"
    for number, arrow in enumerate(drawing.arrows):
        if arrow.style in _MERMAID_STYLES:
            yield f"  linkStyle {number} {_MERMAID_STYLES[arrow.style]}"


def _mermaid_text(text: str) -> str:
    """A quoted label; whatever could be markup is written as its character's number."""
    lines = text.split("\n")
    return '"' + "<br/>".join("".join(map(_mermaid_character, line)) for line in lines) + '"'


def _mermaid_character(character: str) -> str:
    return character if character.isalnum() or character in _PLAIN else f"#{ord(character)};"


_WRITERS: dict[Form, Callable[[_Drawing], Iterator[str]]] = {"dot": _dot, "mermaid": _mermaid}
