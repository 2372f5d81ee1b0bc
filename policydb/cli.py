"""The `policydb` command line as a whole: its commands in order, how it begins and ends.

What can be typed is in verbs_*.py, each command's work in a module that the command imports when it runs: so a query
loads neither parser nor compiler and answers at once.
Exit codes of every command: 0 yes, 1 no, 2 unusable input or usage, 3 undecided.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from policydb.commands import verbs_ask, verbs_files, verbs_store
from policydb.commands.keynote import keynote
from policydb.commands.support import Unusable
from policydb.cores import forbid_core_dumps
from policydb.streams import discard_output, guard_terminals, open_closed

_TRACEBACK = "POLICYDB_TRACEBACK"
_MOST_SHOWN = 300


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


for _command in (*verbs_files.COMMANDS, *verbs_ask.COMMANDS, *verbs_store.COMMANDS, keynote, verbs_ask.bench):
    commands.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code; no input ends in a traceback."""
    if hasattr(signal, "SIGPIPE"):
        # As other filters do: whoever stops reading (`| head`) ends us, and never gets the exit code of a "no".
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    forbid_core_dumps()
    open_closed()
    guard_terminals()
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
        discard_output()
        click.echo(f"error: cannot write the answer: {problem.strerror}", err=True)
        return Unusable.exit_code
    except Exception as defect:  # noqa: BLE001 - Python would end with 1, and that means "no"
        _tell_defect(defect)
        return Unusable.exit_code
    return int(code or 0)


def _tell_defect(defect: Exception) -> None:
    """What should not have been raised, in one line: what it is and where; the traceback for those who ask for it."""
    if os.environ.get(_TRACEBACK):
        raise defect
    from grammar.errors import visible  # rare

    trace = defect.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
    text = visible(f"{type(defect).__name__} at {where}: {defect}"[:_MOST_SHOWN])
    click.echo(f"error: internal error: {text}", err=True)
    click.echo(f"hint: this is a mistake in policydb; {_TRACEBACK}=1 in the environment shows where", err=True)


if __name__ == "__main__":
    main()
