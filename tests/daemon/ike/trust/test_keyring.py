"""What a keyring proves for us and believes of others: certificates, credentials and keys, in order."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike import limits
from daemon.ike.messages.payloads import Certificate, CertificateRequest, Identification
from daemon.ike.registries import AuthenticationMethod, CertificateEncoding, IdType
from daemon.ike.trust.assertions import principal
from daemon.ike.trust.certificates import CertificateError, X509Certificate, read_certificate, read_crl
from daemon.ike.trust.credentials import PeerKeys, Signer
from daemon.ike.trust.holdings import Holdings, KeynoteIdentity
from daemon.ike.trust.keyring import MOST_REQUESTS, Keyring
from policydb.keynote.algorithms import find
from policydb.keynote.keys import public_text
from policydb.keynote.signing import sign, with_signature
from tests import pki
from tests.pki import NOW, YEAR, Ca, Issued
from tests.sizes import examples

RSA = AuthenticationMethod.RSA_SIG
CA = pki.root("/CN=My CA")
KEY = pki.rsa_key("/CN=host")
HOST = CA.issue("/CN=host", pki.names("DNS:other.example.org", "DNS:host.example.org", "IP:192.0.2.9"))
X509, KEYNOTE = CertificateEncoding.X509_SIG, CertificateEncoding.KEYNOTE


def fqdn(name: str) -> Identification:
    return Identification(IdType.FQDN, 0, 0, name.encode())


def address(text: str) -> Identification:
    packed = ip_address(text).packed
    return Identification(IdType.IPV4_ADDR if len(packed) == 4 else IdType.IPV6_ADDR, 0, 0, packed)


ME = fqdn("host.example.org")


def read(*issued: Issued | Ca) -> tuple[X509Certificate, ...]:
    return tuple(read_certificate((each.issued if isinstance(each, Ca) else each).der) for each in issued)


def sent(*issued: Issued | Ca) -> tuple[Certificate, ...]:
    return tuple(Certificate(X509, each.der) for each in read(*issued))


def judged(
    held: Holdings,
    identity: Identification,
    *certificates: Certificate,
    method: AuthenticationMethod = RSA,
) -> PeerKeys:
    return Keyring(held).judge(identity, certificates, method, NOW)


def authorizers(found: PeerKeys) -> list[tuple[str, ...]]:
    return [each.proof.authorizers for each in found.keys]


# --- X.509 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", [ME, fqdn("other.example.org"), address("192.0.2.9")], ids=str)
def test_a_certificate_proves_each_of_its_names(identity: Identification) -> None:
    found = judged(Holdings(authorities=read(CA)), identity, *sent(HOST))
    assert authorizers(found) == [(principal(HOST.key.public_key()), "DN:/CN=host")]
    assert not found.refused


def test_a_certificate_proves_its_subject() -> None:
    name = Identification(IdType.DER_ASN1_DN, 0, 0, pki.dn("/CN=host").public_bytes())
    assert len(judged(Holdings(authorities=read(CA)), name, *sent(HOST)).keys) == 1


@pytest.mark.parametrize(
    "identity",
    [
        fqdn("host.example.orgs"),
        fqdn("host.example.or"),
        fqdn("HOST.example.org"),
        fqdn("example.org"),
        fqdn("/CN=host"),
        address("192.0.2.90"),
        Identification(IdType.USER_FQDN, 0, 0, b"host.example.org"),
        Identification(IdType.KEY_ID, 0, 0, b"host.example.org"),
        Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes([192, 0, 2, 9, 255, 255, 255, 255])),
        Identification(IdType.DER_ASN1_DN, 0, 0, pki.dn("/CN=hos").public_bytes()),
        Identification(IdType.FQDN, 0, 0, b""),
    ],
    ids=str,
)
def test_an_identity_is_compared_by_type_and_whole_value(identity: Identification) -> None:
    found = judged(Holdings(authorities=read(CA)), identity, *sent(HOST))
    assert not found.keys
    assert found.refused == ("rsa_sig_decode_hash: no subject of a received CERT matches the ID",)


def test_a_received_certificate_needs_a_chain() -> None:
    found = judged(Holdings(authorities=read(pki.root("/CN=Other"))), ME, *sent(HOST))
    assert not found.keys
    assert found.refused[0].startswith("rsa_sig_decode_hash: received CERT can't be validated: /CN=host: no trusted")


def test_a_certificate_of_the_directory_is_trusted_as_it_is() -> None:
    found = judged(Holdings(certificates=read(HOST)), ME)
    assert authorizers(found) == [(principal(HOST.key.public_key()), "DN:/CN=host")]
    assert not found.keys[0].proof.credentials  # no CA of ours has signed it, so it says nothing about CAs


def test_but_not_once_it_has_expired_or_is_revoked() -> None:
    old = CA.issue("/CN=old", pki.names("DNS:host.example.org"), ends=NOW - YEAR / 2)
    found = judged(Holdings(certificates=read(old)), ME)
    assert not found.keys
    assert "Cert-directory: /CN=old: expired" in found.refused[0]
    crls = (read_crl(CA.crl(HOST)),)
    found = judged(Holdings(authorities=read(CA), certificates=read(HOST), crls=crls), ME)
    assert not found.keys
    assert "revoked by /CN=My CA" in found.refused[0]


def test_all_links_of_a_chain_become_assertions() -> None:
    sub = CA.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host", pki.names("DNS:host.example.org"))
    (found,) = judged(Holdings(authorities=read(CA)), ME, *sent(host, sub)).keys
    keys = [principal(each.key.public_key()) for each in (CA.issued, sub.issued, host)]
    links = [(each.authorizer, each.licensees) for each in found.proof.credentials]
    assert links == [
        (keys[1], keys[2]),
        ("DN:/CN=Sub", "DN:/CN=host"),
        (keys[0], keys[1]),
        ("DN:/CN=My CA", "DN:/CN=Sub"),
    ]
    assert {each.place.source for each in found.proof.credentials} == {
        "certificate of /CN=host",
        "certificate of /CN=Sub",
    }
    assert found.proof.credentials[0].constants == ("IPsec policy", "20250101000000", "20270101000000")


def test_a_self_signed_certificate_is_accepted_where_asked_for_and_its_name_proves_nothing() -> None:
    """Else anybody could write `/CN=My CA` on a certificate of his own and be that CA to policy."""
    own = pki.root("/CN=me", ca=None, extensions=[(pki.names("DNS:host.example.org"), False)])
    assert not judged(Holdings(), ME, *sent(own)).keys
    found = judged(Holdings(accept_self_signed=True), ME, *sent(own))
    assert authorizers(found) == [(principal(own.issued.key.public_key()),)]
    assert not found.keys[0].proof.credentials
    names = pki.names("DNS:host.example.org")
    usurper = pki.root("/CN=My CA", key=pki.rsa_key("usurper"), ca=None, extensions=[(names, False)])
    assert not judged(Holdings(authorities=read(CA), accept_self_signed=True), ME, *sent(usurper)).keys


def test_accepting_self_signed_ones_accepts_no_others() -> None:
    assert not judged(Holdings(accept_self_signed=True), ME, *sent(HOST)).keys


@pytest.mark.parametrize("bits", [256, 384, 521])
def test_a_key_must_be_of_the_kind_that_the_method_needs(bits: int) -> None:
    host = CA.issue("/CN=ec", pki.names("DNS:host.example.org"), key=pki.ec_key("ec", bits))
    held = Holdings(authorities=read(CA))
    method = AuthenticationMethod.from_text(f"ECDSA_{bits}")
    (found,) = judged(held, ME, *sent(host), method=method).keys
    assert found.proof.authorizers[0].startswith(f"ecdsa-p{bits}-hex:0")
    refusal = judged(held, ME, *sent(host)).refused
    assert refusal == (
        "rsa_sig_decode_hash: received CERT can't be validated: the key is of another kind than RSA_SIG needs",
    )


def test_a_chain_by_a_ca_with_another_kind_of_key() -> None:
    authority = pki.root("/CN=Modern", key=ed25519.Ed25519PrivateKey.generate())
    host = authority.issue("/CN=host", pki.names("DNS:host.example.org"))
    (found,) = judged(Holdings(authorities=read(authority)), ME, *sent(host)).keys
    assert str(found.proof.credentials[0].authorizer).startswith("ed25519-hex:")


def test_only_so_many_certificates_are_looked_at() -> None:
    many = [Certificate(X509, b"junk")] * limits.CERTIFICATES
    found = judged(Holdings(authorities=read(CA)), ME, *many, *sent(HOST))
    assert not found.keys
    assert len(found.refused) == limits.CERTIFICATES


def test_chains_are_looked_for_from_two_certificates_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may cost many signatures, for somebody who has proved nothing."""
    looked: list[object] = []

    def nothing_found(*arguments: object) -> None:
        looked.append(arguments[0])
        raise CertificateError("none")

    monkeypatch.setattr("daemon.ike.trust.judgement.find_chain", nothing_found)
    judged(Holdings(authorities=read(CA)), ME, *sent(HOST) * 8)
    assert len(looked) == limits.NAMED_CERTIFICATES


def test_other_encodings_are_passed_over() -> None:
    others = [Certificate(each, HOST.der) for each in CertificateEncoding if each not in {X509, KEYNOTE}]
    assert judged(Holdings(authorities=read(CA)), ME, *others) == PeerKeys()


# --- public keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("fqdn/host.example.org", ME),
        ("ipv4/192.0.2.9", address("192.0.2.9")),
        ("ipv6/2001:db8::1", address("2001:db8::1")),
        ("ufqdn/u@example.org", Identification(IdType.USER_FQDN, 17, 500, b"u@example.org")),
    ],
)
def test_a_public_key_proves_the_identity_that_it_is_filed_under(name: str, identity: Identification) -> None:
    key = pki.rsa_key("raw").public_key()
    found = judged(Holdings(public_keys={name: key}), identity)
    assert authorizers(found) == [(principal(key),)]
    assert judged(Holdings(public_keys={name: key}), fqdn("somebody.else")) == PeerKeys()


def test_the_order_is_isakmpds() -> None:
    key = pki.rsa_key("raw").public_key()
    credential = signed(pki.rsa_key("issuer"), public_text(pki.rsa_key("member"), "hex"))
    held = Holdings(
        authorities=read(CA),
        certificates=read(HOST),
        public_keys={"fqdn/host.example.org": key},
        keynote={"host.example.org": KeynoteIdentity(credential)},
    )
    found = judged(held, ME, *sent(HOST), Certificate(KEYNOTE, credential.encode()))
    assert [each.proof.description for each in found.keys] == [
        "certificate of /CN=host in Cert-directory",
        "certificate of /CN=host by /CN=My CA",
        "KeyNote credentials",
        "KeyNote credentials",
        "public key of fqdn/host.example.org",
    ]
    assert [each.from_peer for each in found.keys] == [False, False, True, False, False]


# --- KeyNote ------------------------------------------------------------------------------------------------------


def signed(key: pki.PrivateKey, licensee: str, *, algorithm: str = "sig-rsa-sha256-hex") -> str:
    text = f'Authorizer: "{public_text(key, "hex")}"\nLicensees: "{licensee}"\n'
    label = find(algorithm)
    assert label is not None
    return with_signature(text, sign(text, label, key))


ISSUER, MEMBER, LAST = (pki.rsa_key(each) for each in ("issuer", "member", "last"))
FIRST = signed(ISSUER, public_text(MEMBER, "hex"))
SECOND = signed(MEMBER, public_text(LAST, "hex"))


def credited(text: str, held: Holdings | None = None) -> PeerKeys:
    return judged(held or Holdings(), ME, Certificate(KEYNOTE, text.encode()))


def test_the_key_is_the_licensee_of_the_last_credential() -> None:
    found = credited(f"{FIRST}\n{SECOND}")
    (key,) = found.keys
    assert key.proof.authorizers == (public_text(LAST, "hex"),)
    assert key.key == LAST.public_key()
    assert key.from_peer
    assert [each.authorizer for each in key.proof.credentials] == [
        public_text(ISSUER, "hex"),
        public_text(MEMBER, "hex"),
    ]


def test_every_assertion_has_to_verify_by_itself() -> None:
    """isakmpd verified the first and believed all (keynote.md, D2)."""
    forged = FIRST.replace(public_text(ISSUER, "hex"), public_text(pki.rsa_key("boss"), "hex"))
    found = credited(f"{FIRST}\n{forged}\n{SECOND}")
    assert len(found.keys[0].proof.credentials) == 2
    assert any("does not verify" in each for each in found.refused)


@pytest.mark.parametrize(
    "text",
    [
        f"{FIRST}\n{SECOND.replace('Licensees', 'LICENSEES')}",
        f"{FIRST}\n{SECOND}\nAuthorizer: junk (\n",
        f'{FIRST}\nAuthorizer: "{public_text(MEMBER, "hex")}"\nLicensees: "x"\n',
        signed(ISSUER, "somebody"),
        'Authorizer: "POLICY"\n',
        "",
        "\0\xff",
    ],
    ids=["changed", "junk at the end", "unsigned at the end", "no key", "policy", "empty", "octets"],
)
def test_no_key_where_the_last_one_does_not_count(text: str) -> None:
    assert not credited(text).keys


def test_a_signature_that_is_weak_counts_where_asked_for() -> None:
    old = signed(ISSUER, public_text(MEMBER, "hex"), algorithm="sig-rsa-sha1-hex")
    assert not credited(old).keys
    assert len(credited(old, Holdings(accept_weak=True)).keys) == 1


def test_credentials_beside_a_certificate_join_its_session() -> None:
    (found,) = judged(
        Holdings(authorities=read(CA)), ME, *sent(HOST), Certificate(KEYNOTE, signed(ISSUER, "somebody").encode())
    ).keys
    assert [each.authorizer for each in found.proof.credentials][-1] == public_text(ISSUER, "hex")


def test_floods_of_credentials_are_refused_unread() -> None:
    assert "more than" in credited("\n\n".join([FIRST] * (limits.CREDENTIALS + 1))).refused[0]
    assert "octets" in credited("# x\n" * 10_000).refused[0]


@pytest.mark.parametrize("unit", ["true;", '@a+1-2*3/4%5>6||a~="b";', '"x">"y";', "9^9^9>1;"])
def test_credentials_of_many_words_are_refused_before_the_grammar_sees_them(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may send them before he has proved anything, and 16 kB of conditions took half a second to read."""
    monkeypatch.setattr("policydb.keynote.assemble.parse_policy", lambda *_: pytest.fail("it was read"))
    text = f'Authorizer: "{public_text(ISSUER, "hex")}"\nLicensees: "a"\nConditions: {unit * (12_000 // len(unit))}\n'
    assert "words and signs" in credited(text).refused[0]


def test_a_chain_of_ordinary_credentials_is_no_flood() -> None:
    clause = 'app_domain == "IPsec policy" && esp_present == "yes" && esp_enc_alg != "null" && @esp_group_desc >= 14'
    text = (
        f'Authorizer: "{public_text(ISSUER, "hex")}"\nLicensees: "{public_text(MEMBER, "hex")}"\n'
        f'Conditions: {clause} && {clause} -> "true";\n'
    )
    label = find("sig-rsa-sha256-hex")
    assert label is not None
    link = with_signature(text, sign(text, label, ISSUER))
    assert len(credited("\n".join([link] * 8)).keys) == 1


# --- ourselves ----------------------------------------------------------------------------------------------------


def own(held: Holdings, *requests: CertificateRequest, method: AuthenticationMethod = RSA) -> Signer | None:
    return Keyring(held).own(ME, method, requests, NOW)


def test_our_certificate_goes_with_our_signature_and_the_cas_between() -> None:
    sub = CA.sub_ca("/CN=Sub")
    host = sub.issue("/CN=host", pki.names("DNS:host.example.org"))
    held = Holdings(authorities=read(CA), certificates=read(host, sub), private_key=pki.rsa_key("/CN=host"))
    signer = own(held)
    assert signer is not None
    assert signer.certificates == sent(host, sub)


def test_to_find_our_certificate_no_signature_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every first message of a stranger asks for it."""
    ring = Keyring(Holdings(certificates=read(HOST, CA), private_key=KEY))
    monkeypatch.setattr(X509Certificate, "signed_by", lambda *_: pytest.fail("verified"))
    signer = ring.own(ME, RSA, (), NOW)
    assert signer is not None
    assert signer.certificates == sent(HOST)


def test_without_a_certificate_the_bare_key_signs() -> None:
    assert own(Holdings(private_key=KEY)) == Signer(RSA, KEY)
    assert own(Holdings(certificates=read(HOST), private_key=pki.rsa_key("other"))) == Signer(RSA, pki.rsa_key("other"))


def test_the_key_that_is_named_by_our_identity_comes_first() -> None:
    special = pki.rsa_key("special")
    assert own(Holdings(private_key=KEY, private_keys={"host.example.org": special})) == Signer(RSA, special)


def test_no_key_or_one_of_another_kind_is_none() -> None:
    assert own(Holdings()) is None
    assert own(Holdings(private_key=KEY), method=AuthenticationMethod.ECDSA_256) is None


def test_of_several_certificates_the_valid_the_asked_for_the_newest() -> None:
    other = pki.root("/CN=Other CA")
    names, key = pki.names("DNS:host.example.org"), KEY
    old = CA.issue("/CN=host", names, key=key, ends=NOW - YEAR / 4)
    newer = CA.issue("/CN=host", names, key=key, begins=NOW - YEAR / 2)
    foreign = other.issue("/CN=host", names, key=key)
    held = Holdings(authorities=read(CA, other), certificates=read(old, newer, foreign), private_key=key)
    chosen = own(held)
    assert chosen is not None
    assert chosen.certificates == sent(newer)
    asked = own(held, CertificateRequest(X509, pki.dn("/CN=Other CA").public_bytes()))
    assert asked is not None
    assert asked.certificates == sent(foreign)


def test_keynote_comes_first_unless_the_peer_asks_for_x509_alone() -> None:
    keynote = {"host.example.org": KeynoteIdentity(FIRST, MEMBER)}
    held = Holdings(certificates=read(HOST), private_key=KEY, keynote=keynote)
    credentials = Signer(RSA, MEMBER, (Certificate(KEYNOTE, FIRST.encode()),))
    assert own(held) == credentials
    assert own(held, CertificateRequest(X509), CertificateRequest(KEYNOTE)) == credentials
    assert own(held, CertificateRequest(X509)) == Signer(RSA, KEY, sent(HOST))
    assert own(Holdings(keynote=keynote), CertificateRequest(X509)) == credentials


def test_we_ask_for_certificates_of_our_cas() -> None:
    assert Keyring().requests() == ()
    (asked,) = Keyring(Holdings(authorities=read(CA))).requests()
    assert asked == CertificateRequest(X509, pki.dn("/CN=My CA").public_bytes())
    many = tuple(pki.root(f"/CN=CA {number}", key=CA.issued.key) for number in range(MOST_REQUESTS + 1))
    assert Keyring(Holdings(authorities=read(*many))).requests() == (CertificateRequest(X509),)


def test_a_keyring_shows_no_key() -> None:
    held = Holdings(private_key=KEY, private_keys={"x": KEY}, keynote={"x": KeynoteIdentity(FIRST, MEMBER)})
    assert "PrivateKey" not in repr(held) + repr(Keyring(held)) + repr(own(held))


# --- hostile octets -----------------------------------------------------------------------------------------------

FULL = Keyring(
    Holdings(
        authorities=read(CA),
        certificates=read(HOST),
        crls=(read_crl(CA.crl()),),
        public_keys={"fqdn/host.example.org": KEY.public_key()},
        accept_self_signed=True,
    )
)


@settings(max_examples=examples(100))
@given(
    st.lists(st.tuples(st.sampled_from([X509, KEYNOTE]), st.binary(max_size=200)), max_size=10), st.binary(max_size=40)
)
def test_whatever_a_peer_sends_is_judged_and_raises_nothing(
    junk: list[tuple[CertificateEncoding, bytes]], name: bytes
) -> None:
    certificates = [Certificate(encoding, octets) for encoding, octets in junk]
    for kind in IdType:
        found = FULL.judge(Identification(kind, 0, 0, name), certificates, RSA, NOW)
        assert not found.keys


@settings(max_examples=examples(100))
@given(st.data())
def test_a_damaged_certificate_is_no_key_of_its_holder(data: st.DataObject) -> None:
    octets = bytearray(HOST.der)
    whole = HOST.certificate.tbs_certificate_bytes  # what is signed; around it DER can be written in several ways
    place = HOST.der.index(whole) + data.draw(st.integers(0, len(whole) - 1))
    octets[place] ^= data.draw(st.integers(1, 255))
    found = Keyring(Holdings(authorities=read(CA))).judge(ME, [Certificate(X509, bytes(octets))], RSA, NOW)
    assert not found.keys
    assert found.refused
