"""What the commands share: the parts of a question as typed, where the store and the log are, how errors are shown."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from policydb.streams import harmless

if TYPE_CHECKING:
    from grammar.errors import Diagnostic
    from policydb.storage.storefile import StoreError

YES, NO, BAD, UNDECIDED = 0, 1, 2, 3
"""The exit codes (docs/formats.md)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One question as typed. `store` is None unless --store names one. Texts are as the shell gave them.

    `accept_weak`: weak signatures of credentials count, whatever the store's configuration says.
    """

    policies: tuple[str, ...]
    credentials: tuple[str, ...]
    store: str | None
    authorizers: tuple[str, ...]
    attributes: Mapping[str, str]
    values: tuple[str, ...]
    accept_weak: bool = False

    @property
    def has_question(self) -> bool:
        """Whether a policy, a credential, an authorizer or an attribute was typed."""
        return bool(self.policies or self.credentials or self.authorizers or self.attributes)


class Unusable(click.ClickException):
    """Input that cannot be used: one line, a hint, and exit code 2."""

    exit_code = BAD

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error as people read it."""
        target = file if file is not None else sys.stderr
        click.echo(f"{click.style('error', fg='red', bold=True)}: {self.format_message()}", file=target)
        if self.hint:
            click.echo(f"hint: {self.hint}", file=target)


def default_store(given: str | None) -> str:
    """The store to use: as given, else $POLICYDB_STORE, else ./policy.db."""
    return given or os.environ.get("POLICYDB_STORE") or "policy.db"


def names_store() -> bool:
    """Whether the environment names a store."""
    return bool(os.environ.get("POLICYDB_STORE"))


def default_log(given: str | None, store: str | None) -> str:
    """The decision log to read: as given, else $POLICYDB_LOG, else decisions.db beside the store."""
    return given or os.environ.get("POLICYDB_LOG") or str(Path(default_store(store)).with_name("decisions.db"))


def of_store(problem: StoreError, hint: str = "name another store with --store FILE") -> Unusable:
    """What to say of a store that cannot be used; `hint` where the problem brings none along."""
    return Unusable(problem.message, problem.hint or hint)


def who() -> str:
    """Who runs this, for the list of generations: the login name, behind sudo the one that called it; "" if unknown."""
    try:
        import pwd  # not everywhere

        name = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return ""
    caller = os.environ.get("SUDO_USER", "")
    return caller if name == "root" and caller else name


def octets(typed: str) -> str:
    """A text from the command line as the engine holds texts: one latin-1 character an octet."""
    return os.fsencode(typed).decode("latin-1")


def shown(text: str) -> str:
    """A text of others as people read it: UTF-8 where its octets are that, and nothing that steers a terminal."""
    return harmless(decoded(text)).replace("\x1b", ".")


def decoded(text: str) -> str:
    """A text of the engine with its octets read as UTF-8 where they are that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def attribute_pair(ctx: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE pairs as a mapping, for click; the later of two with one name counts."""
    pairs = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", ctx=ctx, param=option)
        if name.startswith("_"):
            message = f"{name} is KeyNote's own: names with _ in front cannot be set"
            raise click.BadParameter(message, ctx=ctx, param=option)
        pairs[octets(name)] = octets(value)
    return pairs


def value_list(ctx: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    """A,B,C as a tuple, for click."""
    values = tuple(octets(each) for each in given.split(","))
    if "" in values:
        raise click.BadParameter(
            "a compliance value is empty: write them as A,B,C, lowest first", ctx=ctx, param=option
        )
    return values


MOST_OCTETS = 256 * 2**20
"""Of a file that is read whole, so that a device has an end; as policydb.compiling.sources."""


def read_text(path: str) -> str:
    """A file's octets as latin-1 text; `-` is standard input. Raises Unusable."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MOST_OCTETS + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MOST_OCTETS + 1)
    except OSError as problem:
        raise unreadable(path, problem) from None
    if len(data) > MOST_OCTETS:
        raise Unusable(f"{path}: it has more than {MOST_OCTETS:,} octets", "text of that size is a mistake")
    return data.decode("latin-1")


def unreadable(path: str, problem: OSError) -> Unusable:
    """What to say of a file that cannot be read."""
    return Unusable(f"{path}: {problem.strerror}", "give a file that you can read, or - for standard input")


MOST_ALIKE = 100
"""Findings shown that have the same code and message."""


def show_findings(findings: Iterable[Diagnostic], texts: Mapping[str, str]) -> None:
    """Print findings to standard error, each with its line and a caret. `texts`: what each source says.

    Of very many that say the same the first are shown, and at the end how many there are.
    """
    from grammar.errors import render  # only where something is wrong

    alike: dict[str, int] = {}
    for each in findings:
        kind = f"{each.severity}[{each.code}]: {each.message}"
        alike[kind] = alike.get(kind, 0) + 1
        if alike[kind] > MOST_ALIKE:
            continue
        text = texts.get(each.source, "")
        head, *rest = render(each, text).split("\n")
        colour = "red" if each.severity == "error" else "yellow"
        told = rest if text and each.span.end else rest[2:]  # no line and no caret where the whole file is meant
        click.echo("\n".join([click.style(head, fg=colour), *told]), err=True)
    for kind, count in alike.items():
        if count > MOST_ALIKE:
            click.echo(f"{shown(kind)}: {count - MOST_ALIKE:,} more like this", err=True)
