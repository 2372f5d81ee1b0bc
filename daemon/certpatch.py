"""The command `certpatch`: adds a subjectAltName to a certificate and signs it anew (isakmpd's tool of old).

    certpatch [-t ip|fqdn|ufqdn] -i IDENTITY -k SIGNING-KEY INPUT OUTPUT

For certificates that some CA software has made without the identity that IKE needs. All else in the certificate stays
as it is. Exit codes: 0 written, 1 not, 2 usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn, TypeAlias

import click
from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from daemon.files import read_secret
from policydb.cores import forbid_core_dumps
from policydb.folders import FileRefusedError
from policydb.streams import guard_terminals, open_closed

MOST_OCTETS = 2**20

SigningKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

NAMES: Mapping[str, Callable[[str], x509.GeneralName]] = {
    "ip": lambda text: x509.IPAddress(ip_address(text)),
    "fqdn": x509.DNSName,
    "ufqdn": x509.RFC822Name,
}
"""The types of identities, and the subjectAltName of each."""


class PatchError(Exception):
    """What ends the program with exit code 1."""


def patched(certificate: x509.Certificate, name: x509.GeneralName, key: SigningKey) -> x509.Certificate:
    """The certificate with one more subjectAltName, signed by `key`. Raises PatchError.

    The key must be the issuer's as far as the certificate tells: its own where it is self-signed, else the one that its
    authorityKeyIdentifier names.
    """
    _check_issuer(certificate, key)
    names = [name]
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(certificate.public_key())
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    critical = not list(certificate.subject)  # RFC 5280 section 4.2.1.6
    for each in certificate.extensions:
        if isinstance(each.value, x509.SubjectAlternativeName):
            names = [*each.value, *(new for new in names if new not in list(each.value))]
            critical = each.critical
        else:
            builder = builder.add_extension(each.value, each.critical)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical)
    return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def _check_issuer(certificate: x509.Certificate, key: SigningKey) -> None:
    if certificate.subject == certificate.issuer:
        if certificate.public_key() != key.public_key():
            raise PatchError("the certificate is self-signed, and the signing key is not its own")
        return
    with suppress(x509.ExtensionNotFound):
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest
        # Other ways to make an identifier exist (RFC 5280 section 4.2.1.2); this one is 20 octets of SHA-1.
        if named is not None and len(named) == len(own) and named != own:
            raise PatchError("the signing key is not the issuer's: the certificate's authorityKeyIdentifier differs")


def _read_certificate(path: Path) -> x509.Certificate:
    with path.open("rb") as file:
        return x509.load_pem_x509_certificate(file.read(MOST_OCTETS))


def _read_key(path: Path) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(read_secret(path, os.geteuid(), MOST_OCTETS), None)
    except TypeError as cause:
        raise PatchError(f"{path}: a key with a passphrase cannot be used") from cause
    if not isinstance(key, SigningKey):
        raise PatchError(f"{path}: neither an RSA nor an EC nor an Ed25519 key")
    return key


def _write(path: Path, data: bytes) -> None:
    """Beside the old file and renamed, so that input and output may be the same."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


@click.command()
@click.option("-t", "kind", type=click.Choice(tuple(NAMES)), default="ip", show_default=True, help="What IDENTITY is.")
@click.option("-i", "identity", metavar="IDENTITY", required=True, help="An address, a host name, or user@host.")
@click.option("-k", "key", metavar="SIGNING-KEY", required=True, type=click.Path(path_type=Path), help="PEM, the CA's.")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUTPUT", type=click.Path(path_type=Path))
def command(kind: str, identity: str, key: Path, source: Path, target: Path) -> None:
    """Add IDENTITY as a subjectAltName to the PEM certificate INPUT, sign it anew, and write OUTPUT.

    INPUT and OUTPUT may be the same file. Names that are there already stay.

    \b
      certpatch -i 192.0.2.1 -k ca.key host.crt host.crt
      certpatch -t fqdn -i east.example.org -k ca.key host.crt east.crt

    Exit codes:  0 written   1 not   2 usage
    """
    try:
        made = patched(_read_certificate(source), NAMES[kind](identity), _read_key(key))
        _write(target, made.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise PatchError(f"{error.filename}: {error.strerror}") from error
    except (FileRefusedError, UnsupportedAlgorithm, InternalError, ValueError, x509.DuplicateExtension) as error:
        raise PatchError((str(error).splitlines() or [type(error).__name__])[0]) from error


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    forbid_core_dumps()
    open_closed()
    guard_terminals()
    try:
        command.main(args=arguments, prog_name="certpatch", standalone_mode=False)
    except PatchError as error:
        sys.stderr.write(f"certpatch: {error}\n")
        sys.exit(1)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except click.Abort:
        sys.exit(1)
    sys.exit(0)


if __name__ == "__main__":
    main()
