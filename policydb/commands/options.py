"""The options that several commands of `policydb` have, each as a decorator."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from policydb.commands.support import Ask, attribute_pair, value_list

_Command = TypeVar("_Command", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, allow_dash=True)
"""A file, or - for standard input."""


def store_option(command: _Command) -> _Command:
    """--store, the store to use."""
    text = "The store to use; else $POLICYDB_STORE, else ./policy.db."
    return click.option("--store", type=FILE, metavar="FILE", help=text)(command)


def format_option(command: _Command) -> _Command:
    """--format text|json."""
    choice = click.Choice(["text", "json"])
    return click.option(
        "--format", "form", type=choice, default="text", show_default=True, help="For people, or for programs."
    )(command)


def drawn_format_option(command: _Command) -> _Command:
    """--format text|json|dot|mermaid."""
    choice = click.Choice(["text", "json", "dot", "mermaid"])
    text = "For people, for programs, or the delegations as a drawing for Graphviz or Mermaid."
    return click.option("--format", "form", type=choice, default="text", show_default=True, help=text)(command)


_ASK = (
    click.option(
        "--policy",
        "policies",
        multiple=True,
        type=FILE,
        metavar="FILE",
        help="Ask this policy file (- is standard input) instead of the store; with --store too, ask both.",
    ),
    click.option(
        "--credential",
        "credentials",
        multiple=True,
        type=FILE,
        metavar="FILE",
        help="Signed assertions from outside; those count whose signature verifies.",
    ),
    click.option(
        "--accept-weak-signatures",
        "accept_weak",
        is_flag=True,
        help="Credentials signed with MD5, SHA-1 or a weak RSA key count too.",
    ),
    store_option,
    click.option(
        "--authorizer",
        "authorizers",
        multiple=True,
        metavar="P",
        help="Who asks: a key or a name, as it stands in Licensees. May be repeated.",
    ),
    click.option(
        "--attribute",
        "attributes",
        multiple=True,
        callback=attribute_pair,
        metavar="NAME=VALUE",
        help="What is asked for, one fact an option. Of two with one name the later counts.",
    ),
    click.option(
        "--values",
        default="false,true",
        show_default=True,
        callback=value_list,
        metavar="A,B,C",
        help="The compliance values, lowest first.",
    ),
)


def ask_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """ASK, what is asked and of which policy: the command gets it as `ask`."""

    @wraps(command)
    def asked(
        *given: object,
        policies: tuple[str, ...],
        credentials: tuple[str, ...],
        accept_weak: bool,
        store: str | None,
        authorizers: tuple[str, ...],
        attributes: dict[str, str],
        values: tuple[str, ...],
        **rest: object,
    ) -> object:
        ask = Ask(policies, credentials, store, authorizers, attributes, values, accept_weak)
        return command(*given, ask=ask, **rest)

    for option in reversed(_ASK):
        asked = option(asked)
    return asked


def log_option(command: _Command) -> _Command:
    """--log, where the decision log is."""
    text = "The decision log; else $POLICYDB_LOG, else decisions.db beside the store."
    return click.option("--log", "log_file", type=FILE, metavar="FILE", help=text)(command)
