"""Batch queries: one JSON object a line in, one a line out, in the same order (DESIGN 4.2).

In:  any of `id, policies, files, credentials, attributes, authorizers, values, accept_weak_signatures`; strings hold
     octets as latin-1.
Out: `{"id", "value", "assertions": [{"source", "line", "status", "reason"}], "errors": [...]}`.

A query without policies and files is answered by the store, or by an empty policy where there is no store: then
`errors` says so. A query that is itself in error, and a line that cannot be read, have the value null and say why in
`errors`; the next line is answered all the same. Empty lines are skipped.

Weak signatures of credentials (policydb.keynote.credentials) count in a query that brings its own policy along, which
is its caller's test data; in one that the store answers, only where caller or configuration accepts them; and where
`accept_weak_signatures` is given, that says (docs/decisions/0006-weak-signatures.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from policydb.decision import AssertionReport
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.explain import assess
from policydb.keynote.shapes import ShapeError
from policydb.request import DEFAULT_VALUES, Request, RequestError
from policydb.storage.snapshot import Snapshot
from policydb.storage.storefile import StoreError


class BatchError(ValueError):
    """A line that is no query."""


@dataclass(frozen=True, slots=True)
class Query:
    """One line, checked. Each text in `policies` is one assertion, each in `files` may hold several."""

    policies: tuple[str, ...]
    files: tuple[str, ...]
    credentials: tuple[str, ...]
    request: Request
    accept_weak: bool | None = None


Source = Callable[[], Snapshot | None]
"""The store; None: there is none. It may raise StoreError."""


MOST_IN_LINE = 16 * 2**20
"""Octets of a query; a longer line is answered by an error."""

MOST_PASSED_OVER = 256 * 2**20
"""Octets of a line whose end is looked for, so that a file without an end has one."""


def lines_of(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file as they come, None for one that is too long. Raises BatchError where one has no end."""
    number = 0
    while line := file.readline(MOST_IN_LINE + 1):
        number += 1
        if len(line) <= MOST_IN_LINE:
            yield line
            continue
        passed = len(line)
        while line and not line.endswith(b"\n"):
            line = file.readline(MOST_IN_LINE)
            passed += len(line)
            if passed > MOST_PASSED_OVER:
                raise BatchError(f"line {number} has more than {MOST_PASSED_OVER:,} octets: these are no queries")
        yield None


def answers(lines: Iterable[bytes | None], store: Source, *, accept_weak: bool = False) -> Iterator[dict[str, Any]]:
    """The answers, each made when it is asked for. `store` is called for queries that bring no policy along.

    What it raises is the answer to that query. `accept_weak` is for those queries too.
    """
    for number, line in enumerate(lines, start=1):
        if line is None:
            problem = f"line {number}: it has more than {MOST_IN_LINE:,} octets"
            yield {"id": None, **_told(None, (), [problem])}
        elif line.strip():
            yield _answer(line, number, store, accept_weak)


def as_line(answer: dict[str, Any]) -> str:
    """An answer as JSON; of an `id` that is nested too deep for that, nothing."""
    try:
        return json.dumps(answer)
    except RecursionError:
        return json.dumps({**answer, "id": None})


def _answer(line: bytes, number: int, store: Source, accept_weak: bool) -> dict[str, Any]:
    identity: Any = None
    try:
        given = _object(line)
        identity = given.get("id")
        query = _query(given)
        if query.policies or query.files:
            return {"id": identity, **_told(*_of_its_own(query), [])}
        snapshot = store()
        if snapshot is None:
            missing = f"line {number}: neither policies nor files, and no store: asked of an empty policy"
            return {"id": identity, **_told(*_of_its_own(query), [missing])}
        return {"id": identity, **_told(*_of_store(query, snapshot, accept_weak), [])}
    except (BatchError, RequestError, StoreError, ShapeError) as problem:
        return {"id": identity, **_told(None, (), [f"line {number}: {problem}"])}
    except (RecursionError, MemoryError) as problem:
        return {"id": identity, **_told(None, (), [f"line {number}: it takes more than we have: {problem!r}"])}


def _of_its_own(query: Query) -> tuple[str, Sequence[AssertionReport]]:
    """The value and each assertion's part, of what the query brings along."""
    assembly = assemble(
        _named("policies", query.policies),
        _named("files", query.files),
        _named("credentials", query.credentials),
        accept_weak=query.accept_weak is not False,
    )
    return assess(assembly.graph(), query.request)


def _of_store(query: Query, snapshot: Snapshot, accept_weak: bool) -> tuple[str, Sequence[AssertionReport]]:
    """The same of a store and the query's credentials."""
    credentials = _named("credentials", query.credentials)
    if not credentials:
        return assess(snapshot, query.request, snapshot.checker)
    if query.accept_weak is not None:
        accept_weak = query.accept_weak
    elif not accept_weak:
        accept_weak = snapshot.configuration.general.accept_weak_signatures
    return assess(assemble(credentials=credentials, accept_weak=accept_weak).over(snapshot), query.request)


def _named(key: str, texts: Sequence[str]) -> list[Text]:
    return [Text(f"{key}[{index}]", text) for index, text in enumerate(texts)]


def _told(value: str | None, assertions: Sequence[AssertionReport], errors: list[str]) -> dict[str, Any]:
    reports = [
        {"source": each.place.source, "line": each.place.line, "status": each.status.value, "reason": each.reason}
        for each in assertions
    ]
    return {"value": value, "assertions": reports, "errors": errors}


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise BatchError(f"not JSON: {problem}") from problem
    if not isinstance(value, dict):
        raise BatchError("not a JSON object")
    return value


def _query(given: dict[str, Any]) -> Query:
    attributes: dict[str, str] = {}
    for pair in _list(given, "attributes"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise BatchError('"attributes" is a list of [name, value] pairs')
        name, value = _texts(pair, "attributes")
        attributes[name] = value
    values = _texts(_list(given, "values"), "values") if "values" in given else DEFAULT_VALUES
    accept_weak = given.get("accept_weak_signatures")
    if accept_weak is not None and not isinstance(accept_weak, bool):
        raise BatchError('"accept_weak_signatures" is true or false')
    return Query(
        policies=_texts(_list(given, "policies"), "policies"),
        files=_texts(_list(given, "files"), "files"),
        credentials=_texts(_list(given, "credentials"), "credentials"),
        request=Request(_texts(_list(given, "authorizers"), "authorizers"), attributes, values),
        accept_weak=accept_weak,
    )


def _list(given: dict[str, Any], key: str) -> list[Any]:
    value = given.get(key, [])
    if not isinstance(value, list):
        raise BatchError(f'"{key}" is a list')
    return value


def _texts(values: Sequence[Any], key: str) -> tuple[str, ...]:
    for each in values:
        if not isinstance(each, str):
            raise BatchError(f'"{key}" holds strings, not {json.dumps(each)}')
        if not each.isascii() and max(each) > "\xff":
            raise BatchError(f'"{key}" holds a character above U+00FF: a character stands for one octet')
    return tuple(values)
