"""From a certificate to a CA that is trusted: the chain, link by link, or the reason why there is none (RFC 5280).

Theory of operation. A chain begins with the certificate of whoever signs and goes up through certificates that the peer
sent or that lie in the directories. Every link is checked before the next one is looked for: names, signature, times,
what the issuer may do, CRLs. It is found once it reaches a certificate of CA-directory; where that has an issuer there
too, the chain goes on, so that a policy may name either. Lengths and the number of signatures looked at are bounded,
for all of this is done for strangers.

docs/decisions/0009-certificates.md says why this is not `cryptography.x509.verification`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from daemon.ike.trust.certificates import CertificateError, RevocationList, X509Certificate

LONGEST = 8
"""Certificates of a chain, both ends included."""

MOST_CHECKS = 32
"""Signatures that are looked at for one chain."""

Chain: TypeAlias = tuple[X509Certificate, ...]
"""The certificate of whoever signs, its issuer, and so on up to a trusted one; all links verified."""


def by_subject(certificates: Iterable[X509Certificate]) -> dict[bytes, tuple[X509Certificate, ...]]:
    """Certificates by their subject."""
    found: dict[bytes, tuple[X509Certificate, ...]] = {}
    for each in certificates:
        found[each.subject] = (*found.get(each.subject, ()), each)
    return found


@dataclass(frozen=True, slots=True)
class Trust:
    """What certificates are held against. `authorities` are trusted, `helpers` only ever links between.

    `crls`: where there is one at all, the certificate at the lower end needs a current CRL of its issuer; so it does
    where there is one that cannot be used (`crl_missing`). `accept_weak`: signatures with MD5 or SHA-1 and short keys
    count.
    """

    authorities: Mapping[bytes, tuple[X509Certificate, ...]] = field(default_factory=dict)
    helpers: Mapping[bytes, tuple[X509Certificate, ...]] = field(default_factory=dict)
    crls: Mapping[bytes, tuple[RevocationList, ...]] = field(default_factory=dict)
    accept_weak: bool = False
    crl_missing: bool = False

    def trusts(self, certificate: X509Certificate) -> bool:
        """Whether the certificate itself is in CA-directory."""
        return certificate in self.authorities.get(certificate.subject, ())

    def usurps(self, certificate: X509Certificate) -> bool:
        """Whether a certificate bears the name of a CA in CA-directory and not its key.

        `DN:` principals are names: whoever gets a CA's name certified, under whichever CA, would be that CA to policy.
        The form in one line is compared, since that is what policy sees.
        """
        same = [each for group in self.authorities.values() for each in group if each.holder == certificate.holder]
        return bool(same) and all(each.key != certificate.key for each in same)


def find_chain(certificate: X509Certificate, received: Iterable[X509Certificate], trust: Trust, now: datetime) -> Chain:
    """The chain from a certificate to CA-directory, over those the peer sent with it. Raises CertificateError."""
    check_holder(certificate, trust, now)
    return _Search(trust, by_subject(received), now).upward((certificate,))


def check_holder(certificate: X509Certificate, trust: Trust, now: datetime) -> None:
    """What the certificate of whoever signs must be by itself. Raises CertificateError."""
    _check_times(certificate, now)
    if not certificate.may_authenticate:
        raise CertificateError(f"{certificate}: its key usage does not allow to authenticate with it (RFC 4945)")
    if certificate.weak_key and not trust.accept_weak:
        raise CertificateError(f"{certificate}: {certificate.weak_key}, and weak ones are not accepted")
    if trust.usurps(certificate):
        raise CertificateError(f"{certificate}: it bears the name of a CA in CA-directory and has another key")


def check_revocation(
    certificate: X509Certificate, issuer: X509Certificate, trust: Trust, now: datetime, *, needed: bool
) -> None:
    """That no CRL of the issuer names a certificate; `needed`: that there is a current one. Raises CertificateError.

    A CRL past its time still tells who was revoked; it no longer tells that somebody was not.
    """
    found = [each for each in trust.crls.get(issuer.subject, ()) if each.signed_by(issuer)]
    strong = [each for each in found if trust.accept_weak or not each.weak_signature]
    if any(certificate.serial in each.serials for each in found):
        raise CertificateError(f"{certificate}: revoked by {issuer}")
    if needed and not any(each.begins <= now and (each.ends is None or now < each.ends) for each in strong):
        raise CertificateError(f"{certificate}: {_why_no_crl(found, strong)}, {issuer}")


def _why_no_crl(found: Sequence[RevocationList], strong: Sequence[RevocationList]) -> str:
    if strong:
        return "the CRL of its issuer is out of date"
    return "the CRL of its issuer has a weak signature" if found else "there is no CRL of its issuer"


def _check_times(certificate: X509Certificate, now: datetime) -> None:
    if now < certificate.begins:
        raise CertificateError(f"{certificate}: not valid before {certificate.begins:%Y-%m-%d %H:%M:%S} GMT")
    if now > certificate.ends:
        raise CertificateError(f"{certificate}: expired {certificate.ends:%Y-%m-%d %H:%M:%S} GMT")


class _Search:
    """One depth-first search; remembers how many signatures it has looked at, and the reason of the farthest end."""

    def __init__(self, trust: Trust, received: Mapping[bytes, tuple[X509Certificate, ...]], now: datetime) -> None:
        self._trust = trust
        self._received = received
        self._now = now
        self._checks = 0

    def upward(self, path: Chain) -> Chain:
        """The longest chain that begins with `path`. Raises CertificateError with the reason of the first way tried."""
        top = path[-1]
        trusted = self._trust.trusts(top)
        reason: CertificateError | None = None
        for issuer in () if trusted and top.self_issued else self._issuers(top, trusted):
            if issuer in path:
                continue
            try:
                self._check_link(path, issuer)
                return self.upward((*path, issuer))
            except CertificateError as error:
                reason = reason or error
        if trusted:
            return path
        raise reason or CertificateError(f"{top}: no trusted certificate of its issuer is there")

    def _issuers(self, certificate: X509Certificate, trusted: bool) -> Iterable[X509Certificate]:
        """Who may have issued it, CAs first; above a trusted one only trusted ones count."""
        trust = self._trust
        sources = (trust.authorities,) if trusted else (trust.authorities, trust.helpers, self._received)
        return dict.fromkeys(each for source in sources for each in source.get(certificate.issuer, ()))

    def _check_link(self, path: Chain, issuer: X509Certificate) -> None:
        """That the issuer may have signed the last of the path, and did. Raises CertificateError."""
        below, trust = path[-1], self._trust
        if len(path) >= LONGEST:
            raise CertificateError(f"{path[0]}: a chain of more than {LONGEST} certificates")
        self._check_issuer(issuer, sum(not each.self_issued for each in path[1:]))
        if below.weak_signature and not trust.accept_weak:
            raise CertificateError(f"{below}: {below.weak_signature}, and weak ones are not accepted")
        self._checks += 1
        if self._checks > MOST_CHECKS:
            raise CertificateError(f"{path[0]}: more than {MOST_CHECKS} signatures to look at")
        if not below.signed_by(issuer):
            raise CertificateError(f"{below}: not signed by {issuer}")
        needed = bool(trust.crls) or trust.crl_missing
        check_revocation(below, issuer, trust, self._now, needed=needed and len(path) == 1)

    def _check_issuer(self, issuer: X509Certificate, between: int) -> None:
        """That a certificate is one of a CA that may have `between` CAs below it. Raises CertificateError."""
        _check_times(issuer, self._now)
        trusted = self._trust.trusts(issuer)
        # Certificates of version 1 have no basicConstraints: whoever puts one into CA-directory says that it is a CA.
        if issuer.is_ca is not True and not (issuer.version_1 and trusted):
            raise CertificateError(f"{issuer}: not a CA (basicConstraints)")
        if not issuer.may_sign_certificates:
            raise CertificateError(f"{issuer}: its key usage does not allow to sign certificates")
        if issuer.path_length is not None and between > issuer.path_length:
            raise CertificateError(f"{issuer}: allows {issuer.path_length} CAs below it, and there are {between}")
        if issuer.weak_key and not self._trust.accept_weak:
            raise CertificateError(f"{issuer}: {issuer.weak_key}, and weak ones are not accepted")
        if not trusted and self._trust.usurps(issuer):
            raise CertificateError(f"{issuer}: it bears the name of a CA in CA-directory and has another key")
