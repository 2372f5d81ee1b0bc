"""One conversion: texts of another IKE daemon to isakmpd.conf, isakmpd.policy, and what became of every setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grammar.nodes import Statement
from grammar.statements import Language, parse_statements
from policydb.importers import libreswan, racoon, swanctl
from policydb.importers.ledger import Entry, Ledger, Outcome
from policydb.importers.plan import Plan
from policydb.importers.words import printable
from policydb.importers.writer import configuration_text, policy_text


class Kind(StrEnum):
    """Whose configuration it is."""

    SWANCTL = "swanctl"
    LIBRESWAN = "libreswan"
    RACOON = "racoon"


@dataclass(frozen=True, slots=True)
class Text:
    """A file: its name as given, its octets as latin-1."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Imported:
    """The two files, latin-1 text, and one entry for each setting of the input, in its order."""

    configuration: str
    policy: str
    entries: tuple[Entry, ...]

    def count(self, outcome: Outcome) -> int:
        """How many settings ended so."""
        return sum(each.outcome is outcome for each in self.entries)


_SECRETS = {Kind.LIBRESWAN: Language.SECRETS, Kind.RACOON: Language.PSK, Kind.SWANCTL: Language.SWANCTL}

_HEADER_WORDS = {Kind.SWANCTL: 1, Kind.LIBRESWAN: 2, Kind.RACOON: 10}


def convert(kind: Kind, main: Text, secrets: Text | None = None, local: str | None = None) -> Imported:
    """Convert a configuration, with its file of secrets if there is one.

    `local`: the side of libreswan's connections that is this machine, left or right; None lets each show it. Raises
    GrammarError where a text cannot be read.
    """
    ledger = Ledger()
    statements = parse_statements(main.text, main.source, Language(kind.value))
    ledger.open(main.source, statements, _HEADER_WORDS[kind])
    keys: tuple[Statement, ...] = ()
    if secrets is not None:
        keys = parse_statements(secrets.text, secrets.source, _SECRETS[kind])
        ledger.open(secrets.source, keys)
    plan = _plan(kind, statements, keys, ledger, local)
    origin = printable(main.source) or "a file"
    return Imported(configuration_text(plan, origin), policy_text(plan, origin), ledger.entries())


def _plan(
    kind: Kind, statements: Sequence[Statement], keys: Sequence[Statement], ledger: Ledger, local: str | None
) -> Plan:
    if kind is Kind.SWANCTL:
        return swanctl.convert((*statements, *keys), ledger)
    if kind is Kind.LIBRESWAN:
        return libreswan.convert(statements, ledger, keys, local)
    return racoon.convert(statements, ledger, keys)
