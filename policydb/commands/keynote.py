"""`policydb keynote keygen|sign|sigver|verify`: the tool of keynote(1), its arguments in its order, its exit codes.

It loads parser and cryptography inside the commands, for `policydb` loads this file always.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from policydb.commands.support import Ask, Unusable, read_text, show_findings, shown, value_list

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grammar.nodes import Assertion
    from policydb.keynote.keys import PrivateKey

FAILURE = 255
"""keynote(1) ends with -1 where anything went wrong, the command line included."""

_FILE = click.Path(dir_okay=False, allow_dash=True)
_WEAK = click.option(
    "--accept-weak-signatures",
    "accept_weak",
    is_flag=True,
    help="Signatures with MD5, SHA-1 or a weak RSA key count too.",
)
_OFFSET = click.argument("print_offset", type=click.IntRange(0, 1000), default=12, required=False)
_LENGTH = click.argument("print_length", type=click.IntRange(3, 100_000), default=50, required=False)


class _Keynote(click.Group):
    """Gives errors the exit code of keynote(1)."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's signature
    ) -> click.Context:
        with _failing():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        with _failing():
            return super().invoke(ctx)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except click.ClickException as problem:
        problem.show()
        raise click.exceptions.Exit(FAILURE) from None


@click.group(cls=_Keynote)
def keynote() -> None:
    """Make keys, sign credentials, verify them: keynote(1).

    A credential is a signed assertion: it says what its authorizer's key delegates to others. Algorithms are written
    with the colon behind them, as in rsa-base64: and sig-rsa-sha256-base64: ; docs/keys-and-signatures.md lists them.

    \b
    Example:
      policydb keynote keygen ed25519-base64: 256 alice.pub alice.key
      policydb keynote sign sig-ed25519-base64: credential alice.key >> credential
      policydb keynote sigver credential

    \b
    Exit codes:  0 done, all signatures verify   255 anything else (keynote(1): -1)
    """


@keynote.command()
@click.argument("algorithm", metavar="ALGORITHM")
@click.argument("bits", metavar="KEYSIZE", type=click.IntRange(1))
@click.argument("public", metavar="PUBLIC-KEY-FILE", type=_FILE)
@click.argument("private", metavar="PRIVATE-KEY-FILE", type=_FILE)
@_OFFSET
@_LENGTH
def keygen(*, algorithm: str, bits: int, public: str, private: str, print_offset: int, print_length: int) -> None:
    """Make a key.

    ALGORITHM is rsa-, dsa-, ecdsa-p256- or ed25519-, then hex: or base64:. KEYSIZE counts bits; ecdsa-p256 and ed25519
    have 256. Both files must be new; the private one is for its owner alone. - prints a key instead. The keys are
    written as strings, PRINT-OFFSET blanks before each line (default 12), PRINT-LENGTH characters on it (default 50).

    \b
    Example:
      policydb keynote keygen rsa-base64: 3072 alice.pub alice.key
    """
    from grammar.encodings import ENCODINGS
    from policydb.keynote.keyfiles import NewFile, create, fold
    from policydb.keynote.keys import KINDS, generate, private_text, public_text

    name, _, encoding = algorithm.removesuffix(":").lower().rpartition("-")
    if name not in KINDS or encoding not in ENCODINGS:
        known = ", ".join(f"{each}-hex: {each}-base64:" for each in KINDS)
        raise click.UsageError(f"{algorithm!r} is no kind of key that can be made; these are: {known}")
    with _explained():
        key = generate(KINDS[name], bits)
        made = [
            NewFile(file, fold(text, print_offset, print_length), secret)
            for file, text, secret in (
                (private, private_text(key, encoding), True),
                (public, public_text(key, encoding), False),
            )
        ]
        create(each for each in made if each.name != "-")
    for each in reversed(made):
        if each.name == "-":
            click.echo(each.text, nl=False)


@keynote.command()
@click.option("-v", "checked", is_flag=True, help="Verify the signature with the Authorizer's key.")
@click.argument("algorithm", metavar="ALGORITHM")
@click.argument("assertion", metavar="ASSERTION-FILE", type=_FILE)
@click.argument("private", metavar="PRIVATE-KEY-FILE", type=_FILE)
@_OFFSET
@_LENGTH
def sign(*, checked: bool, algorithm: str, assertion: str, private: str, print_offset: int, print_length: int) -> None:
    """Sign an assertion.

    Prints the value of the Signature field, which you put at the end of the assertion: behind `Signature:`, as its
    last field. Its Authorizer is the public key of the private key. ALGORITHM is as the key:
    sig-rsa-sha256-, sig-ecdsa-p256-sha256-, sig-ed25519-, or of old sig-rsa-sha1-, sig-rsa-md5-, sig-x509-sha1-,
    sig-dsa-sha1-; then hex: or base64:.

    \b
    Example:
      echo "Signature:" >> credential
      policydb keynote sign sig-rsa-sha256-base64: credential alice.key >> credential
    """
    from policydb.keynote.algorithms import LABELS, find
    from policydb.keynote.keyfiles import fold
    from policydb.keynote.signing import sign as signed
    from policydb.keynote.signing import with_signature

    label = find(algorithm.removesuffix(":"))
    if label is None:
        known = ", ".join(f"{each}:" for each in LABELS)
        raise click.UsageError(f"{algorithm!r} is no signature algorithm; these are: {known}")
    if label.algorithm.weakness:
        click.echo(f"warning: {algorithm} is weak, {label.algorithm.weakness}: few will accept it", err=True)
    text = read_text(assertion)
    with _explained():
        value = signed(text, label, _private_key(private))
        literal = fold(value, print_offset, print_length)
        whole = _parsed(with_signature(text, value), assertion)
    if checked:
        _check(whole, assertion)
        click.echo("the signature verifies", err=True)
    click.echo(literal, nl=False)


@keynote.command()
@click.argument("assertions", metavar="[ASSERTION-FILE]", type=_FILE, default="-", required=False)
@_WEAK
@click.pass_context
def sigver(ctx: click.Context, *, assertions: str, accept_weak: bool) -> None:
    """Verify signatures.

    Every assertion of the file is verified for itself; without a file, those of standard input.

    \b
    Example:
      policydb keynote sigver credential
    """
    from grammar.keynote import parse_policy
    from policydb.keynote.assemble import first_error
    from policydb.keynote.credentials import CredentialError
    from policydb.keynote.credentials import verify as verified

    parsed = parse_policy(read_text(assertions), assertions, signed=True)
    told = [(each.span.line, first_error(each.diagnostics)) for each in parsed.dropped]
    for each in parsed.assertions:
        try:
            verified(each, accept_weak=accept_weak)
        except CredentialError as error:
            told.append((each.span.line, str(error)))
        else:
            told.append((each.span.line, ""))
    if not told:
        raise Unusable(f"{assertions}: there is no assertion in it")
    for line, reason in sorted(told):
        click.echo(f"{assertions}:{line}: {f'not verified: {shown(reason)}' if reason else 'signature verified'}")
    ctx.exit(FAILURE if any(reason for _, reason in told) else 0)


@keynote.command()
@click.option("-e", "environments", multiple=True, type=_FILE, metavar="FILE", help='Attributes: lines NAME = "VALUE".')
@click.option("-l", "policies", multiple=True, required=True, type=_FILE, metavar="FILE", help="Trusted assertions.")
@click.option(
    "-r", "values", required=True, callback=value_list, metavar="A,B,C", help="The compliance values, lowest first."
)
@click.option("-k", "keys", multiple=True, type=_FILE, metavar="FILE", help="The key of one who asks.")
@click.argument("credentials", nargs=-1, type=_FILE, metavar="[FILE]...")
@_WEAK
def verify(
    *,
    environments: tuple[str, ...],
    policies: tuple[str, ...],
    values: tuple[str, ...],
    keys: tuple[str, ...],
    credentials: tuple[str, ...],
    accept_weak: bool,
) -> None:
    """Ask policies and credentials.

    The assertions of -l files are trusted; those of the other files count if their signatures verify. Prints the
    compliance value; exit code 0 says that there was an answer, whatever it was.

    \b
    Example:
      policydb keynote verify -e action -l policy -r false,true -k alice.pub credential
    """
    from policydb.commands.decide import question
    from policydb.keynote.checker import decide
    from policydb.keynote.keyfiles import environment, unfold

    attributes: dict[str, str] = {}
    with _explained():
        for file in environments:
            with _named(file):
                attributes.update(environment(read_text(file)))
        authorizers = []
        for file in keys:
            with _named(file):
                authorizers.append(os.fsdecode(unfold(read_text(file)).encode("latin-1")))
    ask = Ask(policies, credentials, None, tuple(authorizers), attributes, values, accept_weak)
    with question(ask) as (graph, request):
        click.echo(f"Query result = {shown(decide(graph, request))}")


@contextmanager
def _explained() -> Iterator[None]:
    """Errors in keys and their files as errors of the command line."""
    from policydb.keynote.keyfiles import KeyFileError
    from policydb.keynote.keys import KeyTextError
    from policydb.keynote.signing import SigningError

    try:
        yield
    except (KeyFileError, KeyTextError, SigningError) as problem:
        raise Unusable(str(problem)) from None


@contextmanager
def _named(file: str) -> Iterator[None]:
    """The name of the file in front of what is wrong with it."""
    from policydb.keynote.keyfiles import KeyFileError

    try:
        yield
    except KeyFileError as problem:
        raise KeyFileError(f"{file}: {problem}") from None


def _private_key(file: str) -> PrivateKey:
    from policydb.keynote.keyfiles import unfold
    from policydb.keynote.keys import parse_private

    with _named(file):
        return parse_private(unfold(read_text(file)))


def _parsed(text: str, source: str) -> Assertion:
    """The assertion that has just been signed. Raises Unusable with its errors: nobody could use it."""
    from grammar.errors import GrammarError
    from grammar.keynote import parse_assertion

    try:
        return parse_assertion(text, source, signed=True)
    except GrammarError as error:
        show_findings(error.diagnostics, {source: text})
        raise Unusable(f"{source}: it is no assertion that could be used, so it is not signed") from None


def _check(assertion: Assertion, source: str) -> None:
    """Whether the new signature verifies. Raises Unusable."""
    from policydb.keynote.credentials import CredentialError
    from policydb.keynote.credentials import verify as verified

    try:
        verified(assertion, accept_weak=True)
    except CredentialError as error:
        raise Unusable(f"{source}: {error}", "the Authorizer must be the public key of the private key") from None
