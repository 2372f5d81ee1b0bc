"""What can be typed about files: `compile`, `check`, `import`, `lint`, `fmt`.

The work is in the other modules of this folder, imported inside the commands, so that the others load no parser.
"""

from __future__ import annotations

import click

from policydb.commands.options import FILE, format_option, store_option
from policydb.commands.support import default_store


@click.command(name="compile")
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="PATH...")
@store_option
@format_option
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
    from policydb.commands import compile_files  # loads the parser

    ctx.exit(compile_files.publish(paths, default_store(store), form))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="PATH...")
@format_option
@click.pass_context
def check(ctx: click.Context, paths: tuple[str, ...], form: str) -> None:
    """Look for mistakes in files; write nothing.

    Errors (exit code 2) are what `compile` would refuse; warnings (exit code 0) are what authors commonly did not
    mean. Every finding has a code that docs/diagnostics.md explains.

    \b
    Example:
      policydb check isakmpd.policy isakmpd.conf
    """
    from policydb.commands import compile_files  # loads the parser

    ctx.exit(compile_files.check(paths, form))


@click.command(name="import")
@click.argument("kind", type=click.Choice(["swanctl", "libreswan", "racoon"]), metavar="swanctl|libreswan|racoon")
@click.argument("path", type=FILE, metavar="FILE")
@click.option("--secrets", type=FILE, metavar="FILE", help="Its secrets: ipsec.secrets, psk.txt, or a swanctl.conf.")
@click.option("-o", "--output", "folder", type=click.Path(file_okay=False), metavar="DIR", help="Write them there.")
@click.option("--force", is_flag=True, help="Overwrite files of DIR.")
@click.option("--local", type=click.Choice(["left", "right"]), help="libreswan: the side that is this machine.")
@format_option
@click.pass_context
def import_(
    ctx: click.Context,
    *,
    kind: str,
    path: str,
    secrets: str | None,
    folder: str | None,
    force: bool,
    local: str | None,
    form: str,
) -> None:
    """Convert another IKE daemon's configuration.

    Makes isakmpd.conf, and an isakmpd.policy that allows exactly its connections; prints them, or writes them to DIR
    with mode 0600. Lists every setting that could not be carried, with its line and the reason. Exit code 0: all was
    carried. 1: something was left. 2: the file cannot be read.

    \b
    Examples:
      policydb import swanctl /etc/swanctl/swanctl.conf -o converted
      policydb import libreswan /etc/ipsec.conf --secrets /etc/ipsec.secrets -o converted
    """
    if local is not None and kind != "libreswan":
        raise click.UsageError("--local is for libreswan, whose connections have a left and a right side")
    from policydb.commands import convert  # loads the parser

    ctx.exit(convert.run_import(kind, path, secrets, folder, force=force, local=local, form=form))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(allow_dash=True), metavar="FILE...")
@format_option
@click.pass_context
def lint(ctx: click.Context, paths: tuple[str, ...], form: str) -> None:
    """Show what authors commonly did not mean.

    The warnings of `check` alone, with an exit code that a script can use. 0: there are none. 1: there are some. 2: the
    files have errors, which `check` shows.

    \b
    Example:
      policydb lint isakmpd.policy
    """
    from policydb.commands import fmt  # loads the parser

    ctx.exit(fmt.lint(paths, form))


@click.command()
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
    from policydb.commands import fmt  # loads the parser

    ctx.exit(fmt.format_files(paths, check=check, diff=diff, write=write))


COMMANDS = (compile_, check, import_, lint, fmt)
"""In the order in which help lists them."""
