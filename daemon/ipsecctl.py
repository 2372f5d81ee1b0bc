"""The command `ipsecctl`: reads an ipsec.conf, prints what it means, and writes it to the daemon's FIFO (ipsecctl(8)).

Messages, options and exit codes are those of today's OpenBSD. Options that need a kernel's tables are refused until
there is one behind the daemon. Exit codes: 0 done, 1 not.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from daemon.files import write_all
from daemon.resolver import SystemResolver
from grammar.errors import Diagnostic, Severity
from grammar.ipsec import ParsedIpsec, parse_ipsec
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import MacroDefinition, RuleNode
from policydb.compiling.sources import MAX_OCTETS, as_text, read_included
from policydb.cores import forbid_core_dumps
from policydb.ipsec.commands import Command, Emission, commands_of, deletion_of
from policydb.ipsec.program import DefaultPeer, Rule, expand
from policydb.ipsec.rules import IkeRule, Surroundings
from policydb.ipsec.sas import Bundles, SaRule
from policydb.streams import discard_output, guard_terminals, open_closed

DEFAULT_FIFO = "/var/run/isakmpd.fifo"
STANDARD_INPUT = "-"

_NOT_LOADED = "Syntax error in config file: ipsec rules not loaded"
_NO_KERNEL = "needs the kernel's tables, and this version of isakmpd has no kernel behind it yet"
_ALL_OF_GROUP = stat.S_IWGRP | stat.S_IXGRP
_ALL_OF_OTHERS = stat.S_IRWXO


class CtlError(Exception):
    """What ends the program with exit code 1; `lines` are the last that it says."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `verbose` counts -v."""

    file: str | None = None
    fifo: str = DEFAULT_FIFO
    macros: Mapping[str, str] = field(default_factory=dict)
    delete: bool = False
    parse_only: bool = False
    verbose: int = 0


@dataclass(slots=True)
class Loader:
    """Goes through a parsed file in its order: prints as it goes, and gathers what the FIFO is to get."""

    options: Options
    surroundings: Surroundings
    out: TextIO
    err: TextIO
    commands: list[Command] = field(default_factory=list)
    _bundles: Bundles = field(default_factory=Bundles)
    _default_peer: DefaultPeer = field(default_factory=DefaultPeer)
    _errors: int = 0
    _number: int = 0
    _kernel_rules: int = 0
    _illegal: list[int] = field(default_factory=list)

    def load(self, parsed: ParsedIpsec) -> None:
        """Every item of the file. Raises CtlError where it cannot be used."""
        for item in parsed.items:
            if isinstance(item, Diagnostic):
                self._complain(item, parsed.texts)
            elif isinstance(item, MacroDefinition):
                if self.options.verbose:
                    self.out.write(f'{item.name} = "{item.value}"\n')
            else:
                self._rule(item, parsed.texts)
        if self.options.verbose > 1:
            for name in parsed.unused:
                self.err.write(f"warning: macro '{name}' not used\n")
        if self._errors:
            raise CtlError(_NOT_LOADED)
        if self._kernel_rules and not (self.options.parse_only or self.options.delete):
            raise CtlError(f"nothing loaded: a flow or a static SA {_NO_KERNEL}")

    @property
    def failures(self) -> tuple[str, ...]:
        """What is to be said of rules that cannot be negotiated; of those nothing is written."""
        return tuple(f"failed to add ike rule {number}" for number in self._illegal)

    def _complain(self, finding: Diagnostic, texts: Mapping[str, str]) -> None:
        """FILE: LINE: message, the line being the last one that the finding is about."""
        if finding.severity is Severity.ERROR:
            self._errors += 1
        if finding.code == IpsecCode.INCLUDE:
            self.err.write(f"ipsecctl: pushfile: {finding.hint}\n")
        line = finding.span.line + texts[finding.source].count("\n", finding.span.start, finding.span.end)
        self.err.write(f"{finding.source}: {line}: {finding.message}\n")

    def _rule(self, node: RuleNode, texts: Mapping[str, str]) -> None:
        expansion = expand(node, self.surroundings, read_included)
        if expansion.unknown:
            self.err.write(f"ipsecctl: no IP address found for {expansion.unknown}\n")
        for rule in expansion.rules:
            self._take(rule)
        findings = expansion.diagnostics
        for finding in findings[:-1] if expansion.fatal else findings:
            self._complain(finding, texts)
        if expansion.fatal:
            raise CtlError(findings[-1].message)

    def _take(self, rule: Rule) -> None:
        if isinstance(rule, IkeRule):
            self._ike(rule)
            return
        self._kernel_rules += 1
        self._print(str(rule))
        line = self._bundles.join(rule) if isinstance(rule, SaRule) else None
        if line is not None:
            self._print(line)

    def _ike(self, rule: IkeRule) -> None:
        number = self._number
        for message in self._default_peer.mismatches(rule):
            self.err.write(f"ipsecctl: {message}\n")
        emission = Emission(deletion_of(rule)) if self.options.delete else commands_of(rule)
        self._print("\n".join(map(str, emission.commands)))
        if not emission.error:
            self.commands += emission.commands
            return
        if self.options.verbose:
            self.out.write(emission.cut)
        if self.options.verbose or not self.options.parse_only:
            self.err.write(f"ipsecctl: {emission.error}\n")
        self._illegal.append(number)

    def _print(self, text: str) -> None:
        """A rule, if rules are to be seen; every one has a number."""
        if self.options.verbose:
            prefix = f"@{self._number} " if self.options.verbose > 1 else ""
            self.out.write(f"{prefix}{text}\n")
        self._number += 1


def run(options: Options, surroundings: Surroundings, out: TextIO, err: TextIO) -> None:
    """Read the file, print, and write to the FIFO unless it is only to be parsed. Raises CtlError."""
    if options.file is None:
        return
    name, text = _source(options.file)
    parsed = parse_ipsec(text, name, read_included, options.macros)
    loader = Loader(options, surroundings, out, err)
    loader.load(parsed)
    if options.parse_only:
        return
    write_commands(options.fifo, loader.commands)
    if loader.failures:
        raise CtlError(*loader.failures)


def write_commands(path: str, commands: Sequence[Command]) -> None:
    """Write to the daemon's FIFO. Raises CtlError, and has written nothing then unless the daemon went away."""
    lines = [str(each) for each in commands]
    for command, line in zip(commands, lines, strict=True):
        if len(line.split()) != _words(command) or "]" in command.section:
            secret = f"[{command.section}]:{command.tag}"
            raise CtlError(f"{secret}: the FIFO cannot carry blanks or brackets; policydb compile can")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "no daemon reads it" if error.errno == 6 else error.strerror
        raise CtlError(f"{path}: {reason}") from error
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise CtlError(f"{path}: not a fifo")
        os.set_blocking(descriptor, True)
        write_all(descriptor, "".join(f"{line}\n" for line in lines).encode("latin-1"))
    except OSError as error:
        raise CtlError(f"{path}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _words(command: Command) -> int:
    """How many words the FIFO's reader should find in a command."""
    blanks = len(command.section.split()) - 1
    return 2 if command.verb == "t" else 3 + blanks + command.force


# --- files --------------------------------------------------------------------------------------------------------


def _source(name: str) -> tuple[str, str]:
    """The main file's name in messages, and its text. Raises CtlError."""
    if name == STANDARD_INPUT:
        return "stdin", sys.stdin.buffer.read().decode("latin-1")
    try:
        with Path(name).open("rb") as file:
            status = os.fstat(file.fileno())
            wrong = insecure(status, os.getuid())
            if wrong:
                sys.stderr.write(f"ipsecctl: {name}: {wrong}\n")
                raise CtlError(_NOT_LOADED)
            text = file.read(MAX_OCTETS + 1)
        if len(text) > MAX_OCTETS:
            raise CtlError(f"{name}: it has more than {MAX_OCTETS} octets")
        return name, as_text(text)
    except OSError as error:
        raise CtlError(f"open {name}: {error.strerror}") from error


def insecure(status: os.stat_result, uid: int) -> str:
    """What keeps the main file from being trusted by user `uid`, "" for nothing. The group may read it."""
    if status.st_uid not in {0, uid}:
        return "owner not root or current user"
    if status.st_mode & (_ALL_OF_GROUP | _ALL_OF_OTHERS):
        return "group writable or world read/writable"
    return ""


# --- the command line ---------------------------------------------------------------------------------------------


def _macros(definitions: Sequence[str]) -> dict[str, str]:
    """-D: the last = ends the name. What is none is said and left out."""
    macros = {}
    for each in definitions:
        name, equals, value = each.rpartition("=")
        if equals:
            macros[os.fsencode(name).decode("latin-1")] = os.fsencode(value).decode("latin-1")
        else:
            sys.stderr.write(f"ipsecctl: could not parse macro definition {each}\n")
    return macros


def _refuse(ctx: click.Context, option: click.Parameter, given: object) -> None:
    if given and not ctx.resilient_parsing:
        raise CtlError(f"{option.opts[0]} {_NO_KERNEL}")


_KERNEL = "Needs a kernel; not in this version."


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-D", "definitions", multiple=True, metavar="MACRO=VALUE", help="Define a macro; it wins over the file's."
)
@click.option("-d", "delete", is_flag=True, help="Delete the file's connections instead of adding them.")
@click.option("-F", "flush", is_flag=True, expose_value=False, callback=_refuse, help=_KERNEL)
@click.option("-f", "file", metavar="FILE", help="Load the rules of a file; - is standard input.")
@click.option("-i", "fifo", metavar="FIFO", default=DEFAULT_FIFO, show_default=True, help="The daemon's FIFO.")
@click.option("-k", "show_keys", is_flag=True, expose_value=False, callback=_refuse, help=_KERNEL)
@click.option("-m", "monitor", is_flag=True, expose_value=False, callback=_refuse, help=_KERNEL)
@click.option("-n", "parse_only", is_flag=True, help="Only parse.")
@click.option("-s", "show", metavar="WHAT", expose_value=False, callback=_refuse, help=_KERNEL)
@click.option("-v", "verbose", count=True, help="Print macros and rules; twice: number them, name unused macros.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    definitions: tuple[str, ...],
    file: str | None,
    fifo: str,
    **flags: Any,  # noqa: ANN401 - click's values, each of its option's type
) -> None:
    """Control IPsec: load an ipsec.conf into a running isakmpd, or print what it means.

    \b
    ipsecctl -n -v -f /etc/ipsec.conf    parse and print the commands
    ipsecctl -f /etc/ipsec.conf          write them to the daemon's FIFO
    """
    if file is None:
        raise click.UsageError("name a file with -f", ctx=ctx)
    options = Options(file, fifo, _macros(definitions), **flags)
    run(options, Surroundings(SystemResolver(), socket.gethostname()), sys.stdout, sys.stderr)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    forbid_core_dumps()
    open_closed()
    guard_terminals()
    try:
        command.main(args=arguments, prog_name="ipsecctl", standalone_mode=False)
        sys.stdout.flush()
    except CtlError as error:
        sys.stdout.flush()
        for line in error.lines:
            sys.stderr.write(f"ipsecctl: {line}\n")
        sys.exit(1)
    except click.ClickException as problem:
        problem.show()
        sys.exit(1)
    except click.Abort:
        sys.exit(1)
    except OSError as error:
        discard_output()
        if not isinstance(error, BrokenPipeError):  # who stops reading knows
            sys.stderr.write(f"ipsecctl: cannot write: {error.strerror}\n")
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
