"""Two engines that prove themselves by signatures, under real policies: who gets through, and why somebody does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.ike.events import LogLine
from daemon.ike.trust.assertions import principal
from daemon.ike.trust.certificates import X509Certificate, read_certificate, read_crl
from daemon.ike.trust.holdings import Holdings, KeynoteIdentity
from daemon.ike.trust.keyring import Keyring
from daemon.oracle import AcceptAll
from policydb.connections import Configuration, Identity
from policydb.decision import AssertionStatus, Decision
from policydb.graph import CompiledAssertion
from policydb.keynote.algorithms import find
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.keynote.keys import public_text
from policydb.keynote.memory import MemoryGraph
from policydb.keynote.session import Session, delegates
from policydb.keynote.signing import sign, with_signature
from policydb.negotiation import Reason
from policydb.request import Request
from tests import pki
from tests.daemon.ike.network import BEGIN, EAST, WEST, Pair, configuration, ike_transform
from tests.pki import Ca, Issued

DAY = timedelta(days=1)
CA = pki.root("/CN=My CA", begins=BEGIN - DAY, ends=BEGIN + 365 * DAY)
SPAN = {"begins": BEGIN - DAY, "ends": BEGIN + DAY}
MODES = ("ID_PROT", "AGGRESSIVE")
METHODS = ("RSA_SIG", "ECDSA_256", "ECDSA_384", "ECDSA_521")
BY_NAME = 'Authorizer: "POLICY"\nLicensees: "DN:/CN=My CA"\nConditions: app_domain == "IPsec policy";\n'
BY_KEY = f'Authorizer: "POLICY"\nLicensees: "{principal(CA.issued.key.public_key())}"\n'
ANYBODY = 'Authorizer: "POLICY"\n'
NAMES = {EAST: "east.example.org", WEST: "west.example.org"}
HASHES = {"RSA_SIG": "SHA2_256", "ECDSA_256": "SHA", "ECDSA_384": "SHA2_384", "ECDSA_521": "MD5"}


class Written(MemoryGraph):
    """A policy of text and a configuration: an oracle like a snapshot of the store."""

    def __init__(self, text: str, configuration: Configuration) -> None:
        super().__init__(assemble(files=[Text("isakmpd.policy", text)]).assertions)
        self.configuration = configuration
        self.checker = Checker(self)
        self.explained: list[Decision] = []

    def allows(self, request: Request) -> bool:
        return self.checker.decide(request) == request.values[-1]

    def explain(self, request: Request) -> Decision:
        return explain(self, request, self.checker)

    def session(self, assertions: Sequence[CompiledAssertion]) -> Written | Session:
        return Session(self, assertions) if assertions else self

    def delegates_to(self, name: str) -> bool:
        return delegates(self, name)


def read(*issued: Issued | Ca) -> tuple[X509Certificate, ...]:
    return tuple(read_certificate((each.issued if isinstance(each, Ca) else each).der) for each in issued)


def key_for(method: str, name: str) -> pki.PrivateKey:
    return pki.rsa_key(name) if method == "RSA_SIG" else pki.ec_key(name, int(method[-3:]))


def host(address: str, method: str = "RSA_SIG", issuer: Ca = CA, **options: object) -> Issued:
    name = NAMES[address]
    key = key_for(method, name)
    return issuer.issue(f"/CN={name}", pki.names(f"DNS:{name}"), key=key, **SPAN | options)  # type: ignore[arg-type]


def holding(issued: Issued, *above: Ca) -> Holdings:
    return Holdings(authorities=read(CA), certificates=read(issued, *above), private_key=issued.key)  # type: ignore[arg-type]


def written(address: str, mode: str = "ID_PROT", method: str = "RSA_SIG", **peer: object) -> Configuration:
    other = WEST if address == EAST else EAST
    identities = {
        "identity": Identity("FQDN", name=NAMES[address]),
        "remote_identity": Identity("FQDN", name=NAMES[other]),
    }
    transform = ike_transform(authentication=method, digest=HASHES[method])
    return configuration(
        address, other, transforms=(transform,), initiates=address == EAST, peer=identities | {"exchange": mode} | peer
    )


def meet(
    east: Holdings,
    west: Holdings,
    *,
    mode: str = "ID_PROT",
    method: str = "RSA_SIG",
    policy: str = BY_NAME,
    at: float = 0.0,
    **peer: object,
) -> Pair:
    """East initiates; west's policy is `policy`, east's lets everybody in. Both have five minutes."""
    pair = Pair(
        written(EAST, mode, method, **peer),
        written(WEST, mode, method, **peer),
        credentials=(Keyring(east), Keyring(west)),
    )
    pair.now = at
    pair.west.oracle = Written(policy, pair.west.oracle.configuration)  # type: ignore[assignment]
    return pair.start().run(at + 2.0)


def nothing_left(pair: Pair) -> bool:
    """Once every exchange has had its time the one who refused has none, and no SA."""
    for node in pair.nodes:
        settled = replace(node.oracle.configuration, connections={})  # so that nobody tries again
        node.engine.reconfigure(Written(ANYBODY, settled), node.secrets, pair.now)
    pair.run(pair.now + 300)
    return not any(count for each, count in pair.west.census().items() if each != "timers")


# --- who gets through ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("policy", [BY_NAME, BY_KEY], ids=["by name", "by key"])
def test_certificates_of_one_ca_let_both_sides_in(mode: str, method: str, policy: str) -> None:
    pair = meet(holding(host(EAST, method)), holding(host(WEST, method)), mode=mode, method=method, policy=policy)
    assert pair.established
    assert not [each for each in pair.west.log if "dropped" in each]


def test_a_record_keeps_what_the_certificates_said() -> None:
    """So that `explain --record` gives the same reasons when nobody has the certificates any more."""
    pair = meet(holding(host(EAST)), holding(host(WEST)))
    (record,) = [each for each in pair.west.records if each.exchange == "quick mode"]
    assert {each.source for each in record.credentials} == {"certificate of /CN=east.example.org"}
    (question,) = record.questions
    again = assemble(files=[Text("p", BY_NAME), *(Text(e.source, e.text) for e in record.credentials)]).assertions
    assert Checker(MemoryGraph(again)).decide(Request(question.authorizers, question.attributes)) == "true"
    (phase_1,) = [each for each in pair.west.records if each.exchange == "main mode"]
    assert phase_1.credentials == ()


@pytest.mark.parametrize("mode", MODES)
def test_a_policy_that_names_the_root_lets_in_what_a_sub_ca_has_certified(mode: str) -> None:
    sub = CA.sub_ca("/CN=Sub", **SPAN)
    lower = sub.sub_ca("/CN=Lower", **SPAN)
    east = host(EAST, issuer=lower)
    assert meet(holding(east, lower, sub), holding(host(WEST)), mode=mode).established


def test_another_cas_certificate_proves_the_identity_and_policy_refuses_it_with_reasons() -> None:
    other = pki.root("/CN=Other CA", begins=BEGIN - DAY, ends=BEGIN + DAY)
    east = host(EAST, issuer=other)
    west = replace(holding(host(WEST)), authorities=read(CA, other))
    pair = meet(replace(holding(east), authorities=read(CA, other)), west)
    assert not pair.established
    assert any("negotiated SA failed policy check" in each for each in pair.west.log)
    (record,) = [each for each in pair.west.records if each.reason is Reason.POLICY]
    decision = record.questions[0].decision
    assert decision.authorizers[1] == "DN:/CN=east.example.org"
    told = {each.place.source: each.status for each in decision.assertions}
    assert told["certificate of /CN=east.example.org"] is not AssertionStatus.IGNORED
    assert pair.west.phase(1)  # phase 1 stands: who it is was proved
    assert not pair.west.phase(2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [8, 9])
def test_a_peer_with_many_cas_can_be_talked_to(mode: str, count: int) -> None:
    others = tuple(pki.root(f"/CN=CA {number}", key=CA.issued.key) for number in range(count - 1))
    west = replace(holding(host(WEST)), authorities=read(CA, *others))
    assert meet(holding(host(EAST)), west, mode=mode).established


def test_the_certificate_under_the_ca_that_the_peer_asks_for_is_sent() -> None:
    """East has two certificates of one key; west knows the CA of one of them."""
    other = pki.root("/CN=Other CA", begins=BEGIN - DAY, ends=BEGIN + DAY)
    foreign, ours = host(EAST, issuer=other, begins=BEGIN - timedelta(hours=1)), host(EAST)
    east = replace(holding(ours), certificates=read(foreign, ours))
    assert meet(east, holding(host(WEST))).established
    assert not meet(replace(east, certificates=read(foreign)), holding(host(WEST))).established


def test_raw_public_keys_let_both_sides_in_and_are_principals() -> None:
    """isakmpd gave policy no principal for them (quirk 8)."""
    east, west = (pki.rsa_key(each) for each in ("raw east", "raw west"))
    policy = f'Authorizer: "POLICY"\nLicensees: "{public_text(east, "hex")}"\n'
    mine = Holdings(private_key=east, public_keys={"fqdn/west.example.org": west.public_key()})
    theirs = Holdings(private_key=west, public_keys={"fqdn/east.example.org": east.public_key()})
    assert meet(mine, theirs, policy=policy).established
    other = policy.replace(public_text(east, "hex"), public_text(west, "hex"))
    assert not meet(mine, theirs, policy=other).established


@pytest.mark.parametrize("bits", [256, 521])
def test_raw_ecdsa_keys(bits: int) -> None:
    east, west = (pki.ec_key(each, bits) for each in ("raw east", "raw west"))
    policy = f'Authorizer: "POLICY"\nLicensees: "{principal(east.public_key())}"\n'
    mine = Holdings(private_key=east, public_keys={"fqdn/west.example.org": west.public_key()})
    theirs = Holdings(private_key=west, public_keys={"fqdn/east.example.org": east.public_key()})
    assert meet(mine, theirs, method=f"ECDSA_{bits}", policy=policy).established


def test_accepting_self_signed_certificates() -> None:
    def own(address: str) -> Issued:
        names = [(pki.names(f"DNS:{NAMES[address]}"), False)]
        return pki.root(f"/CN={NAMES[address]}", ca=None, extensions=names, **SPAN).issued  # type: ignore[arg-type]

    east, west = own(EAST), own(WEST)
    mine, theirs = (replace(holding(each), accept_self_signed=True) for each in (east, west))
    assert meet(mine, theirs, policy=ANYBODY).established
    assert not meet(mine, replace(theirs, accept_self_signed=False), policy=ANYBODY).established
    assert not meet(mine, theirs, policy='Authorizer: "POLICY"\nLicensees: "DN:/CN=east.example.org"\n').established


# --- KeyNote credentials ------------------------------------------------------------------------------------------

BOSS, EAST_KEY = pki.rsa_key("boss"), pki.rsa_key("keynote east")


def credential(
    issuer: pki.PrivateKey, licensee: pki.PrivateKey, conditions: str = 'app_domain == "IPsec policy"'
) -> str:
    text = (
        f'Authorizer: "{public_text(issuer, "hex")}"\nLicensees: "{public_text(licensee, "hex")}"\n'
        f"Conditions: {conditions};\n"
    )
    label = find("sig-rsa-sha256-hex")
    assert label is not None
    return with_signature(text, sign(text, label, issuer))


def keynote(credentials: str) -> Holdings:
    return replace(holding(host(EAST)), keynote={NAMES[EAST]: KeynoteIdentity(credentials, EAST_KEY)})


TRUSTS_BOSS = f'Authorizer: "POLICY"\nLicensees: "{public_text(BOSS, "hex")}"\n'


@pytest.mark.parametrize("mode", MODES)
def test_a_credential_of_somebody_whom_policy_trusts_lets_its_licensee_in(mode: str) -> None:
    west = replace(holding(host(WEST)), authorities=())  # so that it does not ask for X.509 alone
    pair = meet(keynote(credential(BOSS, EAST_KEY)), west, mode=mode, policy=TRUSTS_BOSS)
    assert pair.established


def test_the_conditions_of_a_credential_hold_in_the_quick_mode() -> None:
    west = replace(holding(host(WEST)), authorities=())
    pair = meet(keynote(credential(BOSS, EAST_KEY, 'esp_enc_alg == "3des"')), west, policy=TRUSTS_BOSS)
    assert pair.west.phase(1)
    assert not pair.established
    (record,) = [each for each in pair.west.records if each.reason is Reason.POLICY]
    assert "credential 1 of the peer" in {each.place.source for each in record.questions[0].decision.assertions}


@pytest.mark.parametrize("policy", [ANYBODY, BY_NAME], ids=["accepts anybody", "names a CA"])
def test_a_credential_by_nobody_whom_policy_names_authenticates_nobody(policy: str) -> None:
    """Else whoever makes a key and writes a credential for it could call himself anything."""
    west = replace(holding(host(WEST)), authorities=())
    pair = meet(keynote(credential(EAST_KEY, EAST_KEY)), west, policy=policy)
    assert not pair.west.phase(1)
    assert any("no policy names the key" in each for each in pair.west.log)
    assert nothing_left(pair)


def test_without_policy_no_credential_of_a_peer_authenticates_anybody() -> None:
    west = replace(holding(host(WEST)), authorities=())
    pair = Pair(written(EAST), written(WEST), credentials=(Keyring(keynote(credential(BOSS, EAST_KEY))), Keyring(west)))
    pair.west.oracle = AcceptAll(Written(TRUSTS_BOSS, written(WEST)))  # type: ignore[assignment]
    pair.start().run(2.0)
    assert not pair.west.phase(1)
    assert any("no policy names the key" in each for each in pair.west.log)


def test_credentials_kept_of_a_peer_authenticate_it_without_any_policy_that_names_it() -> None:
    kept = {NAMES[EAST]: KeynoteIdentity(credential(BOSS, EAST_KEY))}
    west = replace(holding(host(WEST)), authorities=(), keynote=kept)
    assert meet(keynote(""), west, policy=TRUSTS_BOSS).established


# --- and who does not ---------------------------------------------------------------------------------------------


REVOKED = host(EAST)
FAILURES = {
    "revoked": (
        holding(REVOKED),
        replace(holding(host(WEST)), crls=(read_crl(CA.crl(REVOKED, begins=BEGIN - DAY, ends=BEGIN + DAY)),)),
        "received CERT can't be validated: /CN=east.example.org: revoked by /CN=My CA",
    ),
    "expired": (
        holding(host(EAST, ends=BEGIN - timedelta(hours=1))),
        holding(host(WEST)),
        "/CN=east.example.org: expired 2025-12-31 23:00:00 GMT",
    ),
    "another name": (
        holding(CA.issue("/CN=x", pki.names("DNS:mallory.example.org"), key=pki.rsa_key("x"), **SPAN)),  # type: ignore[arg-type]
        holding(host(WEST)),
        "rsa_sig_decode_hash: no public key found",
    ),
    "another CA": (
        holding(host(EAST, issuer=pki.root("/CN=Other CA", begins=BEGIN - DAY, ends=BEGIN + DAY))),
        holding(host(WEST)),
        "no trusted certificate of its issuer is there",
    ),
    "nothing sent, nothing known": (
        Holdings(authorities=read(CA), private_key=pki.rsa_key("unknown")),
        holding(host(WEST)),
        "rsa_sig_decode_hash: no public key found",
    ),
    "not the key that we know": (
        Holdings(authorities=read(CA), private_key=pki.rsa_key("impostor")),
        replace(holding(host(WEST)), public_keys={"fqdn/east.example.org": pki.rsa_key("known").public_key()}),
        "the signature does not verify (public key of fqdn/east.example.org)",
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", FAILURES)
def test_whoever_does_not_prove_himself_leaves_nothing_behind(case: str, mode: str) -> None:
    east, west, reason = FAILURES[case]
    pair = meet(east, west, mode=mode, policy=ANYBODY)
    assert not pair.west.phase(1)
    assert not pair.west.kernel
    assert any("dropped message" in each and reason in each for each in pair.west.log), pair.west.log
    assert nothing_left(pair)
    assert reason in pair.west.records[0].detail


@pytest.mark.parametrize("mode", MODES)
def test_a_responder_that_does_not_prove_itself_gets_no_sa(mode: str) -> None:
    """The other way round: the initiator judges message 6, or message 2 of aggressive mode."""
    pair = meet(holding(host(EAST)), holding(host(WEST, ends=BEGIN - timedelta(hours=1))), mode=mode, policy=ANYBODY)
    assert not pair.east.phase(1)
    assert any("expired" in each for each in pair.east.log)


def test_who_is_somebody_else_than_expected_is_refused_though_his_certificate_is_good() -> None:
    east = CA.issue("/CN=x", pki.names("DNS:mallory.example.org"), key=pki.rsa_key("x"), **SPAN)  # type: ignore[arg-type]
    pair = Pair(
        replace_identity(written(EAST), "mallory.example.org"),
        written(WEST),
        credentials=(Keyring(holding(east)), Keyring(holding(host(WEST)))),
    )
    pair.start().run(2.0)
    assert not pair.west.phase(1)
    assert any("received remote ID mallory.example.org other than expected" in each for each in pair.west.log)


def replace_identity(settled: Configuration, name: str) -> Configuration:
    (peer,) = settled.peers.values()
    return replace(settled, peers={peer.name: replace(peer, identity=Identity("FQDN", name=name))})


def test_a_key_of_ours_that_is_missing_is_said_and_nothing_is_begun() -> None:
    pair = meet(Holdings(), holding(host(WEST)))
    (record,) = pair.east.records
    assert record.reason is Reason.NO_SECRET
    assert 'no private key for RSA_SIG found for peer "gateway" or local ID "east.example.org"' in record.detail
    assert not pair.east.sent


def test_a_distinguished_name_of_ours_that_no_certificate_bears_is_said_and_nothing_is_begun() -> None:
    nobody = Identity("DER_ASN1_DN", name="/CN=nobody")
    pair = meet(holding(host(EAST)), holding(host(WEST)), identity=nobody)
    assert not pair.east.sent
    assert "no certificate in Cert-directory is of /CN=nobody" in pair.east.records[0].detail
    assert pair.east.records[0].reason is Reason.LOCAL_ERROR


def test_the_log_tells_at_a_debug_level_what_proved_the_peer_and_what_was_passed_over() -> None:
    kept = {NAMES[EAST]: KeynoteIdentity(credential(BOSS, EAST_KEY).replace("IPsec policy", "any policy"))}
    pair = meet(holding(host(EAST)), replace(holding(host(WEST)), keynote=kept))
    told = [each.text for each in pair.west.outputs if isinstance(each, LogLine) and each.category == "Exch"]
    assert "east.example.org is proved by certificate of /CN=east.example.org by /CN=My CA" in told
    assert any(
        each.startswith("passed over: rsa_sig_decode_hash: credentials kept of east.example.org:1: its signature")
        for each in told
    )


def test_identities_that_are_distinguished_names() -> None:
    def dn(address: str) -> Identity:
        return Identity("DER_ASN1_DN", name=f"/CN={NAMES[address]}")

    pair = Pair(
        *(
            replace(
                settled,
                peers={"gateway": replace(settled.peers["gateway"], identity=dn(here), remote_identity=dn(there))},
            )
            for settled, here, there in ((written(EAST), EAST, WEST), (written(WEST), WEST, EAST))
        ),
        credentials=(Keyring(holding(host(EAST))), Keyring(holding(host(WEST)))),
    )
    asked = pair.west.oracle.asked
    pair.start().run(2.0)
    assert pair.established
    assert (asked[0].attributes["remote_id_type"], asked[0].attributes["remote_id"]) == (
        "ASN1 DN",
        "/CN=east.example.org",
    )
