"""The reader of the store: one immutable generation, whose rows are fetched and decoded when a question reaches them.

It needs the standard library's sqlite3 and nothing that parses, writes or talks to the kernel. A snapshot stays on its
generation while newer ones are published, for rows are never changed (policydb.storage.schema).
"""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from policydb.collecting import uncollected
from policydb.decision import AssertionReport, Decision
from policydb.graph import CompiledAssertion
from policydb.keynote.checker import Checker
from policydb.request import Request
from policydb.secrecy import seal
from policydb.storage.rows import Row, decode, number_of, text_of
from policydb.storage.storefile import Patience, StoreError, connect_read_only, explained, require_generation

if TYPE_CHECKING:  # a question about policy alone needs neither, and they are slow to load
    from grammar.nodes import Binding
    from policydb.connections import Address, Configuration, Identity
    from policydb.keynote.session import Session
    from policydb.storage.decoding import Decoder
    from policydb.storage.records import Row as RecordRow

_CACHE = 65_536  # KiB of the file that SQLite may keep in memory, once they were read

# CROSS JOIN keeps SQLite to this order of look-ups, statistics or none: from the principal outward, never over a table.
_FOUND = "SELECT assertion.id, source.name, source_stretch.line + appearance.line, generation_source.position"
_IN_GENERATION = (
    " CROSS JOIN appearance ON appearance.assertion = assertion.id"
    " CROSS JOIN generation_source ON generation_source.generation = :generation"
    " CROSS JOIN source_stretch ON source_stretch.stretch = appearance.stretch"
    " AND source_stretch.source = generation_source.source"
    " CROSS JOIN source ON source.id = generation_source.source"
)
# Where assertions stand is asked first, what they hold only of those that are not known yet: an assertion of a
# thousand licensees is found a thousand times and decoded once.
LICENSING = "".join(
    (
        _FOUND,
        " FROM principal AS wanted CROSS JOIN licensee ON licensee.principal = wanted.id",
        " CROSS JOIN assertion ON assertion.id = licensee.assertion",
        _IN_GENERATION,
        " WHERE wanted.name = :principal",
    )
)
AUTHORIZED = "".join(
    (
        _FOUND,
        " FROM principal AS wanted CROSS JOIN assertion INDEXED BY assertion_authorizer",
        " ON assertion.authorizer = wanted.id",
        _IN_GENERATION,
        " WHERE wanted.name = :principal LIMIT :limit",
    )
)
OPEN_TO_ALL = "".join(
    (
        _FOUND,
        " FROM assertion INDEXED BY assertion_open_to_all",
        _IN_GENERATION,
        " WHERE assertion.licensees IS NULL",
    )
)
ASSERTION = (
    "SELECT assertion.digest, author.name, assertion.licensees, shape.text, assertion.constants, assertion.spans,"
    " assertion.local_constants, assertion.text FROM assertion"
    " CROSS JOIN principal AS author ON author.id = assertion.authorizer"
    " LEFT JOIN shape ON shape.id = assertion.shape"
    " WHERE assertion.id = :assertion"
)
_IDENTITY = (
    "SELECT number, published, source.name, source.digest, format FROM generation"
    " CROSS JOIN generation_source ON generation = number CROSS JOIN source ON source.id = source"
    " WHERE number = :generation ORDER BY position"
)
SECTIONS = (
    "SELECT source.name, source_part.line, section.line, section.name, section.joined, section.lines, section.body"
    " FROM generation_source CROSS JOIN source ON source.id = generation_source.source"
    " CROSS JOIN source_part ON source_part.source = generation_source.source"
    " CROSS JOIN section ON section.stretch = source_part.stretch"
    " WHERE generation_source.generation = :generation"
    " ORDER BY generation_source.position, source_part.position, section.position"
)
# What was published before configurations were kept in parts.
BINDINGS = (
    "SELECT source.name, binding.line, binding.section, binding.tag, binding.value FROM generation_source"
    " CROSS JOIN source ON source.id = generation_source.source"
    " CROSS JOIN binding ON binding.source = generation_source.source"
    " WHERE generation_source.generation = :generation ORDER BY generation_source.position, binding.line"
)


class Snapshot:
    """One generation: a delegation graph (policydb.graph.Graph) and an oracle (daemon.ike.surroundings.Oracle).

    Made by open_snapshot(). Threads may share it: they take turns at the file, and decide side by side. Every method
    may raise StoreError where the file fails under it.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, generation: int, *, has_lines: bool = True) -> None:
        """`has_lines`: what the lines of isakmpd.conf said is there, beside what they were resolved to."""
        self._connection = connection
        self._has_lines = has_lines
        # Of itself a connection waits for the garbage collector, with its file open and its lock held.
        weakref.finalize(self, connection.close)
        self._path = path
        self._generation = generation
        self._turn = Lock()
        self._patience = Patience(connection)
        self._decoded: dict[tuple[int, str, int], CompiledAssertion] = {}
        self._checker: Checker | None = None
        self._configuration: Configuration | None = None
        self._decoder: Decoder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was not decoded yet cannot be asked any more."""
        with self._turn:
            self._connection.close()

    @property
    def generation(self) -> int:
        """The generation that answers."""
        return self._generation

    def is_of(self, other: Snapshot) -> bool:
        """Whether both are the same generation of the same files, though the store may have been made anew."""
        return self._identity() == other._identity()

    def _identity(self) -> list[Row]:
        return self.rows(_IDENTITY, {"generation": self._generation})

    @property
    def configuration(self) -> Configuration:
        """What the generation's isakmpd.conf and ipsec.conf files came to when they were compiled."""
        if self._configuration is None:
            # Imported here: a question about policy alone needs no configuration.
            from policydb.storage.configurations import ALL
            from policydb.storage.decoding import Decoder
            from policydb.storage.records import FORMAT

            self._decoder = self._decoder or Decoder()
            with uncollected(), explained(self._path):
                rows = self.rows(ALL, {"generation": self._generation, "format": FORMAT})
                self._configuration = self._decoder.configuration(rows) if rows else self._resolved()
        return self._configuration

    def follow(self, before: Snapshot) -> None:
        """Take over what a snapshot has decoded that this one takes the place of; nobody asks that one any more."""
        self._decoder = before._decoder

    @property
    def has_records(self) -> bool:
        """Whether the configuration is kept as it was resolved, in the way that this program knows."""
        from policydb.storage.records import SHARED

        return bool(self._records([SHARED]))

    def _resolved(self) -> Configuration:
        """The configuration of a generation that was published before records were kept, or that keeps other ones."""
        from grammar.errors import visible
        from policydb.configuration.config import resolve_published

        found = resolve_published(self.bindings())
        if found.errors:
            message = (
                f"{self._path}: generation {self._generation} holds a configuration that this version of the"
                f" program refuses ({visible(found.errors[0].message)})"
            )
            raise StoreError(message, "compile it again")
        return found.configuration

    def around(self, address: Address, remote: Identity | None) -> Configuration:
        """As much of the configuration as a negotiation from an address may concern, for traffic to `remote` if any.

        These are the peers that [Phase 1] names for the address or as Default, those that have it, all connections of
        these, and the connections of other peers for the same traffic.
        """
        if self._configuration is not None:
            return self._configuration
        from policydb.storage.decoding import configuration_of
        from policydb.storage.records import CONNECTION, DEFAULT_PEER, SHARED, from_address, of_peer, to_identity

        found = self._records([SHARED, from_address(address), DEFAULT_PEER])
        if not found:
            return self.configuration
        with explained(self._path):
            peers = configuration_of(found).peers
        keys = [of_peer(name) for name in peers] + ([to_identity(remote)] if remote is not None else [])
        connections = self._records(keys)
        with explained(self._path):
            return configuration_of([*found, *(row for row in connections if row[0] == CONNECTION)])

    def _records(self, keys: Iterable[str]) -> list[RecordRow]:
        """The records of the configuration that have one of these keys, in its order."""
        from policydb.storage.configurations import FOUND
        from policydb.storage.records import FORMAT

        parameters = {"generation": self._generation, "format": FORMAT}
        rows = {tuple(row) for key in keys for row in self.rows(FOUND, {**parameters, "key": key})}
        return [(kind, body, offer) for kind, body, offer, _, _ in sorted(rows, key=lambda row: row[3:])]

    def bindings(self) -> list[tuple[str, Binding]]:
        """The bindings of isakmpd.conf, each with its source's name; spans know the line only. Raises StoreError."""
        if not self._has_lines:
            raise StoreError(f"{self._path} holds no lines of isakmpd.conf", "ask the store that it was made of")
        # Imported here: a question about policy alone needs no configuration.
        from policydb.storage.section_rows import binding_of, pieces_of, put_together

        parameters = {"generation": self._generation}
        written, sections = self.rows(BINDINGS, parameters), self.rows(SECTIONS, parameters)
        with explained(self._path):
            places = [
                (text_of(source), binding_of(number_of(line), line, *map(text_of, words)))
                for source, line, *words in written
            ]
            pieces = (
                each for source, start, *row in sections for each in pieces_of(text_of(source), start, tuple(row))
            )
            return [*places, *put_together(pieces)]

    def rows(self, query: str, parameters: Mapping[str, int | str]) -> list[Row]:
        """What a query over the store's tables (policydb.storage.schema) finds; for whoever copies a generation."""
        with self._asking():
            return self._patience.rows(query, parameters)

    def copied(self, into: bytes, queries: Mapping[str, str]) -> bytes:
        """A database of the tables in `into`, each with what its query finds in the store for this generation."""
        with self._asking():
            connection = self._connection
            (sealed,) = connection.execute("PRAGMA query_only").fetchone()
            connection.execute("PRAGMA query_only = OFF")
            connection.execute("ATTACH ':memory:' AS copy")
            try:
                connection.deserialize(into, name="copy")
                connection.execute("BEGIN")  # one state of the store
                for table, query in queries.items():
                    self._patience.begin()
                    # In the query, names without a database in front are the store's.
                    connection.execute(f"INSERT INTO copy.{table} {query}", {"generation": self._generation})
                connection.execute("COMMIT")
                return connection.serialize(name="copy")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                connection.execute("DETACH copy")
                connection.execute(f"PRAGMA query_only = {sealed}")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """One question to the file at a time; what is wrong with it is a StoreError."""
        with explained(self._path), self._turn:
            self._patience.begin()
            yield

    # --- the graph ------------------------------------------------------------------------------------------------

    def requesters(self, authorizers: tuple[str, ...]) -> tuple[str, ...]:
        """Those who ask: passphrases by the digests that the store has of them, each requester once."""
        return tuple(dict.fromkeys([seal(each) for each in authorizers]))

    def licensing(self, principal: str) -> Sequence[CompiledAssertion]:
        """Assertions whose Licensees field names the canonical principal, in the order of the sources."""
        return self._assertions(LICENSING, principal)

    def open_to_all(self) -> Sequence[CompiledAssertion]:
        """Assertions without a Licensees field, in the order of the sources."""
        return self._assertions(OPEN_TO_ALL)

    def authorized_by(self, principal: str, limit: int | None = None) -> Sequence[CompiledAssertion]:
        """Assertions whose Authorizer is the canonical principal, in the order of the sources; some, up to `limit`."""
        return self._assertions(AUTHORIZED, principal, -1 if limit is None else limit)

    def ignored(self) -> Sequence[AssertionReport]:
        """Nothing: one assertion that cannot be used keeps a whole generation from being published."""
        return ()

    def _assertions(self, query: str, principal: str = "", limit: int = -1) -> list[CompiledAssertion]:
        parameters = {"generation": self._generation, "principal": principal, "limit": limit}
        with self._asking():
            places = self._patience.rows(query, parameters)
            if len(places) > 1:
                places.sort(key=lambda row: (row[3], row[2]))
            return [self._assertion(number, source, line) for number, source, line, _ in places]

    def _assertion(self, number: int, source: str, line: int) -> CompiledAssertion:
        """One assertion in one of its places; whoever asks has the turn."""
        known = self._decoded.get((number, source, line))
        if known is None:
            row = self._connection.execute(ASSERTION, {"assertion": number}).fetchone()
            known = self._decoded[number, source, line] = decode(text_of(source), number_of(line), row)
        return known

    # --- the oracle -----------------------------------------------------------------------------------------------

    def decide(self, request: Request) -> str:
        """The compliance value of the request. Raises RequestError."""
        return (self._checker or self.checker).decide(request)

    def allows(self, request: Request) -> bool:
        """Whether policy answers _MAX_TRUST."""
        return self.decide(request) == request.values[-1]

    def explain(self, request: Request) -> Decision:
        """The same answer with its reasons and, on a refusal, the nearest changes."""
        # Imported here: a bare decision gives no reasons.
        from policydb.keynote.explain import explain

        return explain(self, request, self.checker)

    def delegates_to(self, principal: str) -> bool:
        """Whether POLICY, through whatever assertions and conditions, names a canonical principal."""
        # Imported here, as session() below: a question on the command line has neither.
        from policydb.keynote.session import delegates

        return delegates(self, principal)

    def session(self, assertions: Sequence[CompiledAssertion]) -> Snapshot | Session:
        """An oracle of this generation with the assertions of one session on top."""
        from policydb.keynote.session import Session

        return Session(self, assertions) if assertions else self

    @property
    def checker(self) -> Checker:
        """The checker over this snapshot; it remembers what it has decoded."""
        if self._checker is None:
            # Two threads that come first at once make two; both answer alike, and one stays.
            self._checker = Checker(self)
        return self._checker


def open_snapshot(path: str | Path, generation: int | None = None) -> Snapshot:
    """The store's latest generation, or the one asked for. Raises StoreError."""
    path = Path(path)
    with explained(path):
        connection = connect_read_only(path)
        try:
            connection.execute(f"PRAGMA cache_size = -{_CACHE}")
            number = _number(connection, path, generation)
        except BaseException:
            connection.close()
            raise
        return Snapshot(connection, path, number)


def _number(connection: sqlite3.Connection, path: Path, wanted: int | None) -> int:
    if wanted is None:
        (latest,) = connection.execute("SELECT max(number) FROM generation").fetchone()
        if latest is None:
            raise StoreError(f"{path} holds no generation yet", "policydb compile PATH... publishes the first one")
        return number_of(latest)
    require_generation(connection, path, wanted)
    return wanted
