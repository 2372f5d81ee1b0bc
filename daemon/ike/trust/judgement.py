"""Whose keys a peer's may be: certificates, credentials and public keys held against the identity that it claims.

What is wrong with one of them is a reason and no error: another may do. Nothing is believed here; which key it was, the
signature shows (daemon.ike.authentication).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

from daemon.ike import limits
from daemon.ike.algorithms.signatures import PublicKey, fits
from daemon.ike.messages.payloads import Certificate, Identification
from daemon.ike.registries import AuthenticationMethod, CertificateEncoding
from daemon.ike.trust.assertions import KeynoteCredentials, chain_assertions, key_of, keynote_credentials, principal
from daemon.ike.trust.certificates import CertificateError, X509Certificate, read_certificate
from daemon.ike.trust.chains import Chain, Trust, check_holder, check_revocation, find_chain
from daemon.ike.trust.credentials import PeerKey, PeerKeys, Proof
from daemon.ike.trust.holdings import Holdings, KeynoteIdentity, file_name
from policydb.graph import CompiledAssertion

_WORD = "rsa_sig_decode_hash"


class Judgement:
    """One look at a peer: who it says it is, and what speaks for that."""

    def __init__(
        self, held: Holdings, trust: Trust, identity: Identification, method: AuthenticationMethod, now: datetime
    ) -> None:
        self._held = held
        self._trust = trust
        self._claim = (identity.type, identity.data)
        self._folder, self._name = file_name(identity)
        self._method = method
        self._now = now
        self._learnt: tuple[CompiledAssertion, ...] = ()
        self._keys: list[PeerKey] = []
        self._refused: list[str] = []

    def of(self, pinned: Iterable[X509Certificate], certificates: Sequence[Certificate]) -> PeerKeys:
        """The keys, in isakmpd's order. `pinned`: certificates of Cert-directory that bear the identity."""
        sent = [each.data for each in certificates if each.encoding is CertificateEncoding.X509_SIG]
        received = self._read(sent[: limits.CERTIFICATES])
        told = self._credentials(certificates)
        for each in pinned:
            self._attempt(f"{_WORD}: certificate in Cert-directory", partial(self._pinned, each, received))
        named = [each for each in received if self._claim in each.names][: limits.NAMED_CERTIFICATES]
        for each in named:
            self._attempt(f"{_WORD}: received CERT can't be validated", partial(self._certified, each, received))
        if received and not named:
            self._refused.append(f"{_WORD}: no subject of a received CERT matches the ID")
        for credentials, from_peer in told:
            self._attempt(f"{_WORD}: KeyNote credentials", partial(self._credited, credentials, from_peer))
        self._attempt(f"{_WORD}: public key", self._bare)
        return PeerKeys(tuple(self._keys), tuple(self._refused))

    def _attempt(self, what: str, find: Callable[[], PeerKey | None]) -> None:
        try:
            found = find()
        except CertificateError as error:
            self._refused.append(f"{what}: {error}")
            return
        if found is not None and fits(self._method, found.key):
            self._keys.append(found)
        elif found is not None:
            self._refused.append(f"{what}: the key is of another kind than {self._method} needs")

    def _proves(self, key: object, *names: str, by: str, learnt: Iterable[CompiledAssertion] = ()) -> PeerKey:
        if not isinstance(key, PublicKey):
            raise CertificateError(f"the key is of another kind than {self._method} needs")
        return PeerKey(key, Proof((principal(key), *names), by, (*learnt, *self._learnt)))

    # --- X.509 ----------------------------------------------------------------------------------------------------

    def _read(self, sent: Iterable[bytes]) -> list[X509Certificate]:
        found = []
        for each in sent:
            try:
                found.append(read_certificate(each))
            except CertificateError as error:
                self._refused.append(f"{_WORD}: received CERT can't be read: {error}")
        return found

    def _pinned(self, certificate: X509Certificate, received: Sequence[X509Certificate]) -> PeerKey:
        """Cert-directory is trusted as it is: no CA is needed. But time passes, and a CA may have revoked it since."""
        check_holder(certificate, self._trust, self._now)
        for known in (self._trust.authorities, self._trust.helpers):
            for issuer in known.get(certificate.issuer, ()):
                if certificate.signed_by(issuer):
                    check_revocation(certificate, issuer, self._trust, self._now, needed=False)
        try:
            chain = find_chain(certificate, received, self._trust, self._now)
        except CertificateError:
            chain = (certificate,)
        return self._holder(chain, f"certificate of {certificate} in Cert-directory")

    def _certified(self, certificate: X509Certificate, received: Sequence[X509Certificate]) -> PeerKey:
        try:
            chain = find_chain(certificate, received, self._trust, self._now)
        except CertificateError:
            if not (self._held.accept_self_signed and certificate.self_issued and certificate.signed_by(certificate)):
                raise
            check_holder(certificate, self._trust, self._now)
            # What it calls itself is its own word, so no name becomes a principal, only the key.
            return self._proves(
                certificate.key, by=f"self-signed certificate of {certificate}, which nobody vouches for"
            )
        return self._holder(chain, f"certificate of {certificate} by {chain[-1]}")

    def _holder(self, chain: Chain, by: str) -> PeerKey:
        holder = chain[0].holder
        names = (f"DN:{holder}",) if holder else ()
        return self._proves(chain[0].key, *names, by=by, learnt=chain_assertions(chain))

    # --- KeyNote --------------------------------------------------------------------------------------------------

    def _credentials(self, certificates: Sequence[Certificate]) -> list[tuple[KeynoteCredentials, bool]]:
        """The peer's credentials, and those that we keep of it (False); all of them join the session."""
        sent = [each.data for each in certificates if each.encoding is CertificateEncoding.KEYNOTE][
            : limits.CREDENTIAL_PAYLOADS
        ]
        texts = [(each.decode("latin-1"), f"credential {number} of the peer") for number, each in enumerate(sent, 1)]
        kept = self._held.keynote.get(self._name, KeynoteIdentity()).credentials
        found = [(self._verified(text, source), True) for text, source in texts]
        if kept:
            found.append((self._verified(kept, f"credentials kept of {self._name}"), False))
        self._learnt = tuple(each for credentials, _ in found for each in credentials.assertions)
        return found

    def _verified(self, text: str, source: str) -> KeynoteCredentials:
        found = keynote_credentials(text, source, accept_weak=self._held.accept_weak)
        self._refused += [f"{_WORD}: {each}" for each in found.ignored]
        return found

    def _credited(self, credentials: KeynoteCredentials, from_peer: bool) -> PeerKey:
        if credentials.licensee is None:
            raise CertificateError("the last one does not license one key")
        key = key_of(credentials.licensee)
        proof = Proof((credentials.licensee,), "KeyNote credentials", self._learnt)
        return PeerKey(key, proof, from_peer)

    # --- public keys ----------------------------------------------------------------------------------------------

    def _bare(self) -> PeerKey | None:
        key = self._held.public_keys.get(f"{self._folder}/{self._name}") if self._folder else None
        return None if key is None else self._proves(key, by=f"public key of {self._folder}/{self._name}")
