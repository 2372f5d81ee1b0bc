"""Hybrid mode (draft-ietf-ipsec-isakmp-hybrid-auth-05): the gateway signs, and the client proves its user alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from daemon.ike import limits
from daemon.ike.authentication import METHODS
from daemon.ike.events import Captured
from daemon.ike.exchange import Role
from daemon.ike.messages.parser import parse_payloads, read_header
from daemon.ike.messages.payloads import (
    HEADER_LENGTH,
    Attributes,
    CertificateRequest,
    Delete,
    Message,
    Notify,
    Signature,
)
from daemon.ike.registries import (
    AuthenticationMethod,
    ConfigurationType,
    ExchangeType,
    IdType,
    Notification,
    PayloadType,
    Protocol,
)
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.sa import Duty
from daemon.ike.trust.holdings import Holdings
from daemon.ike.trust.keyring import Keyring
from policydb.connections import Configuration, Identity
from policydb.negotiation import Reason
from policydb.request import Request
from tests import pki
from tests.daemon.ike.forgery import state_of
from tests.daemon.ike.network import BEGIN, EAST, WEST, Node, Pair, configuration, ike_transform
from tests.daemon.ike.roadwarrior import (
    INSIDE,
    PASSWORD,
    USERS,
    attributes,
    dynamic,
    for_warrior,
    forged,
    isakmp_of,
    section,
    with_modes,
    without,
)
from tests.daemon.ike.test_signed_phase1 import CA, DAY, NAMES, Written, holding, host, read

MODES = ("ID_PROT", "AGGRESSIVE")
CLAIMED = Identity("FQDN", name="whoever.example.org")
GATEWAY = Identity("FQDN", name=NAMES[WEST])
BOB_ALONE = (
    'Authorizer: "POLICY"\nLicensees: "user:bob"\nConditions: app_domain == "IPsec policy" && remote_id == "bob";\n'
)


def side(address: str, mode: str, method: str, **more: Any) -> Configuration:  # noqa: ANN401
    """East is the client and begins, west the gateway, unless `more` says otherwise."""
    client = address == EAST
    peer = {"exchange": mode, "secret": None, "identity": CLAIMED if client else GATEWAY}
    if client:
        peer |= {"remote_identity": GATEWAY, "user": "bob", "password": "password:gateway"}
    transform = ike_transform(authentication=method)
    settled = {"initiates": client} | more
    peer |= settled.pop("peer", {})
    return configuration(address, WEST if client else EAST, transforms=(transform,), peer=peer, **settled)


def hybrid(
    mode: str = "ID_PROT",
    *,
    signer: Holdings | None = None,
    password: bytes = PASSWORD,
    policy: str = BOB_ALONE,
    east: dict[str, Any] | None = None,
    west: dict[str, Any] | None = None,
    method: str = "HYBRID_INIT_RSA",
    seed: int = 1,
) -> Pair:
    """A client that has nothing but a CA's certificate and a password, and its gateway, not started."""
    gateway = replace(
        side(WEST, mode, method, **(west or {})), users={each.removeprefix("user:"): each for each in USERS}
    )
    held = (Keyring(Holdings(authorities=read(CA))), Keyring(signer or holding(host(WEST))))
    pair = Pair(side(EAST, mode, method, **(east or {})), gateway, credentials=held, seed=seed)
    pair.east.secrets.keys = {"password:gateway": password}
    pair.west.secrets.keys = dict(USERS)
    pair.west.oracle = Written(policy, gateway)  # type: ignore[assignment]
    return pair


def messages(node: Node) -> list[Message]:
    """What a node has sent, in the clear."""
    sent = [each.data for each in node.outputs if isinstance(each, Captured) and each.outbound]
    headers = [(read_header(each), each[HEADER_LENGTH:]) for each in sent]
    return [Message(header, parse_payloads(header.next_payload, body, padded=False)) for header, body in headers]


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_draft() -> None:
    assert AuthenticationMethod(64221) is AuthenticationMethod.HYBRID_INIT_RSA
    assert AuthenticationMethod(64222) is AuthenticationMethod.HYBRID_RESP_RSA


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        (AuthenticationMethod.HYBRID_INIT_RSA, Role.INITIATOR),
        (AuthenticationMethod.HYBRID_RESP_RSA, Role.RESPONDER),
    ],
)
def test_one_side_signs_and_the_other_is_asked_for_a_user(method: AuthenticationMethod, asked: Role) -> None:
    row = METHODS[method]
    assert row.asked is asked
    assert row.of(asked).carrier == PayloadType.HASH
    assert row.of(asked.other).carrier == PayloadType.SIG
    assert not row.guessable


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_client_without_a_key_gets_in_by_its_user_alone(mode: str) -> None:
    pair = hybrid(mode).start().run(2.0)
    assert pair.established
    gateway, client = isakmp_of(pair.west), isakmp_of(pair.east)
    assert (gateway.authorizers, gateway.user) == (("user:bob",), "bob")
    assert (gateway.remote_id.type, gateway.remote_id.data) == (IdType.KEY_ID, b"bob")
    assert any(each.startswith("rsa-hex:") for each in client.authorizers)


@pytest.mark.parametrize("mode", MODES)
def test_the_responder_may_be_the_client_too(mode: str) -> None:
    """HYBRID_RESP_RSA: the gateway begins phase 1."""
    pair = hybrid(mode, method="HYBRID_RESP_RSA", east={"initiates": False}, west={"initiates": True})
    pair.start().run(2.0)
    assert pair.established
    assert isakmp_of(pair.west).authorizers == ("user:bob",)


@pytest.mark.parametrize("mode", MODES)
def test_only_the_gateway_signs_and_only_the_client_asks_for_certificates(mode: str) -> None:
    pair = hybrid(mode).start().run(2.0)
    sent = {node.address: [each for message in messages(node) for each in message.payloads] for node in pair.nodes}
    assert any(isinstance(each, Signature) for each in sent[WEST])
    assert not any(isinstance(each, Signature) for each in sent[EAST])
    assert any(isinstance(each, CertificateRequest) for each in sent[EAST])
    assert not any(isinstance(each, CertificateRequest) for each in sent[WEST])


def test_policy_is_asked_about_the_user_and_never_about_what_the_client_called_itself() -> None:
    pair = hybrid()
    asked: list[Request] = []
    oracle = pair.west.oracle
    allows = oracle.allows
    oracle.allows = lambda request: (asked.append(request), allows(request))[1]  # type: ignore[method-assign,func-returns-value]
    pair.start().run(2.0)
    assert {each.authorizers for each in asked} == {("user:bob",)}
    assert {each.attributes["remote_id"] for each in asked} == {"bob"}
    assert {each.attributes["remote_id_type"] for each in asked} == {"Key ID"}


def test_a_user_that_policy_does_not_name_gets_no_tunnel() -> None:
    pair = hybrid(policy=BOB_ALONE.replace("user:bob", "user:eve")).start().run(2.0)
    assert not pair.established
    assert pair.west.kernel == {}
    assert pair.west.records[-1].reason is Reason.POLICY


def test_the_address_is_the_users_and_not_that_of_the_identity_it_claims() -> None:
    asking = section(f"fqdn/{NAMES[WEST]}", push=False)
    claimed = section(f"fqdn/{CLAIMED.name}", Address="10.77.9.99")
    bobs = section("xauth/bob", Address=str(INSIDE))
    pair = hybrid(east={"connection": dynamic(), "peer": {"flags": frozenset({"ikecfg"})}})
    pair.east.oracle.configuration = with_modes(pair.east.oracle.configuration, asking)
    base = replace(pair.west.oracle.configuration, connections={})
    pair.west.oracle = Written(BOB_ALONE, with_modes(base, claimed))  # type: ignore[assignment]
    pair.start().run(2.0)
    assert isakmp_of(pair.east).assigned is None
    again = hybrid(
        east={"connection": dynamic(), "peer": {"flags": frozenset({"ikecfg"})}}, west={"connection": for_warrior()}
    )
    again.east.oracle.configuration = with_modes(again.east.oracle.configuration, asking)
    again.west.oracle = Written(BOB_ALONE, with_modes(again.west.oracle.configuration, claimed, bobs))  # type: ignore[assignment]
    again.start().run(2.0)
    assert isakmp_of(again.east).assigned == INSIDE


# --- who is not -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_password_costs_the_isakmp_sa(mode: str) -> None:
    pair = hybrid(mode, password=b"not bob's").start().run(2.0)
    assert pair.west.phase(1) == []
    assert pair.west.kernel == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_gateway_of_another_ca_never_hears_the_password(mode: str) -> None:
    other = pki.root("/CN=Other CA", begins=BEGIN - DAY, ends=BEGIN + DAY)
    strange = host(WEST, issuer=other)
    signer = Holdings(authorities=read(other), certificates=read(strange), private_key=strange.key)  # type: ignore[arg-type]
    pair = hybrid(mode, signer=signer).start().run(2.0)
    assert pair.east.phase(1) == []
    assert any("no public key found" in each for each in pair.east.log)
    assert not any(each.header.exchange_type == ExchangeType.TRANSACTION for each in messages(pair.east))


def test_a_gateway_without_a_key_does_not_begin_to_negotiate() -> None:
    pair = hybrid(signer=Holdings()).start().run(1.0)
    assert pair.west.records[-1].reason is Reason.NO_SECRET
    assert pair.west.census()["exchanges"] == 0


@pytest.mark.parametrize("mode", MODES)
def test_any_stands_for_no_hybrid_mode(mode: str) -> None:
    pair = hybrid(mode)
    peer = pair.west.oracle.configuration.peers["gateway"]
    loose = replace(peer, transforms=(replace(peer.transforms[0], authentication="ANY"),))
    changed = replace(pair.west.oracle.configuration, peers={"gateway": loose})
    pair.west.oracle = Written(BOB_ALONE, changed)  # type: ignore[assignment]
    pair.start().run(2.0)
    assert pair.west.records[-1].reason is Reason.NO_TRANSFORM_MATCHED
    assert pair.west.phase(1) == []


def test_a_hash_that_does_not_verify_is_dropped_and_the_true_one_is_still_taken() -> None:
    pair = hybrid()
    held: list[Any] = []

    def spoil(source: str, path: Any, data: bytes) -> list[bytes]:  # noqa: ANN401
        if source == EAST and data[19] & 1 and not held:
            held.append(data)
            return [data[:60] + bytes(16) + data[76:], data]
        return [data]

    pair.filter = spoil
    pair.start().run(2.0)
    assert pair.established


# --- between phase 1 and the user -------------------------------------------------------------------------------------


def waiting(**more: Any) -> Pair:  # noqa: ANN401
    """Phase 1 stands, and the client has not said who its user is."""
    pair = hybrid(**more)
    pair.filter = without({ExchangeType.TRANSACTION}, WEST)
    pair.start().run(1.0)
    assert isakmp_of(pair.west).duties == (Duty.ASK,)
    return pair


@pytest.mark.parametrize("kind", [ExchangeType.QUICK_MODE, ExchangeType.TRANSACTION])
def test_phase_1_alone_opens_nothing(kind: ExchangeType) -> None:
    pair = waiting()
    assert isakmp_of(pair.west).authorizers == ()
    before = state_of(pair.west)
    wish = Attributes(ConfigurationType.REQUEST, 1, attributes((Kind.INTERNAL_IP4_ADDRESS, b"")))
    pair.inject(pair.west, forged(isakmp_of(pair.east), 4711, wish, kind=kind)[0], isakmp_of(pair.west).path)
    assert state_of(pair.west) == before
    assert pair.west.kernel == {}


def test_a_stranger_who_claims_a_users_name_can_delete_or_replace_nothing_of_it() -> None:
    """Bob is in; at his address somebody makes a phase 1 as KEY_ID bob, says INITIAL-CONTACT, and deletes."""
    pair = hybrid().start().run(2.0)
    assert pair.established
    core = pair.west.engine._core
    (bobs,), (tunnel,) = core.sas.isakmp, core.sas.ipsec
    stranger = hybrid(east={"peer": {"identity": Identity("KEY_ID", name="bob")}}, password=b"a guess", seed=2)
    pair.east = stranger.east
    pair.filter = without({ExchangeType.TRANSACTION}, WEST)
    pair.do(pair.east, pair.east.engine.reconfigure(pair.east.oracle, pair.east.secrets, pair.now))
    pair.run(pair.now + 2.0)
    _, claimed = core.sas.isakmp
    mine = isakmp_of(pair.east)
    assert claimed.unproved
    spis = [each.spi.to_bytes(4) for each in tunnel.sas if not each.inbound]
    news = [
        *(Delete(Protocol.IPSEC_ESP, (each,)) for each in spis),
        Delete(Protocol.ISAKMP, (bobs.cookies,)),
        Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, bobs.cookies),
    ]
    pair.inject(pair.west, forged(mine, 4711, *news, kind=ExchangeType.INFO)[0], claimed.path)
    assert core.sas.isakmp == (bobs, claimed)
    assert core.sas.ipsec == (tunnel,)
    assert not bobs.flags & type(bobs.flags).REPLACED
    assert len(pair.west.kernel) == 2


def test_so_many_who_never_say_who_they_are_may_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """They need no key to come so far: of an address the oldest goes, and whoever is proved is not among them."""
    pair = hybrid().start().run(2.0)
    core = pair.west.engine._core
    (bobs,) = core.sas.isakmp
    monkeypatch.setattr(limits, "UNADMITTED_PER_ADDRESS", 3)
    pair.filter = without({ExchangeType.TRANSACTION}, WEST)
    for seed in range(2, 8):
        pair.east = hybrid(seed=seed).east
        pair.do(pair.east, pair.east.engine.reconfigure(pair.east.oracle, pair.east.secrets, pair.now))
        pair.run(pair.now + 0.5)
    assert core.sas.isakmp[0] is bobs
    assert [each.unproved for each in core.sas.isakmp] == [False, True, True, True]
    assert len(core.exchanges.under(core.sas.isakmp[1].cookies)) == 1
    idle = Written(BOB_ALONE, replace(pair.east.oracle.configuration, connections={}))
    pair.east.engine.reconfigure(idle, pair.east.secrets, pair.now)
    pair.run(pair.now + 200.0)
    assert len(core.unadmitted) == 0
    assert core.sas.isakmp == (bobs,)


def test_the_usual_bound() -> None:
    assert hybrid().west.engine._core.unadmitted._limit == 2048
    assert limits.UNADMITTED_PER_ADDRESS == 64


def test_nothing_is_left_of_a_client_that_never_says_who_it_is() -> None:
    pair = waiting()
    pair.east.engine.reconfigure(
        Written(BOB_ALONE, replace(pair.east.oracle.configuration, connections={})), pair.east.secrets, pair.now
    )
    pair.run(pair.now + 400)
    assert pair.west.phase(1) == []
    assert pair.west.census()["exchanges"] == 0
