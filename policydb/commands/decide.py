"""The commands `query` and `explain`: a question as typed -> a graph and a request -> the value, or the value and why.

The parser is imported only where a policy or a credential file is to be read: a question to the store needs none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, BinaryIO, cast

import click

from policydb.commands.support import (
    NO,
    YES,
    Ask,
    Unusable,
    decoded,
    default_store,
    names_store,
    octets,
    of_store,
    read_text,
    show_findings,
    shown,
    unreadable,
)
from policydb.decision import to_json
from policydb.graph import Graph
from policydb.keynote.checker import decide
from policydb.keynote.shapes import ShapeError
from policydb.request import Request, RequestError
from policydb.secrecy import PREFIX, digests
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError

if TYPE_CHECKING:
    from policydb.keynote.assemble import Assembly

_GZIP = b"\x1f\x8b"  # how a file of gzip begins (RFC 1952 section 2.3.1)


def query(ask: Ask, form: str) -> int:
    """Print the compliance value alone; as JSON, the whole decision."""
    if form == "json":
        return explain(ask, form)
    with question(ask) as (graph, request):
        value = graph.decide(request) if isinstance(graph, Snapshot) else decide(graph, request)
    click.echo(shown(value))
    return YES if value == request.values[-1] else NO


def explain(ask: Ask, form: str) -> int:
    """Print the decision and its reasons."""
    from policydb.attributes import VOCABULARY
    from policydb.keynote.explain import explain as reasons
    from policydb.records import decision_text

    with question(ask) as (graph, request):
        begun = perf_counter_ns()
        decision = graph.explain(request) if isinstance(graph, Snapshot) else reasons(graph, request)
        decision = replace(decision, elapsed_us=(perf_counter_ns() - begun) // 1000)
    if form == "json":
        click.echo(json.dumps(to_json(decision), indent=2))
    elif form != "text":
        from policydb.keynote import delegation_graph

        click.echo(decoded(delegation_graph.render(decision, "dot" if form == "dot" else "mermaid")))
    else:
        click.echo(decoded(decision_text.render(decision, VOCABULARY, colour=True)))
    return YES if decision.allowed else NO


def query_batch(path: str, store: str | None, accept_weak: bool) -> int:
    """Answer a file of queries, a line at a time, so that a program can write one and read its answer.

    A `store` that is named has to be there.
    """
    from policydb.commands.batch import answers, as_line

    with ExitStack() as closing:
        opened: list[Snapshot] = []

        def snapshot() -> Snapshot | None:
            if not opened:
                place = default_store(store)
                if store is None and not names_store() and not Path(place).exists():
                    return None
                opened.append(closing.enter_context(open_snapshot(place)))
            return opened[0]

        for answer in answers(_lines(path), snapshot, accept_weak=accept_weak):
            click.echo(as_line(answer))
    return YES


def _lines(path: str) -> Iterator[bytes | None]:
    """The lines of a file, or of standard input as they come; a file may be compressed by gzip."""
    from policydb.commands.batch import BatchError, lines_of

    try:
        if path == "-":
            yield from lines_of(sys.stdin.buffer)
            return
        with Path(path).open("rb") as file:
            if file.peek(2)[:2] == _GZIP:
                yield from _unpacked(file, path)
            else:
                yield from lines_of(file)
    except OSError as problem:
        raise unreadable(path, problem) from None
    except BatchError as problem:
        raise Unusable(f"{path}: {problem}", "one query a line: `policydb query --help` shows one") from None


def _unpacked(file: BinaryIO, path: str) -> Iterator[bytes | None]:
    import gzip  # rare, and slow to load
    import zlib

    from policydb.commands.batch import lines_of

    try:
        yield from lines_of(cast("BinaryIO", gzip.GzipFile(fileobj=file)))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Unusable(f"{path}: the compressed file is damaged") from None


@contextmanager
def question(ask: Ask) -> Iterator[tuple[Graph, Request]]:
    """The graph and the request, the store open meanwhile. Raises Unusable for whatever cannot be asked."""
    with ExitStack() as closing:
        try:
            request = Request(_authorizers(ask.authorizers), ask.attributes, ask.values)
            below: Graph | None = None
            if ask.store is not None or not ask.policies:
                below = closing.enter_context(open_snapshot(default_store(ask.store)))
            yield _graph(ask, below), request
        except RequestError as problem:
            hint = (
                "--authorizer NAME says who asks" if not ask.authorizers else "`policydb query --help` shows examples"
            )
            raise Unusable(str(problem), hint) from None
        except StoreError as problem:
            raise of_store(problem, "--policy FILE asks a policy file without a store") from None
        except ShapeError as problem:
            raise Unusable(str(problem), "compile again") from None


def _authorizers(typed: Iterable[str]) -> tuple[str, ...]:
    """Who asks; a passphrase asks by its digests too, as it does in a negotiation (isakmpd.policy(5))."""
    asking: dict[str, None] = {}
    for each in map(octets, typed):
        asking[each] = None
        if each.startswith(PREFIX):
            asking.update(dict.fromkeys(digests(each.removeprefix(PREFIX))))
    return tuple(asking)


def _graph(ask: Ask, below: Graph | None) -> Graph:
    """What the files say, on top of the store if that is asked too."""
    if below is not None and not (ask.policies or ask.credentials):
        return below
    from grammar.errors import Severity
    from policydb.keynote.assemble import Assembly, Text

    if [*ask.policies, *ask.credentials].count("-") > 1:
        raise click.UsageError("- stands for standard input, which can be read only once")
    assembly = Assembly(ask.accept_weak or (isinstance(below, Snapshot) and _accepts_weak(ask, below)))
    texts = {path: read_text(path) for path in ask.policies}
    for path, text in texts.items():
        assembly.add_file(Text(path, text))
    errors = [each for each in assembly.diagnostics if each.severity is Severity.ERROR]
    if errors:
        show_findings(errors, texts)
        raise Unusable(
            f"{', '.join(texts)}: cannot be asked", f"{len(errors)} to mend; `policydb check` shows warnings too"
        )
    for path in ask.credentials:
        _add_credentials(assembly, path)
    return assembly.graph() if below is None else assembly.over(below)


def _accepts_weak(ask: Ask, store: Snapshot) -> bool:
    """What the store's configuration says of weak signatures; without credentials nobody needs to know."""
    return bool(ask.credentials) and store.configuration.general.accept_weak_signatures


def _add_credentials(assembly: Assembly, path: str) -> None:
    """The assertions of a file, each for itself; what does not count is said and left out (RFC 2704, 4.6.7)."""
    from policydb.keynote.assemble import Text

    before = len(assembly.ignored)
    assembly.add_credential(Text(path, read_text(path)))
    for each in assembly.ignored[before:]:
        click.echo(f"{each.place}: warning: this credential does not count: {shown(each.reason)}", err=True)
