"""The commands `log` and `explain --record`: what was negotiated before.

A negotiation comes from the daemon's decision log; asked again, it is the generation of that time that answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from grammar.errors import visible
from policydb.commands.support import NO, YES, Unusable, of_store, shown
from policydb.keynote.shapes import ShapeError
from policydb.negotiation import NegotiationRecord, Outcome, Question
from policydb.records import record_json, record_text
from policydb.records.decisionlog import DecisionLog, LogError
from policydb.request import Request, RequestError
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError

if TYPE_CHECKING:
    from policydb.keynote.session import Session

_HINT = "the daemon writes decisions.db into its state directory; name it with --log FILE"


def listing(path: str, peer: str | None, refused: bool, limit: int, form: str) -> int:
    """Print the newest records, one line each."""
    try:
        with DecisionLog(path, read_only=True) as log:
            records = log.records(limit, peer, Outcome.REFUSED if refused else None)
    except LogError as problem:
        raise Unusable(str(problem), _HINT) from None
    if form == "json":
        click.echo(json.dumps([record_json.to_json(each) for each in records], indent=2))
        return YES
    for each in records:
        with _readable(each.number):
            line = record_text.line(each)
        click.echo(visible(line))
    return YES


def show(number: int, path: str, form: str) -> int:
    """Print one record whole."""
    _print(_record(number, path), form)
    return YES


def explain(number: int, path: str, store: str, form: str) -> int:
    """Ask the generation that a record names again, print the record with today's reasons, and say what differs.

    Exit code 0 if the negotiation was accepted, else 1.
    """
    record = _record(number, path)
    if record.questions:
        try:
            snapshot = open_snapshot(store, record.generation)
        except StoreError as problem:
            hint = f"name the daemon's store with --store FILE; `policydb log {number}` shows the record as it was kept"
            raise Unusable(str(problem), hint) from None
        try:
            oracle = _session(record, snapshot)
            questions = tuple(_asked_again(each, oracle) for each in record.questions)
        except StoreError as problem:
            raise of_store(problem) from None
        except ShapeError as problem:
            raise Unusable(str(problem), "compile again") from None
        for before, now in zip(record.questions, questions, strict=True):
            if before.decision.value != now.decision.value:
                click.echo(
                    f'warning: the daemon was answered "{shown(before.decision.value)}" for {shown(before.proposal)}, '
                    f'now generation {record.generation} answers "{shown(now.decision.value)}"',
                    err=True,
                )
        record = replace(record, questions=questions)
    _print(record, form)
    return YES if record.outcome is Outcome.ACCEPTED else NO


def _session(record: NegotiationRecord, snapshot: Snapshot) -> Snapshot | Session:
    """The generation with what the peer brought along. It was verified then, and the log is the daemon's alone."""
    if not record.credentials:
        return snapshot
    # Imported here: most records need no parser.
    from grammar.errors import GrammarError
    from grammar.keynote import parse_assertion
    from policydb.keynote.conditions import compile_assertion

    learnt = []
    for each in record.credentials:
        try:
            compiled = compile_assertion(parse_assertion(each.text, each.source, signed=True), each.source)
        except GrammarError as problem:
            raise Unusable(f"the record's {shown(each.source)} cannot be read: {problem}") from None
        learnt.append(replace(compiled, place=replace(compiled.place, line=each.line)))
    return snapshot.session(learnt)


def _asked_again(question: Question, oracle: Snapshot | Session) -> Question:
    try:
        request = Request(question.authorizers, question.attributes)
    except RequestError as problem:
        raise Unusable(f"the record's question cannot be asked: {problem}") from None
    return replace(question, decision=oracle.explain(request))


def _record(number: int, path: str) -> NegotiationRecord:
    try:
        with DecisionLog(path, read_only=True) as log:
            return log.record(number)
    except LogError as problem:
        raise Unusable(str(problem), _HINT) from None


def _print(record: NegotiationRecord, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(record_json.to_json(record), indent=2))
    else:
        with _readable(record.number):
            told = record_text.text(record)
        click.echo("\n".join(map(visible, told.split("\n"))))


@contextmanager
def _readable(number: int) -> Iterator[None]:
    """What cannot be laid out in words is no record that isakmpd wrote."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        raise Unusable(f"record {number} is damaged: {type(problem).__name__}", _HINT) from problem
