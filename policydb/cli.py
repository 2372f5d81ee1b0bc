"""The `policydb` command line: what can be typed, and nothing else; each command's work is in a cli_*.py of its own.

Those are imported inside the commands, so that a query loads neither parser nor compiler and answers at once.
Exit codes of every command: 0 yes, 1 no, 2 unusable input or usage, 3 undecided.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any, NoReturn, TypeVar

import click

from policydb.cli_keynote import keynote
from policydb.cli_peer_options import PeerQuestion, peer_options
from policydb.cli_support import Ask, Unusable, attribute_pair, default_log, default_store, value_list

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, allow_dash=True)
_STORE_HELP = "The store to use; else $POLICYDB_STORE, else ./policy.db."


class _InOrder(click.Group):
    """Lists its commands in the order of a day's work, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version  # rare, and slow to load

        try:
            number = version("isakmpd-policydb")
        except PackageNotFoundError:
            number = "(not installed: run from its source)"
        click.echo(f"policydb {number}")
        ctx.exit()


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Policy for IPsec: compile policies into a store, ask it, and learn why it answered so.

    A policy (KeyNote, RFC 2704) says who may have which connection. A store is one file that holds compiled policies
    and configuration, in numbered generations.

    \b
    Example:
      policydb compile isakmpd.policy isakmpd.conf
      policydb query --authorizer alice --attribute esp_enc_alg=aes
      policydb explain --authorizer alice --attribute esp_enc_alg=3des

    \b
    Exit codes:  0 yes   1 no   2 unusable input or usage   3 undecided
    Completion:  eval "$(_POLICYDB_COMPLETE=bash_source policydb)"  (or zsh_source, fish_source)
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


# --- options that several commands have ---------------------------------------------------------------------------


def _format_option(command: _Command) -> _Command:
    choice = click.Choice(["text", "json"])
    return click.option(
        "--format", "form", type=choice, default="text", show_default=True, help="For people, or for programs."
    )(command)


def _ask_options(command: _Command) -> _Command:
    """ASK: what is asked, and of which policy."""
    options = (
        click.option(
            "--policy",
            "policies",
            multiple=True,
            type=_FILE,
            metavar="FILE",
            help="Ask this policy file (- is standard input) instead of the store; with --store too, ask both.",
        ),
        click.option(
            "--credential",
            "credentials",
            multiple=True,
            type=_FILE,
            metavar="FILE",
            help="Signed assertions from outside; those count whose signature verifies.",
        ),
        click.option(
            "--accept-weak-signatures",
            "accept_weak",
            is_flag=True,
            help="Credentials signed with MD5, SHA-1 or a weak RSA key count too.",
        ),
        click.option("--store", type=_FILE, metavar="FILE", help=_STORE_HELP),
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
    for option in reversed(options):
        command = option(command)
    return command


def _log_option(command: _Command) -> _Command:
    text = "The decision log; else $POLICYDB_LOG, else decisions.db beside the store."
    return click.option("--log", "log_file", type=_FILE, metavar="FILE", help=text)(command)


# --- the commands -------------------------------------------------------------------------------------------------


@commands.command(name="compile")
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="PATH...")
@click.option("--store", type=_FILE, metavar="FILE", help=_STORE_HELP)
@_format_option
@click.pass_context
def compile_(ctx: click.Context, paths: tuple[str, ...], store: str | None, form: str) -> None:
    """Compile policies and configuration into the store.

    Publishes one new generation; if anything is in error it shows every error and publishes nothing, so the last good
    generation stays in force. A file is configuration if its name ends in .conf or it begins with a [section], else
    policy. Of a folder, its *.conf and *.policy files are taken; - is standard input.

    \b
    Example:
      policydb compile /etc/isakmpd/isakmpd.policy /etc/isakmpd/isakmpd.conf --store policy.db
    """
    from policydb import cli_compile  # loads the parser

    ctx.exit(cli_compile.publish(paths, default_store(store), form))


@commands.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="PATH...")
@_format_option
@click.pass_context
def check(ctx: click.Context, paths: tuple[str, ...], form: str) -> None:
    """Look for mistakes in files; write nothing.

    Errors (exit code 2) are what `compile` would refuse; warnings (exit code 0) are what authors commonly did not
    mean. Every finding has a code that docs/diagnostics.md explains.

    \b
    Example:
      policydb check isakmpd.policy isakmpd.conf
    """
    from policydb import cli_compile  # loads the parser

    ctx.exit(cli_compile.check(paths, form))


@commands.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE...")
@_format_option
@click.pass_context
def lint(ctx: click.Context, paths: tuple[str, ...], form: str) -> None:
    """Show what authors commonly did not mean.

    The warnings of `check` alone, with an exit code that a script can use. 0: there are none. 1: there are some. 2: the
    files have errors, which `check` shows.

    \b
    Example:
      policydb lint isakmpd.policy
    """
    from policydb import cli_fmt  # loads the parser

    ctx.exit(cli_fmt.lint(paths, form))


@commands.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE...")
@click.option("--check", is_flag=True, help="Print nothing but the names of files that are not formatted.")
@click.option("--diff", is_flag=True, help="Print what would change.")
@click.option("-w", "--write", is_flag=True, help="Write the result into the files.")
@click.pass_context
def fmt(ctx: click.Context, *, paths: tuple[str, ...], check: bool, diff: bool, write: bool) -> None:
    """Lay out policies.

    Prints the formatted text. Comments stay where they stand. Signed assertions are not touched, or their signatures
    would no longer verify; nor are assertions with errors, which are shown (exit code 2). With --check the exit code is
    1 if a file is not formatted. Of a folder, its *.policy files are taken; - is standard input.

    \b
    Examples:
      policydb fmt -w isakmpd.policy
      policydb fmt --check --diff /etc/isakmpd
    """
    from policydb import cli_fmt  # loads the parser

    ctx.exit(cli_fmt.format_files(paths, check=check, diff=diff, write=write))


@commands.command()
@_ask_options
@click.option(
    "--batch",
    type=_FILE,
    metavar="FILE",
    help="Answer many queries: one JSON object a line in, one a line out. FILE may be gzipped; - is standard input.",
)
@_format_option
@click.pass_context
def query(
    ctx: click.Context,
    *,
    policies: tuple[str, ...],
    credentials: tuple[str, ...],
    accept_weak: bool,
    store: str | None,
    authorizers: tuple[str, ...],
    attributes: dict[str, str],
    values: tuple[str, ...],
    batch: str | None,
    form: str,
) -> None:
    """Ask whether policy allows something.

    Prints the compliance value alone; with --format json the whole decision, as `explain` does. Exit code 0: the
    highest value (yes). 1: a lower one (no). 2: the question or a file cannot be used. 3: undecided. With --batch the
    exit code is 0 if every line was answered, whatever the answers say.

    \b
    Examples:
      policydb query --authorizer alice --attribute app_domain="IPsec policy"
      policydb query --policy draft.policy --authorizer alice --values none,weak,strong
      policydb query --batch questions.jsonl > answers.jsonl
    """
    from policydb import cli_ask

    ask = Ask(policies, credentials, store, authorizers, attributes, values, accept_weak)
    if batch is None:
        ctx.exit(cli_ask.query(ask, form))
    if policies or credentials or authorizers or attributes:
        message = "only --store and --accept-weak-signatures may stand beside it"
        raise click.UsageError(f"--batch takes its questions from the file: {message}")
    ctx.exit(cli_ask.query_batch(batch, default_store(store), accept_weak))


@commands.command()
@_ask_options
@click.option("--record", "number", type=click.IntRange(1), help="Ask again what record NUMBER of the log asked.")
@peer_options
@_log_option
@_format_option
@click.pass_context
def explain(
    ctx: click.Context,
    *,
    policies: tuple[str, ...],
    credentials: tuple[str, ...],
    accept_weak: bool,
    store: str | None,
    authorizers: tuple[str, ...],
    attributes: dict[str, str],
    values: tuple[str, ...],
    number: int | None,
    peer: PeerQuestion | None,
    log_file: str | None,
    form: str,
) -> None:
    """Ask whether policy allows something, and why.

    Shows which assertion, which condition and which value decided and, on a refusal, the nearest changes that would
    have been allowed. With --record it takes a negotiation from the daemon's decision log, asks the generation that
    decided then, and shows the record with its reasons.

    With --peer it asks the configuration instead: which peer section and which connection would be taken for a
    negotiation that comes from ADDRESS, in which order the candidates are looked at, and where each one differs.

    \b
    Examples:
      policydb explain --authorizer alice --attribute esp_enc_alg=3des
      policydb explain --record 12
      policydb explain --peer 203.0.113.9 --local-id 10.2.0.0/16 --remote-id 10.1.0.0/16 --offer AES-SHA2-256-GRP14
    """
    if peer is not None:
        if policies or credentials or authorizers or attributes or number is not None:
            raise click.UsageError("--peer asks the configuration: it takes no policy, authorizer, attribute or record")
        from policydb import cli_peer

        ctx.exit(cli_peer.explain_peer(peer, default_store(store), form))
    if number is not None:
        if policies or credentials or authorizers or attributes:
            raise click.UsageError("--record brings its question along: only --store and --log may stand beside it")
        from policydb import cli_log

        ctx.exit(cli_log.explain(number, default_log(log_file, store), default_store(store), form))
    from policydb import cli_ask

    ask = Ask(policies, credentials, store, authorizers, attributes, values, accept_weak)
    ctx.exit(cli_ask.explain(ask, form))


@commands.command()
@click.argument("number", required=False, type=click.IntRange(1))
@_log_option
@click.option("--peer", metavar="WHO", help="Only this peer: an address, an identity or the name of its section.")
@click.option("--refused", is_flag=True, help="Only what was refused, by policy, by configuration or by the peer.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many records.")
@_format_option
@click.pass_context
def log(
    ctx: click.Context,
    *,
    number: int | None,
    log_file: str | None,
    peer: str | None,
    refused: bool,
    limit: int,
    form: str,
) -> None:
    """Show what the daemon negotiated.

    One line a record, newest first; with a NUMBER, that record whole.

    \b
    Examples:
      policydb log --refused
      policydb log 12
    """
    from policydb import cli_log

    path = default_log(log_file, None)
    if number is not None:
        ctx.exit(cli_log.show(number, path, form))
    ctx.exit(cli_log.listing(path, peer, refused, limit, form))


@commands.command()
@click.option("--store", type=_FILE, metavar="FILE", help=_STORE_HELP)
@_format_option
@click.pass_context
def generations(ctx: click.Context, store: str | None, form: str) -> None:
    """List the generations in the store.

    The last one is in force.

    \b
    Example:
      policydb generations --store policy.db
    """
    from policydb import cli_log

    ctx.exit(cli_log.generations(default_store(store), form))


commands.add_command(keynote)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code; no input ends in a traceback."""
    if hasattr(signal, "SIGPIPE"):
        # As other filters do: whoever stops reading (`| head`) ends us, and never gets the exit code of a "no".
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command (`arguments` None: the process's own) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character still shows the rest
    try:
        code = commands.main(args=arguments, prog_name="policydb", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as problem:
        problem.show()
        return Unusable.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except OSError as problem:
        # What is left in the buffer would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(f"error: cannot write the answer: {problem.strerror}", err=True)
        return Unusable.exit_code
    return int(code or 0)


if __name__ == "__main__":
    main()
