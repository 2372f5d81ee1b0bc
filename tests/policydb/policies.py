"""Policies for tests: texts in, graphs and answers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policydb.decision import Decision
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.keynote.memory import MemoryGraph
from policydb.request import DEFAULT_VALUES, Request


def graph(*texts: str) -> MemoryGraph:
    """A graph of trusted assertions, one text each; all of them have to parse."""
    assembly = assemble(policies=[Text(f"policy {number}", text) for number, text in enumerate(texts, start=1)])
    assert not assembly.ignored, assembly.ignored
    return assembly.graph()


def decided(
    texts: Sequence[str],
    authorizers: Sequence[str],
    attributes: Mapping[str, str] | None = None,
    values: Sequence[str] = DEFAULT_VALUES,
) -> str:
    """The compliance value."""
    return Checker(graph(*texts)).decide(Request(tuple(authorizers), attributes or {}, tuple(values)))


def worth(conditions: str, attributes: Mapping[str, str] | None = None, values: Sequence[str] = DEFAULT_VALUES) -> str:
    """What a Conditions field is worth, by the answer to a requester whom POLICY licenses under it."""
    return decided([f'Authorizer: "POLICY"\nLicensees: "A"\nConditions: {conditions}\n'], ["A"], attributes, values)


def holds(test: str, attributes: Mapping[str, str] | None = None) -> bool:
    """Whether a test is true."""
    return worth(f"{test};", attributes) == "true"


def explained(
    texts: Sequence[str],
    authorizers: Sequence[str],
    attributes: Mapping[str, str] | None = None,
    values: Sequence[str] = DEFAULT_VALUES,
) -> Decision:
    """The decision with its reasons."""
    return explain(graph(*texts), Request(tuple(authorizers), attributes or {}, tuple(values)))
