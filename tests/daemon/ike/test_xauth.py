"""XAUTH, both sides (draft-beaulieu-ike-xauth-02): who is let in, who is not, and what must wait for it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from daemon.ike.errors import AuthenticationFailed
from daemon.ike.events import Captured, Endpoint, Path, Send
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Attributes, DataAttribute, Message, UnknownPayload
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import ConfigurationType, ExchangeType, PayloadType
from daemon.ike.sa import Duty, IsakmpSa
from daemon.ike.xauth import concerns, judge, message, passed, without_secrets
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import state_of
from tests.daemon.ike.network import EAST, WEST, FakeSecrets, Nat, Pair, Weather
from tests.daemon.ike.roadwarrior import (
    INSIDE,
    PASSWORD,
    USERS,
    attributes,
    client,
    dynamic,
    for_warrior,
    forged,
    fresh_cipher,
    gateway,
    isakmp_of,
    outcomes,
    pair_of,
    section,
    transactions,
    unproved,
    without,
    xauth_pair,
)
from tests.sizes import examples

ASKING = section(f"ipv4/{WEST}", push=False)


# --- a user who is let in -------------------------------------------------------------------------------------------


def test_the_gateway_asks_the_client_answers_and_is_let_in() -> None:
    pair = xauth_pair().start().run(1.0)
    asked, answered, told, acknowledged = transactions(pair, isakmp_of(pair.west))
    assert [each.sender for each in (asked, answered, told, acknowledged)] == [*(pair.west, pair.east) * 2]
    assert [each.payload.type for each in (asked, answered, told, acknowledged)] == [
        ConfigurationType.REQUEST,
        ConfigurationType.REPLY,
        ConfigurationType.SET,
        ConfigurationType.ACK,
    ]
    assert asked.values == {Kind.XAUTH_TYPE: 0, Kind.XAUTH_USER_NAME: b"", Kind.XAUTH_USER_PASSWORD: b""}
    assert answered.values == {Kind.XAUTH_TYPE: 0, Kind.XAUTH_USER_NAME: b"bob", Kind.XAUTH_USER_PASSWORD: PASSWORD}
    assert told.values == {Kind.XAUTH_STATUS: 1}
    assert pair.established


def test_each_pair_of_messages_has_its_own_message_id_and_identifier() -> None:
    pair = xauth_pair().start().run(1.0)
    asked, answered, told, acknowledged = transactions(pair, isakmp_of(pair.west))
    assert asked.header.message_id == answered.header.message_id
    assert told.header.message_id == acknowledged.header.message_id != asked.header.message_id
    assert asked.payload.identifier == answered.payload.identifier
    assert told.payload.identifier == acknowledged.payload.identifier


def test_the_user_is_in_report_and_records() -> None:
    pair = xauth_pair().start().run(1.0)
    assert outcomes(pair.west) == [(Outcome.ACCEPTED, None, "XAUTH: user bob")]
    assert outcomes(pair.east) == [(Outcome.ACCEPTED, None, "XAUTH: the gateway lets us in")]
    (report,) = [each for each in pair.west.engine.report(pair.now).sas if each.phase == 1]
    assert report.user == "bob"
    quick = [each for each in pair.west.records if each.exchange == "quick mode"]
    assert [each.user for each in quick] == ["bob"]


def test_a_day_of_renewals_asks_again_each_time_and_leaves_nothing_behind() -> None:
    pair = xauth_pair().start().run(86_400.0)
    assert pair.established
    for node in pair.nodes:
        assert node.census()["exchanges"] == node.census()["tokens"] == 0
        assert all(not each.duties for each in node.engine._core.sas.isakmp)
        assert {outcome for outcome, _, _ in outcomes(node)} == {Outcome.ACCEPTED}
    assert len(outcomes(pair.west)) > 10


@pytest.mark.parametrize("seed", range(12))
def test_loss_duplication_and_reordering_are_survived(seed: int) -> None:
    pair = xauth_pair(weather=Weather(loss=0.15, duplication=0.2, lateness=0.5), seed=seed).start().run(400.0)
    assert pair.established
    for node in pair.nodes:
        assert node.census()["exchanges"] == node.census()["tokens"] == 0


def test_the_responder_may_be_the_one_who_is_asked() -> None:
    """XAUTH_RESP_PRE_SHARED: the gateway began phase 1."""
    method = "XAUTH_RESP_PRE_SHARED"
    east, west = client(xauth=True), gateway(xauth=True)

    def turned(configuration: object) -> object:
        peer = configuration.peers["gateway"]  # type: ignore[attr-defined]
        offers = tuple(replace(each, authentication=method) for each in peer.transforms)
        return replace(configuration, peers={"gateway": replace(peer, transforms=offers)})  # type: ignore[type-var]

    pair = pair_of(turned(east), turned(west))  # type: ignore[arg-type]
    pair.east.secrets.keys, pair.west.secrets.keys = pair.west.secrets.keys, pair.east.secrets.keys
    pair.east.oracle.configuration = replace(pair.east.oracle.configuration, users=west.users)
    west_peer = pair.west.oracle.configuration.peers["gateway"]
    pair.west.oracle.configuration = replace(
        pair.west.oracle.configuration,
        peers={"gateway": replace(west_peer, user="bob", password="password:gateway")},
    )
    pair.start().run(1.0)
    assert [each.sender for each in transactions(pair, isakmp_of(pair.west))] == [*(pair.east, pair.west) * 2]
    assert isakmp_of(pair.east).user == "bob"
    assert pair.established


def test_mode_config_comes_after_xauth_and_the_users_section_before_the_identitys() -> None:
    """The whole of a road warrior: XAUTH, an address, and the quick mode with it."""
    mine = section("xauth/bob", Address=str(INSIDE))
    others = section(f"ipv4/{EAST}", Address="10.77.9.99")
    pair = pair_of(
        client(ASKING, flags=frozenset({"ikecfg"}), xauth=True, connection=dynamic()),
        gateway(others, mine, xauth=True, connection=for_warrior()),
    )
    pair.start().run(1.0)
    kinds = [each.payload.type for each in transactions(pair, isakmp_of(pair.west))]
    assert kinds == [
        *(ConfigurationType.REQUEST, ConfigurationType.REPLY, ConfigurationType.SET, ConfigurationType.ACK),
        *(ConfigurationType.REQUEST, ConfigurationType.REPLY),
    ]
    assert isakmp_of(pair.east).assigned == INSIDE
    assert pair.established


def test_a_gateway_that_pushes_does_so_after_xauth() -> None:
    mine = section("xauth/bob", Address=str(INSIDE))
    pair = pair_of(
        client(xauth=True, connection=dynamic()),
        gateway(mine, flags=frozenset({"ikecfg"}), xauth=True, connection=for_warrior()),
    )
    pair.start().run(1.0)
    assert isakmp_of(pair.east).assigned == INSIDE
    assert pair.established


def test_a_nat_that_changes_the_port_in_the_middle_is_followed() -> None:
    public = "198.51.100.7"
    west = replace(gateway(xauth=True), peers_by_address={IPv4Address(public): "gateway"})
    nat = Nat(public)
    pair = pair_of(client(xauth=True), west, nats={EAST: nat})

    def change_before_the_reply(source: str, _path: Path, data: bytes) -> list[bytes]:
        if source == EAST and read_header(data).exchange_type == ExchangeType.TRANSACTION and nat.base < 41000:
            nat.forget()
        return [data]

    pair.filter = change_before_the_reply
    pair.start().run(1.0)
    (told,) = [out for at, out in pair.west.sent if isinstance(out, Send) and out.path.remote.port >= 41000][:1]
    assert read_header(told.data).exchange_type == ExchangeType.TRANSACTION
    assert isakmp_of(pair.west).path.remote == nat.mapped[Endpoint(EAST, 4500)]
    assert pair.west.phase(2) == ["net"]


# --- a user who is not ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("bob", b"bob's passwort", "XAUTH: wrong password for user bob"),
        ("bob", b"another", "XAUTH: wrong password for user bob"),
        ("bob", PASSWORD + b"\0", "XAUTH: wrong password for user bob"),
        ("nobody", PASSWORD, "XAUTH: there is no user nobody"),
        ("b\xf6b\n", PASSWORD, "XAUTH: there is no user 62f6620a"),
    ],
)
def test_who_is_not_proved_loses_the_isakmp_sa(user: str, password: bytes, why: str) -> None:
    pair = pair_of(client(xauth=True, user=user), gateway(xauth=True), password=password).start()
    isakmp: IsakmpSa | None = None

    def watch(_source: str, _path: Path, data: bytes) -> list[bytes]:
        nonlocal isakmp
        isakmp = isakmp or next(iter(pair.west.engine._core.sas.isakmp), None)
        return [data]

    pair.filter = watch
    pair.run(1.0)
    assert isakmp is not None
    told = [each for each in transactions(pair, isakmp) if each.payload.type is ConfigurationType.SET]
    assert [each.values for each in told] == [{Kind.XAUTH_STATUS: 0}]
    assert outcomes(pair.west) == [(Outcome.REFUSED, Reason.AUTHENTICATION_FAILED, why)]
    assert any(each.startswith(why) for each in pair.west.log)
    assert outcomes(pair.east)[0][:2] == (Outcome.REFUSED, Reason.PEER_REFUSED)
    for node in pair.nodes:
        assert node.phase(1) == []
        assert node.kernel == {}
        assert node.spis == set()
        assert node.census()["exchanges"] == node.census()["tokens"] == 0
    assert not [each for each in pair.west.records if each.exchange == "quick mode"]


def test_one_phase_1_buys_one_attempt() -> None:
    pair = pair_of(client(xauth=True), gateway(xauth=True), password=b"wrong").start().run(59.0)
    assert len(outcomes(pair.west)) == 1
    pair.run(61.0)  # the connection checker begins again, with another phase 1
    assert len(outcomes(pair.west)) == 2


@pytest.mark.parametrize("kept", [{}, USERS], ids=["nor a password", "but a password"])
def test_who_is_no_longer_configured_is_not_let_in(kept: dict[str, bytes]) -> None:
    """A user that FIFO `C rm` has taken away: the key store still has the password."""
    west = replace(gateway(xauth=True), users={})
    pair = pair_of(client(xauth=True), west, users=kept).start().run(1.0)
    assert pair.west.phase(1) == []


def test_a_user_whose_password_is_not_to_be_had_is_not_let_in() -> None:
    pair = pair_of(client(xauth=True), gateway(xauth=True), users={}).start().run(1.0)
    assert outcomes(pair.west)[0][2] == "XAUTH: there is no user bob"


def test_names_of_users_know_no_case() -> None:
    pair = pair_of(client(xauth=True, user="BOB"), gateway(xauth=True)).start().run(1.0)
    assert isakmp_of(pair.west).user == "bob"


def test_a_client_without_a_user_gives_up_and_says_so() -> None:
    pair = pair_of(client(xauth=True, user=""), gateway(xauth=True)).start().run(1.0)
    assert outcomes(pair.east)[0][:2] == (Outcome.FAILED, Reason.AUTHENTICATION_FAILED)
    assert "has no XAUTH-User" in outcomes(pair.east)[0][2]
    for node in pair.nodes:
        assert node.phase(1) == []
        assert node.census()["exchanges"] == 0


def test_passwords_are_in_no_log_record_report_or_capture() -> None:
    for password in (PASSWORD, b"a wrong one"):
        pair = pair_of(client(xauth=True), gateway(xauth=True), password=password).start().run(1.0)
        for node in pair.nodes:
            shown = [*node.log, *map(repr, node.records), repr(node.engine.report(pair.now))]
            captured = [each.data for each in node.outputs if isinstance(each, Captured)]
            assert not any(password.decode() in each for each in shown)
            assert not any(password in each for each in captured)
            assert any(b"*" * len(password) in each for each in captured)
            everything = repr([each for each in node.outputs if not isinstance(each, Captured | Send)])
            assert password.decode() not in everything


# --- hostile and odd gateways ---------------------------------------------------------------------------------------


def told(pair: Pair, kind: ConfigurationType, *pairs: tuple[int, int | bytes], message_id: int = 4711) -> None:
    """Say something to the client with the gateway's keys."""
    data, _ = forged(isakmp_of(pair.west), message_id, Attributes(kind, 1, attributes(*pairs)))
    pair.inject(pair.east, data, isakmp_of(pair.east).path)


@pytest.mark.parametrize("kind", [1, 2, 3, 77, b"\0\1"])
def test_another_type_is_refused_with_a_clear_line(kind: int | bytes) -> None:
    pair, _ = unproved()
    told(pair, ConfigurationType.REQUEST, (Kind.XAUTH_TYPE, kind), (Kind.XAUTH_USER_NAME, b""))
    assert any("and only GENERIC is done" in each for each in pair.east.log)
    assert pair.east.phase(1) == []
    pair.run(2.0)
    assert pair.west.phase(1) == []


@pytest.mark.parametrize(
    "strange", [Kind.XAUTH_PASSCODE, Kind.XAUTH_CHALLENGE, Kind.XAUTH_NEXT_PIN, Kind.XAUTH_ANSWER, Kind.XAUTH_STATUS]
)
def test_what_only_a_person_could_answer_is_refused(strange: Kind) -> None:
    pair, _ = unproved()
    told(pair, ConfigurationType.REQUEST, (Kind.XAUTH_USER_NAME, b""), (strange, b""))
    assert any(f"the gateway asks for {strange}" in each for each in pair.east.log)
    assert pair.east.phase(1) == []


def test_a_message_to_the_user_is_logged_and_harmless() -> None:
    pair, _ = unproved()
    asked = (Kind.XAUTH_USER_NAME, b""), (Kind.XAUTH_USER_PASSWORD, b"")
    told(pair, ConfigurationType.REQUEST, (Kind.XAUTH_MESSAGE, b"Good morning"), *asked, (Kind.XAUTH_DOMAIN, b""))
    assert f"XAUTH: {WEST}:500 says: Good morning" in pair.east.log
    assert isakmp_of(pair.east).duties == (Duty.ANSWER,)


def test_nobody_gets_a_password_who_has_not_agreed_on_xauth() -> None:
    pair = pair_of(client(), gateway()).start().run(1.0)
    count = len(pair.east.sent)
    told(pair, ConfigurationType.REQUEST, (Kind.XAUTH_USER_NAME, b""), (Kind.XAUTH_USER_PASSWORD, b""))
    kinds = {read_header(out.data).exchange_type for _, out in pair.east.sent[count:] if isinstance(out, Send)}
    assert kinds == {ExchangeType.INFO}
    assert pair.east.phase(1) == ["gateway"]
    assert pair.established


def test_a_gateway_cannot_be_asked_to_prove_itself_by_its_client() -> None:
    pair, west = unproved()
    before = state_of(west)
    question = Attributes(ConfigurationType.REQUEST, 1, attributes((Kind.XAUTH_USER_NAME, b"")))
    pair.inject(west, forged(isakmp_of(pair.east), 4711, question)[0], isakmp_of(west).path)
    assert state_of(west) == before


@pytest.mark.parametrize(
    "status",
    [(), ((Kind.XAUTH_STATUS, 0),), ((Kind.XAUTH_STATUS, 2),), ((Kind.XAUTH_STATUS, 1), (Kind.XAUTH_STATUS, 0))],
)
def test_only_the_status_ok_lets_us_in(status: tuple[tuple[int, int]]) -> None:
    pair, _ = unproved()
    told(pair, ConfigurationType.SET, (Kind.XAUTH_MESSAGE, b"no"), *status)
    assert pair.east.phase(1) == []


def test_one_message_id_for_all_of_xauth_is_followed() -> None:
    """The gateway's SET comes under the message ID of its REQUEST, with the IVs chained."""
    pair, _ = unproved()
    theirs, path = isakmp_of(pair.west), isakmp_of(pair.east).path
    ask = Attributes(
        ConfigurationType.REQUEST, 1, attributes((Kind.XAUTH_USER_NAME, b""), (Kind.XAUTH_USER_PASSWORD, b""))
    )
    data, _ = forged(theirs, 4711, ask)
    count = len(pair.east.sent)
    pair.inject(pair.east, data, path)
    _, reply = pair.east.sent[count]
    assert isinstance(reply, Send)
    chained = replace(fresh_cipher(theirs, 4711), iv=reply.data[-16:])
    tell = Attributes(ConfigurationType.SET, 2, attributes((Kind.XAUTH_STATUS, 1)))
    pair.inject(pair.east, forged(theirs, 4711, tell, cipher=chained)[0], path)
    assert isakmp_of(pair.east).duties == ()


# --- anything at all from whoever has the keys ----------------------------------------------------------------------

_KINDS = st.one_of(st.sampled_from([each for each in Kind if each.known]), st.integers(0, 0x7FFF))
_ATTRIBUTES = st.builds(DataAttribute, _KINDS, st.one_of(st.integers(0, 3), st.binary(max_size=20)))
_PAYLOADS = st.builds(
    Attributes,
    st.integers(0, 5).map(ConfigurationType),
    st.integers(0, 0xFFFF),
    st.lists(_ATTRIBUTES, max_size=5).map(tuple),
)


@settings(max_examples=examples(30))
@given(st.lists(_PAYLOADS, min_size=1, max_size=4))
def test_no_attributes_let_a_client_in_that_has_not_proved_its_user(payloads: list[Attributes]) -> None:
    pair, west = unproved()
    sa = isakmp_of(pair.east)
    for number, payload in enumerate(payloads, start=4711):
        pair.inject(west, forged(sa, number, payload)[0], isakmp_of(west).path)
    assert isakmp_of(west).unproved
    assert not isakmp_of(west).received
    assert west.census()["exchanges"] == 1
    assert not west.kernel


@settings(max_examples=examples(30))
@given(st.lists(_PAYLOADS, min_size=1, max_size=4))
def test_whatever_the_gateway_says_a_client_is_in_out_or_waits(payloads: list[Attributes]) -> None:
    pair, _ = unproved()
    theirs, path = isakmp_of(pair.west), isakmp_of(pair.east).path
    for number, payload in enumerate(payloads, start=4711):
        pair.inject(pair.east, forged(theirs, number, payload)[0], path)
    pair.filter = without({ExchangeType.INFO}, EAST)
    pair.run(pair.now + 1.0)
    assert pair.east.census()["exchanges"] <= 1  # the quick mode of whom the gateway has let in
    pair.run(pair.now + 300.0)
    assert pair.east.census()["tokens"] == 0
    assert all(not each.unproved for each in pair.east.engine._core.sas.isakmp) or pair.east.phase(1)


@settings(max_examples=examples(30))
@given(_PAYLOADS, st.binary(max_size=40))
def test_octets_that_are_no_attributes_change_nothing(payload: Attributes, tail: bytes) -> None:
    """The HASH is right; the attributes are cut short or go on with rubbish."""
    pair, west = unproved()
    before = state_of(west)
    broken = UnknownPayload(payload.body + b"\0\1" + (len(tail) + 1).to_bytes(2) + tail, PayloadType.ATTRIBUTE)
    pair.inject(west, forged(isakmp_of(pair.east), 4711, broken)[0], isakmp_of(west).path)
    assert state_of(west) == before


# --- replies as they may come ---------------------------------------------------------------------------------------


KNOWN = {each.removeprefix("user:"): each for each in USERS}
SECRETS = FakeSecrets(USERS)


@pytest.mark.parametrize(
    "reply",
    [
        (),
        ((Kind.XAUTH_USER_NAME, b"bob"),),
        ((Kind.XAUTH_USER_PASSWORD, PASSWORD),),
        ((Kind.XAUTH_USER_NAME, b""), (Kind.XAUTH_USER_PASSWORD, PASSWORD)),
        ((Kind.XAUTH_USER_NAME, b"bob"), (Kind.XAUTH_USER_PASSWORD, b"")),
        ((Kind.XAUTH_USER_NAME, 25186), (Kind.XAUTH_USER_PASSWORD, PASSWORD)),
    ],
)
def test_a_reply_needs_name_and_password(reply: tuple[tuple[int, int | bytes], ...]) -> None:
    with pytest.raises(AuthenticationFailed, match="lacks a user name or a password"):
        judge(attributes(*reply), KNOWN, SECRETS)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_only_the_right_pair_is_proved(name: bytes, password: bytes) -> None:
    assume(USERS.get(f"user:{name.decode('latin-1')}") != password)
    with pytest.raises(AuthenticationFailed):
        judge(attributes((Kind.XAUTH_USER_NAME, name), (Kind.XAUTH_USER_PASSWORD, password)), KNOWN, SECRETS)


def test_every_user_of_the_table_is_let_in() -> None:
    for reference, password in USERS.items():
        name = reference.removeprefix("user:").encode()
        assert judge(attributes((Kind.XAUTH_USER_NAME, name), (Kind.XAUTH_USER_PASSWORD, password)), KNOWN, SECRETS)


def test_small_parts() -> None:
    assert concerns(attributes((Kind.XAUTH_STATUS, 1)))
    assert not concerns(attributes((Kind.INTERNAL_IP4_ADDRESS, b"")))
    assert not passed(attributes((Kind.XAUTH_STATUS, b"")))
    assert passed(attributes((Kind.XAUTH_STATUS, b"\0\1")))
    assert message(attributes((Kind.XAUTH_MESSAGE, b"a\x1b[31m"))) == "611b5b33316d"
    hidden = without_secrets(
        Message(
            read_header(bytes(24) + (28).to_bytes(4)),
            (Attributes(ConfigurationType.REPLY, 1, (DataAttribute(Kind.XAUTH_PASSCODE, b"1234"),)),),
        )
    )
    assert hidden.all(Attributes)[0].attributes == attributes((Kind.XAUTH_PASSCODE, b"****"))
