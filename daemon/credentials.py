"""Reads the directories of keys and certificates (isakmpd(8), FILES) into one value for the protocol core.

A file that cannot be used is a line for the log and is left out: one bad certificate stops nobody. Private keys are
held to the rule of all secret files (daemon.files). What others may write to is used, as isakmpd does, and said.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from daemon.files import read_secret
from daemon.ike.algorithms.signatures import MOST_RSA_BITS, PrivateKey, PublicKey
from daemon.ike.trust.assertions import load_grammar
from daemon.ike.trust.certificates import CertificateError, RevocationList, X509Certificate, read_certificate, read_crl
from daemon.ike.trust.holdings import FOLDERS, Holdings, KeynoteIdentity
from daemon.ike.trust.keyring import Keyring
from grammar.nodes import Binding
from policydb.configuration.general import is_switched_on
from policydb.folders import FileRefusedError
from policydb.keynote.keyfiles import unfold
from policydb.keynote.keys import KeyTextError, parse_private

MOST_OCTETS = 2**20
"""Of a file other than a CRL."""

MOST_CRL_OCTETS = 2**26

_PEM = b"-----BEGIN "
_CRL = b"-----BEGIN X509 CRL-----"
_SEQUENCE = b"\x30"
"""With what a CRL in DER begins."""
_DER = serialization.Encoding.DER
_ADDRESS_VERSIONS = {"ipv4": 4, "ipv6": 6}
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: as [X509-certificates], [KeyNote] and [General] of isakmpd.conf say, or below its directory."""

    authorities: Path
    certificates: Path
    crls: Path
    private_key: Path
    private_keys: Path
    public_keys: Path
    keynote: Path
    accept_self_signed: bool = False
    accept_weak: bool = False


def places(bindings: Iterable[Binding], confdir: Path) -> Places:
    """What a configuration says about keys and certificates; of two values of a tag the first counts."""
    said: dict[tuple[str, str], str] = {}
    for each in bindings:
        said.setdefault((each.section.lower(), each.tag.lower()), each.value)

    def path(section: str, tag: str, default: str) -> Path:
        return Path(said.get((section, tag.lower())) or confdir / default)

    section = "x509-certificates"
    return Places(
        authorities=path(section, "CA-directory", "ca"),
        certificates=path(section, "Cert-directory", "certs"),
        crls=path(section, "CRL-directory", "crls"),
        private_key=path(section, "Private-key", "private/local.key"),
        private_keys=path(section, "Private-key-directory", "private"),
        public_keys=path("general", "Pubkey-directory", "pubkeys"),
        keynote=path("keynote", "Credential-directory", "keynote"),
        accept_self_signed=is_switched_on(said.get((section, "accept-self-signed"))),
        accept_weak=said.get(("keynote", "accept-weak-signatures")) == "yes",
    )


def read_credentials(where: Places, uid: int) -> tuple[Keyring, tuple[str, ...]]:
    """Everything that the directories hold, and a line for each file that cannot be used.

    `uid` is the process user's, who must own private keys (or root).
    """
    reader = _Reader(uid)
    holdings = Holdings(
        authorities=_distinct(reader.many(where.authorities, _certificates)),
        certificates=_distinct(reader.many(where.certificates, _certificates)),
        crls=reader.crls(where.crls),
        crl_missing=reader.crl_missing,
        private_key=reader.private(where.private_key),
        private_keys=dict(reader.private_keys(where)),
        public_keys=dict(reader.public_keys(where.public_keys)),
        keynote=dict(reader.keynote(where.keynote)),
        accept_self_signed=where.accept_self_signed,
        accept_weak=where.accept_weak,
    )
    if holdings.private_key or holdings.private_keys or any(each.key for each in holdings.keynote.values()):
        load_grammar()
    if where.accept_self_signed:
        reader.lines.append(
            "[X509-certificates]:Accept-self-signed is set: whoever makes a certificate of his own may call himself "
            "anything"
        )
    return Keyring(holdings), tuple(reader.lines)


def _distinct(found: Iterable[X509Certificate]) -> tuple[X509Certificate, ...]:
    return tuple({each.der: each for each in found}.values())


@dataclass(slots=True)
class _Reader:
    """Reads files one by one and keeps what is wrong with them."""

    uid: int
    lines: list[str] = field(default_factory=list)
    crl_missing: bool = False

    def many(self, folder: Path, parse: Callable[[bytes], list[T]], most: int = MOST_OCTETS) -> Iterator[T]:
        """All that the files of a folder hold."""
        for path in self._files(folder):
            data = self._try(path, partial(self._public, path, most))
            yield from (self._try(path, partial(parse, data)) if data is not None else None) or ()

    def crls(self, folder: Path) -> tuple[RevocationList, ...]:
        """The CRLs of a folder. One that cannot be used does not switch revocation off; other files are no CRLs."""
        found: list[RevocationList] = []
        for path in self._files(folder):
            data = self._try(path, partial(self._public, path, MOST_CRL_OCTETS))
            read = self._try(path, partial(_crls, data)) if data is not None else None
            found += read or ()
            if read is None and path.exists() and (data is None or _CRL in data or data[:1] == _SEQUENCE):
                self.crl_missing = True
                self.lines.append(f"without {path} certificates of peers need another CRL of their issuers")
        return tuple(found)

    def private_keys(self, where: Places) -> Iterator[tuple[str, PrivateKey]]:
        """The keys of a folder by their files' names, the one for everybody left out."""
        for path in self._files(where.private_keys):
            key = None if path == where.private_key else self.private(path)
            if key is not None:
                yield path.name, key

    def private(self, path: Path) -> PrivateKey | None:
        """A private key: a PEM file, or a string of keynote(1)."""
        data = self._try(path, partial(read_secret, path, self.uid, MOST_OCTETS))
        return None if data is None else self._try(path, partial(_private_key, data, path))

    def public_keys(self, folder: Path) -> Iterator[tuple[str, PublicKey]]:
        """The raw public keys of peers by folder and name, addresses in their shortest form."""
        for kind in FOLDERS.values():
            for path in self._files(folder / kind):
                name = self._try(path, partial(_identity_name, kind, path.name))
                data = self._try(path, partial(self._public, path)) if name is not None else None
                key = self._try(path, partial(_public_key, data)) if data is not None else None
                if key is not None:
                    yield f"{kind}/{name}", key

    def keynote(self, folder: Path) -> Iterator[tuple[str, KeynoteIdentity]]:
        """The identities that have KeyNote credentials, a KeyNote key, or both."""
        for inner in self._listed(folder):
            text = self._try(inner / "credentials", partial(self._public, inner / "credentials"))
            key = self.private(inner / "private_key")
            if text is not None or key is not None:
                yield inner.name, KeynoteIdentity(_text(text or b""), key)

    # --- files ----------------------------------------------------------------------------------------------------

    def _listed(self, folder: Path) -> list[Path]:
        """What a folder holds, hidden files left out; nothing where there is no such folder."""
        try:
            return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            self.lines.append(f"not reading {folder}: {error.strerror}")
            return []

    def _files(self, folder: Path) -> list[Path]:
        return [each for each in self._listed(folder) if not each.is_dir()]

    def _public(self, path: Path, most: int = MOST_OCTETS) -> bytes:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileRefusedError(f"not loading {path} - not a regular file")
            if status.st_mode & _WRITABLE:
                self.lines.append(
                    f"{path} can be written to by others\nmend it with: chmod go-w {shlex.quote(str(path))}"
                )
            data = file.read(most + 1)
        if len(data) > most:
            raise FileRefusedError(f"not loading {path} - it has more than {most} octets")
        return data

    def _try(self, path: Path, read: Callable[[], T]) -> T | None:
        """What `read` makes of a file; None, and a line, where it cannot. A file that is not there is no fault."""
        try:
            return read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except FileRefusedError as error:
            self.lines.append(str(error))
        except OSError as error:
            self.lines.append(f"not loading {path} - {error.strerror}")
        except KeyTextError as error:
            self.lines.append(f"not loading {path} - {error}")
        except (CertificateError, ValueError, UnsupportedAlgorithm) as error:
            self.lines.append(f"not loading {path} - {_first_line(error)}")
        return None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


# --- what files hold ----------------------------------------------------------------------------------------------


def _certificates(data: bytes) -> list[X509Certificate]:
    """The certificates of a PEM file, or the one of a DER file."""
    if _PEM not in data:
        return [read_certificate(data)]
    return [read_certificate(each.public_bytes(_DER)) for each in x509.load_pem_x509_certificates(data)]


def _crls(data: bytes) -> list[RevocationList]:
    """The CRLs of a PEM file, or the one of a DER file."""
    if _CRL not in data:
        return [read_crl(data)]
    blocks = data.split(_CRL)[1:]
    return [read_crl(x509.load_pem_x509_crl(_CRL + each).public_bytes(_DER)) for each in blocks]


def _private_key(data: bytes, path: Path) -> PrivateKey:
    """A key in PEM, or as keynote(1) writes it. Raises KeyTextError, whose text never holds the key."""
    try:
        key = serialization.load_pem_private_key(data, None) if _PEM in data else parse_private(unfold(_text(data)))
    except TypeError as cause:
        name = shlex.quote(str(path))
        raise KeyTextError(
            f"it is protected by a passphrase\nmend it with: openssl pkey -in {name} -out {name}.open, and use that"
        ) from cause
    except UnsupportedAlgorithm as cause:
        raise KeyTextError("its kind of key is not known") from cause
    if not isinstance(key, PrivateKey):
        raise KeyTextError("it is no RSA or EC key")
    return key


def _public_key(data: bytes) -> PublicKey:
    key = serialization.load_pem_public_key(data)
    if not isinstance(key, PublicKey):
        raise KeyTextError("it is no RSA or EC key")
    if isinstance(key, RSAPublicKey) and key.key_size > MOST_RSA_BITS:
        raise KeyTextError(f"an RSA key of {key.key_size} bits: no more than {MOST_RSA_BITS} are used")
    return key


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _identity_name(kind: str, name: str) -> str:
    """An identity as the core spells it: addresses in their shortest form (RFC 5952)."""
    if kind not in _ADDRESS_VERSIONS:
        return name
    address = ip_address(name)
    if address.version != _ADDRESS_VERSIONS[kind]:
        raise ValueError(f"{name} is no address of {kind}")
    return str(address)
