"""What can be typed about what was: `log`, `generations`, `diff`, `rollback`, `overlay`.

The work is in the other modules of this folder, imported inside the commands.
"""

from __future__ import annotations

from pathlib import Path

import click

from policydb.commands.options import format_option, log_option, store_option
from policydb.commands.support import default_log, default_store


@click.command()
@click.argument("number", required=False, type=click.IntRange(1))
@log_option
@click.option("--peer", metavar="WHO", help="Only this peer: an address, an identity or the name of its section.")
@click.option("--refused", is_flag=True, help="Only what was refused, by policy, by configuration or by the peer.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many records.")
@format_option
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
    from policydb.commands import log

    path = default_log(log_file, None)
    if number is not None:
        ctx.exit(log.show(number, path, form))
    ctx.exit(log.listing(path, peer, refused, limit, form))


@click.command()
@store_option
@format_option
@click.pass_context
def generations(ctx: click.Context, store: str | None, form: str) -> None:
    """List the generations in the store.

    Each with the time and the author of its publication and its sources. The last one is in force.

    \b
    Example:
      policydb generations --store policy.db
    """
    from policydb.commands import generations

    ctx.exit(generations.generations(default_store(store), form))


@click.command()
@click.argument("before", type=click.IntRange(1), metavar="A")
@click.argument("after", required=False, type=click.IntRange(1), metavar="[B]")
@store_option
@format_option
@click.pass_context
def diff(ctx: click.Context, before: int, after: int | None, store: str | None, form: str) -> None:
    """Show how the sources of two generations differ.

    Compares generation A with B, or with the one in force, as `diff -u` does. Pre-shared keys are blanked in the store,
    so a change of one does not show; passphrases stand there as their digests. Exit code 0: they say the same. 1: they
    differ. 2: no such generation.

    \b
    Examples:
      policydb diff 3
      policydb diff 3 5 --format json
    """
    from policydb.commands import generations

    ctx.exit(generations.diff(before, after, default_store(store), form))


@click.command()
@click.argument("number", required=False, type=click.IntRange(1), metavar="[N]")
@store_option
@format_option
@click.pass_context
def rollback(ctx: click.Context, number: int | None, store: str | None, form: str) -> None:
    """Put an older generation into force again.

    Publishes a new generation with the sources of generation N; without N, of the one before that in force. The files
    that they came from stay as they are: whoever compiles those again publishes what they say. Exit code 0: what
    generation N says is in force. 2: there is no such generation, or this program cannot use it; nothing has changed.

    \b
    Examples:
      policydb rollback
      policydb rollback 3
    """
    from policydb.commands import generations

    ctx.exit(generations.rollback(number, default_store(store), form))


@click.command()
@click.option("--state", type=click.Path(file_okay=False), metavar="DIR", help="The daemon's state directory.")
@click.option("--file", "path", type=click.Path(dir_okay=False), metavar="FILE", help="The file itself.")
@format_option
@click.pass_context
def overlay(ctx: click.Context, state: str | None, path: str | None, form: str) -> None:
    """Show what FIFO commands have changed.

    The daemon lays these changes over the generation in force until its next reload. Without --state and --file they
    are looked for beside the store. Exit code 0: there are some; 1: there are none.

    \b
    Example:
      policydb overlay --state /var/lib/isakmpd
    """
    from policydb.commands import overlay

    if state and path:
        raise click.UsageError("give --state or --file, not both")
    folder = Path(state) if state else Path(default_store(None)).parent
    ctx.exit(overlay.show(Path(path) if path else folder / "overlay.json", form))


COMMANDS = (log, generations, diff, rollback, overlay)
"""In the order in which help lists them."""
