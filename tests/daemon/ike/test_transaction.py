"""The transaction exchange and mode-config, both ways (draft-dukes-ike-mode-cfg-02; isakmpd.conf(5), flag ikecfg)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from daemon.ike.algorithms.ciphers import Cbc
from daemon.ike.events import Connect, Path, Send, TearDown
from daemon.ike.exchange import Datagram, open_message
from daemon.ike.messages.parser import read_header
from daemon.ike.messages.payloads import Attributes, DataAttribute, Hash, Identification, Nonce, Payload
from daemon.ike.modeconfig import section_for
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import ConfigurationType, ExchangeType, IdType
from policydb.connections import General, Identity, ModeConfig
from policydb.negotiation import Outcome, Reason
from tests.daemon.ike.forgery import state_of
from tests.daemon.ike.network import EAST, WEST, Pair, Weather, connected
from tests.daemon.ike.roadwarrior import (
    INSIDE,
    attributes,
    client,
    dynamic,
    for_warrior,
    forged,
    gateway,
    isakmp_of,
    pair_of,
    section,
    transactions,
    with_modes,
)

IKECFG = frozenset({"ikecfg"})
FULL = ("Address", "Netmask", "Nameserver", "WINS-server", "DHCP-server", "Lifetime", "Network")
OF_EAST = section(
    f"ipv4/{EAST}",
    attributes=FULL,
    Address=str(INSIDE),
    Netmask="255.255.255.0",
    Nameserver="10.77.2.53",
    WINS_server="10.77.2.54",
    DHCP_server="10.77.2.67",
    Network="10.77.2.0",
)
ASKING = section(f"ipv4/{WEST}", push=False, attributes=FULL)
GIVEN = {
    Kind.INTERNAL_IP4_ADDRESS: INSIDE.packed,
    Kind.INTERNAL_IP4_NETMASK: b"\xff\xff\xff\0",
    Kind.INTERNAL_IP4_DNS: bytes([10, 77, 2, 53]),
    Kind.INTERNAL_IP4_NBNS: bytes([10, 77, 2, 54]),
    Kind.INTERNAL_IP4_DHCP: bytes([10, 77, 2, 67]),
    Kind.INTERNAL_ADDRESS_EXPIRY: (1200).to_bytes(4),
    Kind.INTERNAL_IP4_SUBNET: bytes([10, 77, 2, 0, 255, 255, 255, 0]),
}
SHOWN = (
    ("INTERNAL_IP4_ADDRESS", "10.77.9.1"),
    ("INTERNAL_IP4_NETMASK", "255.255.255.0"),
    ("INTERNAL_IP4_DNS", "10.77.2.53"),
    ("INTERNAL_IP4_NBNS", "10.77.2.54"),
    ("INTERNAL_IP4_DHCP", "10.77.2.67"),
    ("INTERNAL_ADDRESS_EXPIRY", "1200"),
    ("INTERNAL_IP4_SUBNET", "10.77.2.0/255.255.255.0"),
)


def details(pair: Pair, *, west: bool = False) -> list[str]:
    """What the records of transactions say."""
    node = pair.west if west else pair.east
    return [each.detail for each in node.records if each.exchange == "transaction"]


# --- SET and ACK ---------------------------------------------------------------------------------------------------


def test_the_gateway_with_the_flag_pushes_what_the_peers_section_says() -> None:
    pair = pair_of(client(), gateway(OF_EAST, flags=IKECFG)).start().run(1.0)
    told, acknowledged = transactions(pair, isakmp_of(pair.west))
    assert told.sender is pair.west
    assert told.payload.type is ConfigurationType.SET
    assert told.values == GIVEN
    assert acknowledged.payload.type is ConfigurationType.ACK
    assert acknowledged.payload.identifier == told.payload.identifier
    assert acknowledged.values == dict.fromkeys(GIVEN, b"")
    assert pair.established


def test_what_was_pushed_is_in_report_record_and_log() -> None:
    pair = pair_of(client(), gateway(OF_EAST, flags=IKECFG)).start().run(1.0)
    text = ", ".join(f"{name} {value}" for name, value in SHOWN)
    assert details(pair) == [f"mode-config got {text}"]
    assert details(pair, west=True) == [f"mode-config gave {text}"]
    (report,) = [each for each in pair.east.engine.report(pair.now).sas if each.phase == 1]
    assert report.received == SHOWN
    assert isakmp_of(pair.east).assigned == INSIDE
    assert isakmp_of(pair.west).received == ()
    assert any(f"mode-config: got {WEST}:500: {text}" in each for each in pair.east.log)


def test_only_the_attributes_named_are_pushed() -> None:
    few = replace(OF_EAST, attributes=("Nameserver", "Address"))
    pair = pair_of(client(), gateway(few, flags=IKECFG)).start().run(1.0)
    told = transactions(pair, isakmp_of(pair.west))[0]
    assert [each.type for each in told.payload.attributes] == [Kind.INTERNAL_IP4_DNS, Kind.INTERNAL_IP4_ADDRESS]


def test_without_the_flag_nobody_begins() -> None:
    pair = pair_of(client(ASKING), gateway(OF_EAST)).start().run(1.0)
    assert transactions(pair, isakmp_of(pair.west)) == []
    assert pair.established


def test_the_flag_without_a_section_is_said_and_costs_nothing() -> None:
    pair = pair_of(client(), gateway(flags=IKECFG)).start().run(1.0)
    assert f"mode-config: there is no IKECFG-ID section for {EAST}" in pair.west.log
    assert pair.established


def test_unknown_attributes_of_a_set_are_not_acknowledged() -> None:
    """Section 3.3: an ACK holds what was accepted."""
    line = Line()
    strange = (28672, b"a banner"), (0x7FFF, 1)
    line.give(Attributes(ConfigurationType.SET, 7, attributes((Kind.INTERNAL_IP4_DNS, bytes(4)), *strange)))
    assert line.heard[0].attributes == attributes((Kind.INTERNAL_IP4_DNS, b""))
    assert isakmp_of(line.west).received[1] == ("CONFIGURATIONATTRIBUTE28672", "a banner")


# --- REQUEST and REPLY ---------------------------------------------------------------------------------------------


def test_a_client_asks_and_the_gateway_answers_from_the_clients_section() -> None:
    pair = pair_of(client(ASKING, flags=IKECFG), gateway(OF_EAST)).start().run(1.0)
    asked, answer = transactions(pair, isakmp_of(pair.west))
    assert asked.sender is pair.east
    assert asked.payload.type is ConfigurationType.REQUEST
    assert asked.values == dict.fromkeys(GIVEN, b"")
    assert answer.payload.type is ConfigurationType.REPLY
    assert answer.payload.identifier == asked.payload.identifier
    assert answer.values == GIVEN
    assert isakmp_of(pair.east).received == SHOWN
    assert isakmp_of(pair.west).received == ()
    assert pair.established


def test_a_value_of_the_clients_own_section_is_a_wish() -> None:
    wish = section(f"ipv4/{WEST}", push=False, attributes=("Address", "Lifetime"), Address="10.77.9.200")
    pair = pair_of(client(wish, flags=IKECFG), gateway(OF_EAST)).start().run(1.0)
    asked, answer = transactions(pair, isakmp_of(pair.west))
    assert asked.values == {
        Kind.INTERNAL_IP4_ADDRESS: ip_address("10.77.9.200").packed,
        Kind.INTERNAL_ADDRESS_EXPIRY: b"",
    }
    assert answer.values[Kind.INTERNAL_IP4_ADDRESS] == INSIDE.packed


@pytest.mark.parametrize("sections", [(), (section("fqdn/somebody.else", Address="10.77.9.9"),)])
def test_a_stranger_to_mode_config_gets_an_empty_reply(sections: tuple[ModeConfig, ...]) -> None:
    pair = pair_of(client(ASKING, flags=IKECFG), gateway(*sections)).start().run(1.0)
    answer = transactions(pair, isakmp_of(pair.west))[1]
    assert answer.values == {}
    assert details(pair) == ["mode-config got nothing"]
    assert pair.established


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (Identity("FQDN", name="Road.example.org"), "fqdn/road.example.org"),
        (Identity("USER_FQDN", name="bob@example.org"), "ufqdn/bob@example.org"),
        (Identity("KEY_ID", name="group"), "key_id/group"),
        (Identity("FQDN", name="road.example.org", protocol=17, port=500), "fqdn/road.example.org"),
    ],
)
def test_the_section_is_that_of_the_phase_1_identity(identity: Identity, name: str) -> None:
    east = client(ASKING, flags=IKECFG)
    east = replace(east, peers={"gateway": replace(east.peers["gateway"], identity=identity)})
    pair = pair_of(east, gateway(section(name, Address=str(INSIDE)))).start().run(1.0)
    assert isakmp_of(pair.east).assigned == INSIDE


def test_a_distinguished_name_is_named_in_one_line() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"), x509.NameAttribute(NameOID.COMMON_NAME, "Road")])
    mine = section("asn1_dn//C=SE/CN=Road", Address=str(INSIDE))
    peer = Identification(IdType.DER_ASN1_DN, 0, 0, name.public_bytes())
    assert section_for(gateway(mine), peer, "") is mine
    assert section_for(gateway(mine), peer, "somebody") is mine


def test_ipv6_has_its_own_attributes() -> None:
    values = {
        "Address": ip_address("2001:db8::9"),
        "Netmask": ip_address("ffff::"),
        "Nameserver": ip_address("2001:db8::53"),
        "Network": ip_address("2001:db8::"),
    }
    six = ModeConfig(f"ipv4/{EAST}", True, ("Address", "Netmask", "Nameserver", "Network"), values, prefix=32)
    pair = pair_of(client(), gateway(six, flags=IKECFG)).start().run(1.0)
    assert transactions(pair, isakmp_of(pair.west))[0].values == {
        Kind.INTERNAL_IP6_ADDRESS: values["Address"].packed,
        Kind.INTERNAL_IP6_NETMASK: values["Netmask"].packed,
        Kind.INTERNAL_IP6_DNS: values["Nameserver"].packed,
        Kind.INTERNAL_IP6_SUBNET: values["Network"].packed + b"\x20",
    }
    assert isakmp_of(pair.east).assigned == values["Address"]
    assert isakmp_of(pair.east).received[3] == ("INTERNAL_IP6_SUBNET", "2001:db8::/32")


def test_the_size_of_a_network_is_its_prefix_or_the_netmask() -> None:
    network = section(f"ipv4/{EAST}", attributes=("Network",), Network="10.0.0.0")
    for changes, mask in (
        ({"prefix": 8}, b"\xff\0\0\0"),
        ({"prefix": 8, "values": {**network.values, "Netmask": ip_address("255.255.0.0")}}, b"\xff\0\0\0"),
        ({"values": {**network.values, "Netmask": ip_address("255.255.0.0")}}, b"\xff\xff\0\0"),
    ):
        pair = pair_of(client(), gateway(replace(network, **changes), flags=IKECFG)).start().run(1.0)
        told = transactions(pair, isakmp_of(pair.west))[0]
        assert told.values == {Kind.INTERNAL_IP4_SUBNET: b"\x0a\0\0\0" + mask}


def test_an_identity_that_no_section_can_name_has_none() -> None:
    identity = Identity("IPV4_ADDR_SUBNET", network=IPv4Network("192.0.2.0/24"))
    east = client(ASKING, flags=IKECFG)
    east = replace(east, peers={"gateway": replace(east.peers["gateway"], identity=identity)})
    pair = pair_of(east, gateway(OF_EAST)).start().run(1.0)
    assert details(pair) == ["mode-config got nothing"]


def test_a_network_without_a_size_is_not_sent() -> None:
    for address, prefix in (("10.0.0.0", None), ("2001:db8::", None), ("10.0.0.0", 33)):
        network = replace(section(f"ipv4/{EAST}", attributes=("Network",), Network=address), prefix=prefix)
        pair = pair_of(client(), gateway(network, flags=IKECFG)).start().run(1.0)
        assert transactions(pair, isakmp_of(pair.west))[0].values == {}


# --- the address that we are given ----------------------------------------------------------------------------------


def warrior(**more: object) -> Pair:
    """The client's connection takes the address that mode-config gives it."""
    east = client(ASKING, flags=IKECFG, connection=dynamic())
    return pair_of(east, gateway(OF_EAST, connection=for_warrior()), **more).start()  # type: ignore[arg-type]


def test_a_local_identity_of_zero_is_the_address_that_we_got() -> None:
    pair = warrior().run(1.0)
    assert pair.established
    assert pair.west.phase(2) == ["net"]
    (sa,) = pair.east.engine._core.sas.ipsec
    assert sa.selectors == (str(INSIDE), "10.2.0.0/24")


def test_such_a_connection_waits_until_the_gateway_pushes_an_address() -> None:
    pair = pair_of(client(connection=dynamic()), gateway(OF_EAST, flags=IKECFG, connection=for_warrior())).start()
    pair.run(1.0)
    assert pair.established


def test_such_a_connection_waits_for_ever_where_there_is_no_address() -> None:
    pair = pair_of(client(connection=dynamic()), gateway()).start().run(200.0)
    assert not pair.east.kernel
    assert isakmp_of(pair.east).waiting == ("net",)
    assert pair.east.census()["exchanges"] == 0


def test_the_gateway_may_renew_a_connection_to_the_address() -> None:
    """Then the address is the responder's identity, and the connection is found by it."""
    pair = warrior().run(1.0)
    (first,) = pair.west.engine._core.sas.ipsec
    pair.do(pair.west, pair.west.engine.command(Connect("net"), pair.now))
    pair.run(2.0)
    assert len(pair.east.kernel) == 4
    assert {each.name for each in pair.east.engine._core.sas.ipsec} == {"net"}
    assert first.name == "net"


@pytest.mark.parametrize("bad", [b"", b"\0\0\0\0", b"\xe0\0\0\1", b"\x7f\0\0\1", b"\1\2\3", b"\1\2\3\4\5\6\7\x08"])
def test_an_address_that_no_host_can_have_is_none(bad: bytes) -> None:
    pair = connected()
    isakmp = isakmp_of(pair.east)
    told = Attributes(ConfigurationType.SET, 7, attributes((Kind.INTERNAL_IP4_ADDRESS, bad)))
    pair.inject(pair.west, forged(isakmp, 4711, told)[0], isakmp_of(pair.west).path)
    assert isakmp_of(pair.west).assigned is None


def test_nobody_can_name_the_placeholder_itself() -> None:
    pair = pair_of(
        client(connection={"remote_identity": Identity("IPV4_ADDR", address=IPv4Address(0))}),
        gateway(connection=dynamic()),
    ).start()
    pair.run(1.0)
    assert pair.west.phase(2) in ([], [""])


# --- the exchange itself --------------------------------------------------------------------------------------------


def asked(identifier: int = 7, kind: ConfigurationType = ConfigurationType.REQUEST) -> Attributes:
    return Attributes(kind, identifier, attributes((Kind.INTERNAL_IP4_ADDRESS, b"")))


class Line:
    """A connected pair, east's keys in our hand, and what west answers to what we say with them."""

    def __init__(self) -> None:
        self.pair = pair_of(client(), gateway(OF_EAST)).start().run(1.0)
        self.isakmp = isakmp_of(self.pair.east)
        self.west = self.pair.west
        self.heard: list[Attributes] = []

    @property
    def path(self) -> Path:
        return isakmp_of(self.west).path

    def give(self, *payloads: Payload, message_id: int = 4711, cipher: Cbc | None = None, **more: object) -> Cbc:
        """Say something; the cipher for what comes next under this message ID."""
        data, following = forged(self.isakmp, message_id, *payloads, cipher=cipher, **more)  # type: ignore[arg-type]
        count = len(self.west.sent)
        self.pair.inject(self.west, data, self.path)
        for _, out in self.west.sent[count:]:
            if isinstance(out, Send) and read_header(out.data).exchange_type == ExchangeType.TRANSACTION:
                message, following = open_message(following, Datagram(read_header(out.data), out.data, out.path))  # type: ignore[assignment]
                self.heard += message.all(Attributes)
        return following


def test_a_repeated_question_is_answered_again_and_a_replay_later_too_does_nothing() -> None:
    line = Line()
    data, _ = forged(line.isakmp, 4711, asked())
    for _ in range(3):
        line.pair.inject(line.west, data, line.path)
    mine = [out.data for _, out in line.west.sent if isinstance(out, Send) and read_header(out.data).message_id == 4711]
    assert len(mine) == 5  # a repetition is answered twice: the first answer was lost
    assert len(set(mine)) == 1
    assert len(details(line.pair, west=True)) == 1


def test_one_message_id_may_carry_several_transactions_with_chained_ivs() -> None:
    """As some gateways do for all of XAUTH."""
    line = Line()
    chained = line.give(asked(1))
    line.give(asked(2), cipher=chained)
    line.give(asked(3, ConfigurationType.SET), message_id=4712)
    assert [(each.type, each.identifier) for each in line.heard] == [
        (ConfigurationType.REPLY, 1),
        (ConfigurationType.REPLY, 2),
        (ConfigurationType.ACK, 3),
    ]


def test_only_the_last_message_id_may_go_on() -> None:
    line = Line()
    cipher = line.give(asked(1))
    line.give(asked(2), message_id=4712)
    before = state_of(line.west)
    line.give(asked(3), cipher=cipher)
    assert state_of(line.west) == before
    assert "message_recv: message of an exchange that is over" in line.west.log[-1]


@pytest.mark.parametrize(
    "proof", [lambda right: bytes(len(right)), lambda right: right[:-1], lambda right: right + b"x"]
)
def test_a_wrong_hash_changes_nothing(proof: object) -> None:
    line = Line()
    before = state_of(line.west)
    line.give(asked(), proof=proof)
    assert state_of(line.west) == before
    assert line.heard == []
    line.give(asked())
    assert len(line.heard) == 1


@pytest.mark.parametrize(
    "kind", [ConfigurationType.REPLY, ConfigurationType.ACK, ConfigurationType(0), ConfigurationType(5)]
)
def test_a_transaction_begins_with_a_question(kind: ConfigurationType) -> None:
    line = Line()
    line.give(asked(1, kind))
    assert line.heard == []
    assert line.west.census()["exchanges"] == 0
    assert line.west.records[-1].reason is Reason.MALFORMED
    assert line.west.phase(1) == ["gateway"]


@pytest.mark.parametrize(
    "payloads",
    [(), (asked(), asked()), (asked(), Nonce(b"n" * 16)), (Hash(b"h" * 32), asked()), (Nonce(b"n" * 16),)],
    ids=["none", "two", "a nonce", "two hashes", "only a nonce"],
)
def test_a_question_has_one_hash_and_one_attribute_payload(payloads: tuple[Payload, ...]) -> None:
    line = Line()
    before = state_of(line.west)
    line.give(*payloads)
    assert state_of(line.west) == before
    assert line.heard == []


@pytest.mark.parametrize(
    "change", [{"type": ConfigurationType.ACK}, {"type": ConfigurationType(9)}, {"type": ConfigurationType.REQUEST}]
)
def test_an_answer_to_something_else_ends_the_transaction_and_the_quick_modes_go_on(
    change: dict[str, ConfigurationType],
) -> None:
    pair = pair_of(client(ASKING, flags=IKECFG), gateway(OF_EAST))

    def mislead(source: str, path: Path, data: bytes) -> list[bytes]:
        header = read_header(data)
        if source == EAST or header.exchange_type != ExchangeType.TRANSACTION:
            return [data]
        isakmp = isakmp_of(pair.east)
        core = pair.east.engine._core
        (exchange,) = [each for each in core.exchanges if each.message_id == header.message_id]
        wrong = replace(asked(exchange.state.question.identifier, ConfigurationType.REPLY), **change)  # type: ignore[arg-type]
        return [forged(isakmp, header.message_id, wrong, cipher=exchange.cipher)[0]]

    pair.filter = mislead
    pair.start().run(1.0)
    failed = [each for each in pair.east.records if each.outcome is not Outcome.ACCEPTED]
    assert [(each.exchange, each.reason) for each in failed] == [("transaction", Reason.MALFORMED)]
    assert pair.established


def test_mode_config_that_nobody_answers_costs_only_time() -> None:
    pair = pair_of(client(ASKING, flags=IKECFG, general=General(exchange_max_time=30)), gateway(OF_EAST))
    pair.filter = lambda _source, _path, data: (
        [] if read_header(data).exchange_type == ExchangeType.TRANSACTION else [data]
    )
    pair.start().run(29.0)
    assert not pair.east.kernel
    pair.run(32.0)
    assert pair.established
    assert [each.reason for each in pair.east.records if each.exchange == "transaction"] == [Reason.TIMEOUT]


@pytest.mark.parametrize("seed", range(12))
def test_loss_duplication_and_reordering_are_survived(seed: int) -> None:
    pair = warrior(weather=Weather(loss=0.2, duplication=0.2, lateness=0.5), seed=seed).run(300.0)
    assert pair.established
    for node in pair.nodes:
        assert node.census()["exchanges"] == node.census()["tokens"] == 0


def test_a_transaction_goes_with_its_isakmp_sa() -> None:
    pair = pair_of(client(ASKING, flags=IKECFG), gateway(OF_EAST))
    pair.filter = lambda _source, _path, data: (
        [] if read_header(data).exchange_type == ExchangeType.TRANSACTION else [data]
    )
    pair.start().run(1.0)
    assert pair.east.census()["exchanges"] == 1
    pair.do(pair.east, pair.east.engine.command(TearDown("gateway", 1), pair.now))
    assert pair.east.census()["exchanges"] == 0
    assert pair.east.phase(1) == []


def test_message_3_of_a_transaction_that_is_our_own_is_out_of_turn() -> None:
    pair = pair_of(client(ASKING, flags=IKECFG), gateway(OF_EAST))
    kept: list[bytes] = []

    def hold(source: str, path: Path, data: bytes) -> list[bytes]:
        if read_header(data).exchange_type == ExchangeType.TRANSACTION:
            kept.append(data)
            return []
        return [data]

    pair.filter = hold
    pair.start().run(1.0)
    path = isakmp_of(pair.east).path
    before = state_of(pair.east)
    pair.inject(pair.east, kept[0], path)  # our own question comes back
    assert state_of(pair.east) == before


def test_attributes_are_not_shown_where_they_are_kept() -> None:
    told = Attributes(ConfigurationType.REPLY, 1, (DataAttribute(Kind.XAUTH_USER_PASSWORD, b"hush"),))
    assert "hush" not in repr(told)


def test_a_section_for_everybody_is_none() -> None:
    assert with_modes(gateway(), OF_EAST).mode_config[f"ipv4/{EAST}"] is OF_EAST
