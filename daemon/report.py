"""FIFO `S` and the report of SIGUSR1 and FIFO `r`, as text in the original's format (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from daemon.ike.events import Endpoint, EngineReport, ExchangeReport, SaReport
from daemon.recorder import Tally
from grammar.nodes import Binding
from policydb.connections import Connection

_TRANSFORM_LINES = (
    "Encryption key length",
    "Authentication key length",
    "Encryption algorithm",
    "Authentication algorithm",
)
"""The original's order, whatever order the core has."""


def sa_text(sas: Iterable[SaReport]) -> str:
    """What FIFO `S` writes: a block of lines per SA, each followed by an empty line."""
    return "".join(f"{line}\n" for sa in sas for line in (*_sa_lines(sa), ""))


def report_lines(
    report: EngineReport,
    endpoints: Sequence[Endpoint],
    connections: Iterable[Connection],
    bindings: Sequence[Binding],
    records: Tally,
) -> Iterator[str]:
    """SA list, exchange list, transports, connection list, timers, decision log, configuration; never a key."""
    yield f"SA list: {len(report.sas)}"
    yield from sa_text(report.sas).splitlines()
    yield f"Exchange list: {len(report.exchanges)}"
    yield from map(_exchange_line, report.exchanges)
    yield f"Transports: {len(endpoints)}"
    yield from (f"udp {endpoint}" for endpoint in endpoints)
    yield "Connections:"
    yield from map(_connection_line, connections)
    yield f"Timers: {report.timers}"
    trouble = f": {records.problem}" if records.problem else ""
    yield f"Decision log: {records.written} written, {records.waiting} waiting, {records.lost} lost{trouble}"
    yield f"Configuration: generation {report.generation}"
    by_section = sorted(bindings, key=lambda each: each.section.lower())
    for _, group in groupby(by_section, key=lambda each: each.section.lower()):
        members = list(group)
        yield f"[{members[0].section}]"
        yield from (f"{each.tag}=\t{each.value}" for each in members)
    for name, tags in report.dynamic:
        yield f"[{name}]"
        yield from (f"{tag}=\t{value}" for tag, value in tags)


def _sa_lines(sa: SaReport) -> Iterator[str]:
    kind = f"Phase 1/{sa.role.capitalize()}" if sa.phase == 1 else "Phase 2"
    yield f"SA name: {sa.name or '<none>'} ({kind})"
    yield f"src: {sa.source} dst: {sa.destination}"
    if sa.lifetime_seconds is not None:
        yield f"Lifetime: {sa.lifetime_seconds} seconds"
    if sa.soft_timeout is not None:
        yield f"Soft timeout in {sa.soft_timeout} seconds"
    if sa.hard_timeout is not None:
        yield f"Hard timeout in {sa.hard_timeout} seconds"
    if sa.lifetime_kilobytes is not None:
        yield f"Lifetime: {sa.lifetime_kilobytes} kilobytes"
    yield f"Flags 0x{sa.flags:08x}"
    if sa.phase == 1:
        yield f"icookie {sa.initiator_cookie} rcookie {sa.responder_cookie}"
        if sa.user:
            yield f"XAUTH user: {sa.user}"
        yield from (f"mode-config {name}: {value}" for name, value in sa.received)
        return
    yield from (f"SPI {number}: {spi}" for number, spi in enumerate(sa.spis))
    yield f"Transform: IPsec {sa.protocol}"
    yield from (f"{label}: {value}" for label, value in sorted(sa.transform, key=_place))


def _place(line: tuple[str, str]) -> int:
    return _TRANSFORM_LINES.index(line[0]) if line[0] in _TRANSFORM_LINES else len(_TRANSFORM_LINES)


def _exchange_line(exchange: ExchangeReport) -> str:
    return (
        f"{exchange.name or '<none>'}: {exchange.type} {exchange.role} step {exchange.step} with {exchange.peer} "
        f"msgid {exchange.message_id} expires in {exchange.expires_in} seconds"
    )


def _connection_line(connection: Connection) -> str:
    selectors = (
        f" {connection.local_identity} -> {connection.remote_identity}"
        if connection.local_identity
        else " host to host"
    )
    way = " ".join(word for word, there in (("active", connection.initiates), ("passive", connection.answers)) if there)
    return f"{connection.name}: peer {connection.peer},{selectors}, {way or 'on demand'}"
