"""What keys and certificates are to policy: principals that it can name, assertions that mean what they should."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ike.trust.assertions import chain_assertions, key_of, keynote_credentials, load_grammar, principal
from daemon.ike.trust.certificates import CertificateError, read_certificate
from grammar.principal import canonical
from policydb.attributes import APP_DOMAIN
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import decide
from policydb.keynote.keys import PrivateKey, public_text
from policydb.keynote.memory import MemoryGraph
from policydb.request import Request
from tests import pki
from tests.pki import NOW, YEAR
from tests.sizes import examples

CA = pki.root("/CN=My CA")
HOST = CA.issue("/CN=host")
CHAIN = (read_certificate(HOST.der), read_certificate(CA.issued.der))
POLICY = 'Authorizer: "POLICY"\nLicensees: "DN:/CN=My CA"\n'

KEYS: dict[str, PrivateKey] = {
    "rsa": pki.rsa_key("x"),
    "ecdsa-p256": pki.ec_key("x", 256),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "dsa": dsa.generate_private_key(2048),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_is_the_principal_that_keynote_calls_it(kind: str) -> None:
    private = KEYS[kind]
    named = principal(private.public_key())
    assert named.startswith(f"{kind}-hex:")
    assert named == canonical(public_text(private, "base64"))


@pytest.mark.parametrize("bits", [256, 384, 521])
def test_an_ec_principal_is_a_key_again(bits: int) -> None:
    public = pki.ec_key("y", bits).public_key()
    assert key_of(principal(public)) == public


def test_a_key_without_a_principal_cannot_be_told_to_policy() -> None:
    odd = ec.generate_private_key(ec.BrainpoolP256R1())
    with pytest.raises(CertificateError, match="brainpoolP256r1 have no principal"):
        principal(odd.public_key())


@pytest.mark.parametrize(
    "name", ["somebody", "rsa-hex:3006020105020102", "ed25519-hex:" + "11" * 32, "binary-hex:00", "dsa-hex:00"]
)
def test_a_licensee_that_is_no_key_for_ike_is_refused(name: str) -> None:
    with pytest.raises(CertificateError):
        key_of(name)


def allowed(at: datetime, application: str = APP_DOMAIN, policy: str = POLICY) -> bool:
    graph = MemoryGraph((*assemble(files=[Text("policy", policy)]).assertions, *chain_assertions(CHAIN)))
    moment = at.strftime("%Y%m%d%H%M%S")
    asks = Request(("DN:/CN=host",), {"app_domain": application, "GMTTimeOfDay": moment})
    return decide(graph, asks) == "true"


@pytest.mark.parametrize(
    ("at", "yes"),
    [
        (NOW - YEAR, True),
        (NOW, True),
        (NOW + YEAR, True),
        (NOW - YEAR - timedelta(seconds=1), False),
        (NOW + YEAR + timedelta(seconds=1), False),
    ],
)
def test_a_link_counts_within_the_certificates_time(at: datetime, yes: bool) -> None:
    assert allowed(at) is yes


def test_a_link_counts_in_ipsec_policy_alone() -> None:
    assert not allowed(NOW, "something else")


def test_a_link_is_worth_the_issuers_word_and_no_more() -> None:
    assert not allowed(NOW, policy='Authorizer: "POLICY"\nLicensees: "DN:/CN=Other CA"\n')
    assert not allowed(NOW, policy='Authorizer: "POLICY"\nLicensees: "DN:/CN=my ca"\n')


@settings(max_examples=examples(40))
@given(st.text(min_size=1, max_size=24))
def test_no_name_breaks_out_of_its_assertion(name: str) -> None:
    """isakmpd wrote names into the text as they were (keynote.md, section 3)."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issued = pki.certify(subject, pki.dn("/CN=My CA"), pki.rsa_key("x"), CA.issued.key)
    certificate = read_certificate(issued.der)
    _, by_name = chain_assertions((certificate, CHAIN[1]))
    assert (by_name.authorizer, by_name.licensees) == ("DN:/CN=My CA", f"DN:{certificate.holder}")
    assert by_name.constants[0] == APP_DOMAIN


def test_a_holder_without_a_name_is_licensed_by_key_alone() -> None:
    nameless = read_certificate(CA.issue("", pki.names("DNS:host")).der)
    (only,) = chain_assertions((nameless, CHAIN[1]))
    assert only.authorizer.startswith("rsa-hex:")


def test_loading_what_is_needed_changes_nothing() -> None:
    load_grammar()
    assert keynote_credentials("", "nothing", accept_weak=False).licensee is None
