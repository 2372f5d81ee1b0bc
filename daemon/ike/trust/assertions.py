"""What keys, certificates and credentials are to policy: principals and assertions (isakmpd.policy(5), RFC 2704).

Each link of a chain of certificates says two things, both trusted because the link was verified: the issuer's key
licenses the holder's key, and the issuer's name licenses the holder's name; in IPsec policy, as long as the certificate
is valid. KeyNote credentials prove themselves, every assertion by its own signature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from daemon.ike import limits
from daemon.ike.trust.certificates import CertificateError, CertifiedKey, X509Certificate
from daemon.ike.trust.chains import Chain
from grammar.principal import (
    DsaKey,
    EcdsaKey,
    EcdsaP384Key,
    EcdsaP521Key,
    Ed25519Key,
    Key,
    PrincipalError,
    RsaKey,
    format_key,
    parse_key,
)
from policydb.attributes import APP_DOMAIN
from policydb.graph import CompiledAssertion

_WORD = re.compile(r"\w+|[^\w\s]")

_CURVES: dict[str, type[EcdsaKey | EcdsaP384Key | EcdsaP521Key]] = {
    ec.SECP256R1.name: EcdsaKey,
    ec.SECP384R1.name: EcdsaP384Key,
    ec.SECP521R1.name: EcdsaP521Key,
}
_LIBRARY: dict[type[Key], ec.EllipticCurve] = {
    EcdsaKey: ec.SECP256R1(),
    EcdsaP384Key: ec.SECP384R1(),
    EcdsaP521Key: ec.SECP521R1(),
}


# --- keys ---------------------------------------------------------------------------------------------------------


def principal(key: CertifiedKey) -> str:
    """The canonical principal of a public key: `rsa-hex:` and its like. Raises CertificateError where there is none."""
    return format_key(_named(key))


def _named(key: CertifiedKey) -> Key:
    match key:
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            return RsaKey(numbers.n, numbers.e)
        case ec.EllipticCurvePublicKey():
            kind = _CURVES.get(key.curve.name)
            if kind is None:
                raise CertificateError(f"keys on the curve {key.curve.name} have no principal")
            point = key.public_numbers()
            return kind(point.x, point.y)
        case ed25519.Ed25519PublicKey():
            return Ed25519Key(key.public_bytes_raw())
        case dsa.DSAPublicKey():
            public = key.public_numbers()
            shared = public.parameter_numbers
            return DsaKey(public.y, shared.p, shared.q, shared.g)


def key_of(name: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """The public key that a principal names, if it is one that authenticates in IKE. Raises CertificateError."""
    try:
        match parse_key(name):
            case RsaKey(n, e):
                return rsa.RSAPublicNumbers(e, n).public_key()
            case EcdsaKey(x, y) | EcdsaP384Key(x, y) | EcdsaP521Key(x, y) as point:
                return ec.EllipticCurvePublicNumbers(x, y, _LIBRARY[type(point)]).public_key()
    except (PrincipalError, ValueError, OverflowError) as cause:
        raise CertificateError(f"the licensee's key cannot be used: {cause}") from cause
    raise CertificateError("the licensee is no RSA or ECDSA key")


# --- chains -------------------------------------------------------------------------------------------------------


def chain_assertions(chain: Chain) -> tuple[CompiledAssertion, ...]:
    """Two assertions for each link, by keys and by names. Raises CertificateError for a key that has no principal."""
    return tuple(
        _compiled(text, f"certificate of {below}")
        for below, issuer in pairwise(chain)
        if below.der != issuer.der
        for text in _link(below, issuer)
    )


def load_grammar() -> None:
    """Load all that telling policy needs: better at the start than while the first peer waits."""
    _compiled(_text("nobody", "nobody", "20000101000000", "20000101000000"), "nothing")
    keynote_credentials("", "nothing", accept_weak=False)


def _link(below: X509Certificate, issuer: X509Certificate) -> Iterator[str]:
    times = _digits(below.begins), _digits(below.ends)
    yield _text(principal(issuer.key), principal(below.key), *times)
    if below.holder and issuer.holder:
        yield _text(f"DN:{issuer.holder}", f"DN:{below.holder}", *times)


def _text(authorizer: str, licensee: str, begins: str, ends: str) -> str:
    """An assertion in the form that isakmpd writes, with the conditions of both its code and its manual."""
    return (
        "KeyNote-Version: 2\n"
        f"Authorizer: {_quoted(authorizer)}\n"
        f"Licensees: {_quoted(licensee)}\n"
        f'Conditions: app_domain == "{APP_DOMAIN}" &&\n'
        f'    GMTTimeOfDay >= "{begins}" &&\n'
        f'    GMTTimeOfDay <= "{ends}";\n'
    )


def _quoted(text: str) -> str:
    """A string literal; names in one line are printable ASCII."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _digits(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _compiled(text: str, source: str) -> CompiledAssertion:
    # Imported here: the grammar is slow to load, and pre-shared keys need none.
    from grammar.errors import GrammarError
    from grammar.keynote import parse_assertion
    from policydb.keynote.conditions import compile_assertion

    try:
        return compile_assertion(parse_assertion(text, source), source)
    except GrammarError as cause:
        raise CertificateError(f"{source}: it cannot be told to policy: {cause}") from cause


# --- KeyNote credentials (isakmpd.policy(5), certificate encoding 11) ----------------------------------------------


@dataclass(frozen=True, slots=True)
class KeynoteCredentials:
    """Credentials that somebody handed in: the assertions that count, and why the others do not.

    `licensee`: whom the last one licenses, a canonical principal; None where it does not count or names not one key.
    """

    assertions: tuple[CompiledAssertion, ...]
    ignored: tuple[str, ...]
    licensee: str | None


def keynote_credentials(text: str, source: str, *, accept_weak: bool) -> KeynoteCredentials:
    """The credentials in a text (latin-1: a character is an octet), each verified by itself.

    The text is measured before it is read, and split once.
    """
    # Imported here as above.
    from grammar.fields import split_assertions
    from policydb.keynote.assemble import Assembly

    if excess := _excess(text):
        return KeynoteCredentials((), (f"{source}: more than {excess}",), None)
    pieces = split_assertions(text)
    if len(pieces) > limits.CREDENTIALS:
        return KeynoteCredentials((), (f"{source}: more than {limits.CREDENTIALS} assertions",), None)
    assembly = Assembly(accept_weak)
    assembly.add_pieces(source, pieces)
    ignored = tuple(f"{each.place.source}:{each.place.line}: {each.reason}" for each in assembly.ignored)
    last = assembly.assertions[-1] if assembly.assertions else None
    if last is None or any(each.place.line > last.place.line for each in assembly.ignored):
        return KeynoteCredentials(tuple(assembly.assertions), ignored, None)
    licensee = last.licensees if isinstance(last.licensees, str) else None
    return KeynoteCredentials(tuple(assembly.assertions), ignored, licensee)


def _excess(text: str) -> str:
    """Of what the text has too much to be read; "" where it is all right."""
    if len(text) > limits.CREDENTIAL_OCTETS:
        return f"{limits.CREDENTIAL_OCTETS} octets"
    if text.count("\n") > limits.CREDENTIAL_LINES:
        return f"{limits.CREDENTIAL_LINES} lines"
    words = sum(1 for _ in islice(_WORD.finditer(text), limits.CREDENTIAL_WORDS + 1))
    return f"{limits.CREDENTIAL_WORDS} words and signs" if words > limits.CREDENTIAL_WORDS else ""
