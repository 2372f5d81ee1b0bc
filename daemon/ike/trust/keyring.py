"""Every key and certificate that the daemon has, as one value: with what it signs, and whom it believes (isakmpd(8)).

Nothing is read here: daemon.credentials reads the directories, and a Keyring is made of what is in them. A name that a
peer sends is looked up, and never becomes part of a path.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from daemon.ike.algorithms.signatures import PrivateKey, fits
from daemon.ike.messages.payloads import Certificate, CertificateRequest, Identification
from daemon.ike.registries import AuthenticationMethod, CertificateEncoding, IdType
from daemon.ike.trust.certificates import RevocationList, X509Certificate
from daemon.ike.trust.chains import LONGEST, Trust, by_subject
from daemon.ike.trust.credentials import PeerKeys, Signer
from daemon.ike.trust.holdings import Holdings, KeynoteIdentity, file_name
from daemon.ike.trust.judgement import Judgement

MOST_REQUESTS = 8
"""CERT_REQ payloads in a message; with more CAs than that one asks for a certificate of any."""


class Keyring:
    """Answers the protocol core (daemon.ike.surroundings.Credentials). It never changes."""

    def __init__(self, holdings: Holdings | None = None) -> None:
        self._held = held = holdings or Holdings()
        crls: dict[bytes, tuple[RevocationList, ...]] = {}
        for crl in held.crls:
            crls[crl.issuer] = (*crls.get(crl.issuer, ()), crl)
        self._trust = Trust(
            by_subject(held.authorities),
            by_subject(held.certificates),
            crls,
            accept_weak=held.accept_weak,
            crl_missing=held.crl_missing,
        )
        self._by_name: dict[tuple[IdType, bytes], tuple[X509Certificate, ...]] = {}
        for each in held.certificates:
            for name in dict.fromkeys(each.names):
                self._by_name[name] = (*self._by_name.get(name, ()), each)
        ours = [each.public_key() for each in (held.private_key, *held.private_keys.values()) if each is not None]
        # Looked for once: strangers ask for our certificate with every first message.
        self._ways = {each.der: (*self._way_up(each),) for each in held.certificates if each.key in ours}

    def __repr__(self) -> str:
        held = self._held
        return f"<Keyring of {len(held.authorities)} CAs, {len(held.certificates)} certificates>"

    # --- ourselves ------------------------------------------------------------------------------------------------

    def own(
        self,
        identity: Identification,
        method: AuthenticationMethod,
        requests: Sequence[CertificateRequest],
        now: datetime,
    ) -> Signer | None:
        """With what we prove an identity: our KeyNote key, a certificate's, or a bare key, in this order.

        A KeyNote key is passed over where the peer asks for X.509 certificates alone and we have one. None: no key.
        """
        _, name = file_name(identity)
        keynote = self._held.keynote.get(name, KeynoteIdentity())
        key = self._held.private_keys.get(name, self._held.private_key)
        usable = key if key is not None and fits(method, key) else None
        certificates = self._our_certificates(identity, usable, requests, now) if usable is not None else ()
        wants = {each.encoding for each in requests}
        only_x509 = CertificateEncoding.X509_SIG in wants and CertificateEncoding.KEYNOTE not in wants
        if keynote.key is not None and fits(method, keynote.key) and not (certificates and only_x509):
            octets = keynote.credentials.encode("latin-1")
            sent = (Certificate(CertificateEncoding.KEYNOTE, octets),) if octets else ()
            return Signer(method, keynote.key, sent)
        if usable is None:
            return None
        return Signer(method, usable, certificates)

    def _our_certificates(
        self, identity: Identification, key: PrivateKey, requests: Sequence[CertificateRequest], now: datetime
    ) -> tuple[Certificate, ...]:
        """The certificate of a key under one of our identities, and the CAs between it and the one at the top.

        Of several one counts that is valid now, then one that leads to a CA that the peer asked for, then the newest.
        """
        wanted = {each.authority for each in requests if each.encoding is CertificateEncoding.X509_SIG}
        public = key.public_key()
        ways = [
            self._ways[each.der] for each in self._by_name.get((identity.type, identity.data), ()) if each.key == public
        ]
        if not ways:
            return ()
        best = max(
            ways,
            key=lambda way: (
                way[0].begins <= now <= way[0].ends,
                any(each.issuer in wanted or each.subject in wanted for each in way),
                way[0].begins,
            ),
        )
        sent = (best[0], *(each for each in best[1:] if not each.self_issued))
        return tuple(Certificate(CertificateEncoding.X509_SIG, each.der) for each in sent)

    def _way_up(self, certificate: X509Certificate) -> Iterator[X509Certificate]:
        """A certificate and those above it, as far as we have them."""
        seen: set[bytes] = set()
        top: X509Certificate | None = certificate
        while top is not None and top.der not in seen and len(seen) < LONGEST:
            yield top
            seen.add(top.der)
            above = (*self._trust.helpers.get(top.issuer, ()), *self._trust.authorities.get(top.issuer, ()))
            top = next((each for each in above if top.signed_by(each)), None)

    def subject(self, holder: str) -> bytes | None:
        """The DER name that a certificate of ours has in one line as `holder`; None where there is none."""
        return next((each.subject for each in self._held.certificates if each.holder == holder), None)

    def requests(self) -> tuple[CertificateRequest, ...]:
        """Which certificates we ask a peer for: those of our CAs; nothing where there are none."""
        names = tuple(self._trust.authorities)
        asked = names if len(names) <= MOST_REQUESTS else (b"",)
        return tuple(CertificateRequest(CertificateEncoding.X509_SIG, each) for each in asked)

    # --- the peer -------------------------------------------------------------------------------------------------

    def judge(
        self,
        identity: Identification,
        certificates: Sequence[Certificate],
        method: AuthenticationMethod,
        now: datetime,
    ) -> PeerKeys:
        """The keys that may be those of whoever calls himself `identity`, and what each would prove.

        In isakmpd's order: certificates of Cert-directory, those that the peer sent, KeyNote credentials, public keys.
        """
        pinned = self._by_name.get((identity.type, identity.data), ())
        return Judgement(self._held, self._trust, identity, method, now).of(pinned, certificates)
