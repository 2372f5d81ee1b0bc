"""Accounts for every statement of an imported configuration, so that none is dropped silently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from grammar.nodes import Span, Statement

_LONGEST_PATH = 200  # characters; deeper nesting is no configuration, and shall not cost memory


class Outcome(StrEnum):
    """What became of a statement. Only LEFT is a loss."""

    CARRIED = "carried"
    NEEDLESS = "not needed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement's fate. `setting` is its path, without its value, which may be secret; `reason` "" if carried."""

    source: str
    span: Span
    setting: str
    outcome: Outcome
    reason: str


@dataclass(slots=True)
class _Account:
    """A statement while its fate is open; of several fates the one of the highest rank counts."""

    source: str
    setting: str
    statement: Statement
    rank: int = -1
    outcome: Outcome = Outcome.LEFT
    reason: str = "isakmpd has nothing like it, or this converter does not know it"


class Ledger:
    """The fates of all statements of some files. A statement may be shared by several connections: the worst counts."""

    def __init__(self) -> None:
        self._accounts: dict[int, _Account] = {}
        self._journal: list[tuple[_Account, int, Outcome, str]] = []

    def open(self, source: str, statements: Iterable[Statement], header_words: int = 1) -> None:
        """Enter statements and all that stands inside of them.

        A setting is called by its first word, a section by its first `header_words`: never by a value.
        """
        waiting = [(each, "") for each in statements]
        while waiting:
            statement, prefix = waiting.pop()
            setting = prefix + " ".join(statement.words[: 1 if statement.body is None else header_words])
            self._accounts[id(statement)] = _Account(source, setting, statement)
            inner = f"{setting}." if len(setting) < _LONGEST_PATH else prefix
            waiting += [(each, inner) for each in statement.body or ()]

    def needless(self, statement: Statement, why: str) -> None:
        """It means nothing here, unless somebody else carries it."""
        self._note(statement, 1, Outcome.NEEDLESS, why)

    def unused(self, statement: Statement, why: str) -> None:
        """It is left, unless somebody else has a use for it."""
        self._note(statement, 0, Outcome.LEFT, why)

    def carried(self, statement: Statement) -> None:
        """It stands in the files that are written, unless a part of it is left."""
        self._note(statement, 2, Outcome.CARRIED, "")

    def left(self, statement: Statement, why: str) -> None:
        """It, or a part of it, could not be carried."""
        self._note(statement, 3, Outcome.LEFT, why)

    def left_whole(self, statement: Statement, why: str) -> None:
        """It could not be carried, nor could anything inside of it."""
        for each in walk((statement,)):
            self.left(each, why)

    def mark(self) -> int:
        """Where the books stand now, for undo()."""
        return len(self._journal)

    def undo(self, mark: int) -> None:
        """Forget all that was noted since: a connection that fails halfway has carried nothing."""
        while len(self._journal) > mark:
            account, rank, outcome, reason = self._journal.pop()
            account.rank, account.outcome, account.reason = rank, outcome, reason

    def _note(self, statement: Statement, rank: int, outcome: Outcome, why: str) -> None:
        account = self._accounts[id(statement)]
        self._journal.append((account, account.rank, account.outcome, account.reason))
        if rank > account.rank:
            account.rank, account.outcome, account.reason = rank, outcome, why
        elif rank == account.rank and why not in account.reason:
            account.reason = f"{account.reason}; {why}"

    def entries(self) -> tuple[Entry, ...]:
        """Exactly one entry for each statement, in the order of the files."""
        return tuple(
            Entry(each.source, each.statement.span, each.setting, each.outcome, each.reason)
            for each in sorted(self._accounts.values(), key=lambda each: (each.source, each.statement.span.start))
        )


def walk(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements and all that stands inside of them."""
    waiting = list(statements)
    while waiting:
        statement = waiting.pop()
        yield statement
        waiting += statement.body or ()


@dataclass(frozen=True, slots=True)
class Fates:
    """What is known about settings that are not carried.

    `needless`: key -> why, `harmless`: key -> the values with which it asks for nothing, `left`: key -> why.
    """

    needless: Mapping[str, str]
    harmless: Mapping[str, frozenset[str]]
    left: Mapping[str, str]


class View:
    """The settings of one section: its own, then those that it inherits. What is taken is noted as carried."""

    def __init__(
        self, ledger: Ledger, own: Sequence[Statement], inherited: Sequence[Statement] = (), name: str = ""
    ) -> None:
        self.ledger = ledger
        self.own, self.inherited = own, inherited
        self.name = name
        self._counting: dict[str, Statement] = {}
        self._taken: set[str] = set()
        for block in (*own, *inherited):
            self._add(block)

    def _add(self, block: Statement) -> None:
        """The last setting of a block counts, and the first block that has one."""
        inside: dict[str, Statement] = {}
        for each in block.body or ():
            if each.body is not None:
                continue
            if each.words[0] in inside:
                self.ledger.needless(inside[each.words[0]], f"line {each.span.line} sets it again")
            inside[each.words[0]] = each
        for key, each in inside.items():
            counting = self._counting.setdefault(key, each)
            if counting is not each:
                self.ledger.needless(each, f"line {counting.span.line} sets it otherwise")

    @property
    def first(self) -> Statement:
        """The section's header."""
        return (*self.own, *self.inherited)[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are set."""
        return tuple(self._counting)

    def statement(self, key: str) -> Statement | None:
        """The statement that sets a key, None where none does."""
        return self._counting.get(key)

    def take(self, key: str) -> str:
        """The value of a key, "" where it is not set; whoever takes it carries it, or says what he left."""
        found = self._counting.get(key)
        if found is None:
            return ""
        self._taken.add(key)
        value = " ".join(found.words[1:])
        if value:
            self.ledger.carried(found)
        elif found.words[1:]:
            self.ledger.needless(found, "it is empty")
        else:
            self.ledger.left(found, "it has no value")
        return value

    def leave(self, key: str, why: str) -> None:
        """Note that a key, or a part of it, was left."""
        self._taken.add(key)
        if found := self._counting.get(key):
            self.ledger.left(found, why)

    def drop(self, key: str, why: str) -> None:
        """Note that a key is not needed."""
        self._taken.add(key)
        if found := self._counting.get(key):
            self.ledger.needless(found, why)

    def leave_all(self, why: str) -> None:
        """The whole section could not be carried; what it inherits may still serve others."""
        for block in self.own:
            self.ledger.left_whole(block, why)
        for each in walk(self.inherited):
            self.ledger.unused(each, "nothing that was carried uses it")

    def finish(self, fates: Fates) -> None:
        """Say of every setting that nobody took why it was not needed, or that it was left."""
        for block in (*self.own, *self.inherited):
            self.ledger.carried(block)
        for key, each in self._counting.items():
            if key in self._taken:
                continue
            value = " ".join(each.words[1:])
            is_empty = each.words[1:] == ("",)
            if is_empty or value in fates.harmless.get(key, ()):
                self.ledger.needless(each, "it is empty" if is_empty else "it asks for nothing")
            elif key in fates.needless:
                self.ledger.needless(each, fates.needless[key])
            else:
                self.ledger.left(each, fates.left.get(key, "isakmpd has nothing like it, or it is unknown here"))
