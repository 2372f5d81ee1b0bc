"""What one peer's credentials say speaks for nobody else, for no later phase 1 and for no later policy.

Alice and Bob reach one gateway. The boss whom its policy trusts lets Alice have 10.1.0.0/24 and Bob 10.3.0.0/24, by
KeyNote credentials that each of them brings. A tunnel with the network of the other would stand on a credential that is
not its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network

import pytest

from daemon.ike.events import Connect, TearDown
from daemon.ike.trust.holdings import Holdings, KeynoteIdentity
from daemon.ike.trust.keyring import Keyring
from policydb.connections import Configuration, General, Identity
from policydb.negotiation import Outcome, Reason
from policydb.records.record_json import to_json
from tests import pki
from tests.daemon.ike.network import EAST, WEST, WEST_NET, FakeOracle, Node, Pair, configuration, ike_transform, subnet
from tests.daemon.ike.test_signed_phase1 import ANYBODY, BOSS, NAMES, TRUSTS_BOSS, Written, credential, holding, host

THIRD = "192.0.2.3"
NETS = {"alice": IPv4Network("10.1.0.0/24"), "bob": IPv4Network("10.3.0.0/24")}
KEYS = {"alice": pki.rsa_key("alice of the boss"), "bob": pki.rsa_key("bob of the boss")}
FILTERS = {"alice": "010.001.000.000-010.001.000.255", "bob": "010.003.000.000-010.003.000.255"}
QUIET = General(check_interval=100_000)
GATEWAY = Identity("FQDN", name=NAMES[WEST])
BOTH = pytest.mark.parametrize("thief", ["alice", "bob"])


def given_to(name: str) -> str:
    """The boss's credential for somebody."""
    condition = f'app_domain == "IPsec policy" && remote_filter == "{FILTERS[name]}" -> "true"'
    return credential(BOSS, KEYS[name], condition)


def section(name: str, address: str, *nets: str) -> Configuration:
    """Somebody's daemon: a connection for each of these networks, started by hand."""
    transform = ike_transform(authentication="RSA_SIG")
    peer = {"identity": Identity("FQDN", name=name), "remote_identity": GATEWAY, "secret": None}
    made = configuration(address, WEST, transforms=(transform,), peer=peer, general=QUIET)
    net = made.connections["net"]
    wanted = {
        each: replace(net, name=each, local_identity=subnet(NETS[each]), remote_identity=subnet(WEST_NET))
        for each in nets
    }
    return replace(made, connections=wanted)


def gateway() -> Configuration:
    """It knows nobody by address or name, and no connection: policy alone decides."""
    transform = ike_transform(authentication="RSA_SIG")
    peer = {"identity": GATEWAY, "address": None, "secret": None}
    made = configuration(WEST, EAST, transforms=(transform,), peer=peer, general=QUIET)
    return replace(made, connections={}, peers_by_address={}, default_peer="gateway")


@dataclass
class House:
    """The gateway, Alice and Bob, all started."""

    pair: Pair

    @property
    def west(self) -> Node:
        return self.pair.west

    def node(self, name: str) -> Node:
        return {"alice": self.pair.east, "bob": self.pair.others[0]}[name]

    def want(self, name: str, net: str, seconds: float = 1.0) -> None:
        """Somebody asks for a network."""
        node = self.node(name)
        self.pair.do(node, node.engine.command(Connect(net), self.pair.now))
        self.pair.run(self.pair.now + seconds)

    def forget(self, name: str) -> None:
        """Somebody ends all, so that what comes next begins with a new phase 1."""
        node = self.node(name)
        for command in (TearDown(None), TearDown("gateway", 1)):
            self.pair.do(node, node.engine.command(command, self.pair.now))
        self.pair.run(self.pair.now + 1.0)

    def brings(self, name: str, credentials: str) -> None:
        """From now on somebody sends these credentials."""
        node = self.node(name)
        keyring = Keyring(held(name, credentials))
        self.pair.do(node, node.engine.reconfigure(node.oracle, node.secrets, self.pair.now, keyring))

    def policy(self, text: str) -> None:
        """The gateway gets another policy."""
        oracle = Written(text, gateway())
        self.west.oracle = oracle  # type: ignore[assignment]
        self.pair.do(self.west, self.west.engine.reconfigure(oracle, self.west.secrets, self.pair.now))

    @property
    def standing(self) -> set[tuple[str, str]]:
        """Where tunnels of the gateway go, and for which network."""
        return {(sa.source, str(sa.source_selector.network)) for sa in self.west.kernel.values() if sa.inbound}


def held(name: str, credentials: str) -> Holdings:
    certificate = host(WEST)
    public = {f"fqdn/{NAMES[WEST]}": certificate.key.public_key()}
    return Holdings(keynote={name: KeynoteIdentity(credentials, KEYS[name])}, public_keys=public)  # type: ignore[arg-type]


@pytest.fixture
def house() -> House:
    west = replace(holding(host(WEST)), authorities=())
    pair = Pair(
        section("alice", EAST, "alice", "bob"),
        gateway(),
        credentials=(Keyring(held("alice", given_to("alice"))), Keyring(west)),
    )
    bob = FakeOracle(section("bob", THIRD, "alice", "bob"))
    third = Node(
        THIRD,
        bob,
        lambda: pair.now,
        seed=77,
        secret=b"",
        settings=None,
        credentials=Keyring(held("bob", given_to("bob"))),
    )
    pair.others = [third]
    pair.west.oracle = Written(TRUSTS_BOSS, gateway())  # type: ignore[assignment]
    return House(pair.start().run(0.5))


ALICE, BOB = (EAST, str(NETS["alice"])), (THIRD, str(NETS["bob"]))


def test_each_gets_its_own(house: House) -> None:
    house.want("alice", "alice")
    house.want("bob", "bob")
    assert house.standing == {ALICE, BOB}


@BOTH
@pytest.mark.parametrize("other_first", [True, False])
def test_nobody_gets_what_the_other_ones_credential_says(house: House, thief: str, other_first: bool) -> None:
    other = "bob" if thief == "alice" else "alice"
    if other_first:
        house.want(other, other)
    house.want(thief, other)
    house.want(thief, thief)
    house.want(thief, other)
    if not other_first:
        house.want(other, other)
    house.want(thief, other)
    assert house.standing == {ALICE, BOB}
    refused = [each for each in house.west.records if each.reason is Reason.POLICY]
    assert {each.peer_address.split(":")[0] for each in refused} == {EAST if thief == "alice" else THIRD}


@BOTH
def test_a_record_holds_its_own_peers_credentials_and_no_others(house: House, thief: str) -> None:
    other = "bob" if thief == "alice" else "alice"
    for name, net in ((other, other), (thief, other), (thief, thief), (other, thief)):
        house.want(name, net)
    records = [each for each in house.west.records if each.exchange == "quick mode"]
    assert {each.outcome for each in records} == {Outcome.ACCEPTED, Outcome.REFUSED}
    for record in records:
        who = "alice" if record.peer_address.startswith(EAST) else "bob"
        (kept,) = to_json(record)["credentials"]
        assert FILTERS[who] in kept["text"]


@BOTH
def test_a_new_phase_1_counts_what_it_brings_itself(house: House, thief: str) -> None:
    """Without its credential whoever had a tunnel before has none; with a copy of the other's he has no more."""
    other = "bob" if thief == "alice" else "alice"
    house.want(thief, thief)
    house.want(other, other)
    house.forget(thief)
    for credentials in ("", given_to(other), given_to(thief).replace(FILTERS[thief], FILTERS[other])):
        house.brings(thief, credentials)
        house.want(thief, other, 130.0)
        house.want(thief, thief, 130.0)
        assert house.standing == ({ALICE, BOB} - {ALICE if thief == "alice" else BOB})
    house.brings(thief, given_to(thief))
    house.want(thief, thief)
    assert house.standing == {ALICE, BOB}


@BOTH
def test_both_credentials_in_one_phase_1_license_two_keys_and_only_one_was_proved(house: House, thief: str) -> None:
    other = "bob" if thief == "alice" else "alice"
    house.brings(thief, f"{given_to(other)}\n{given_to(thief)}")
    house.want(thief, other)
    house.want(thief, thief)
    assert house.standing == {ALICE if thief == "alice" else BOB}


@BOTH
def test_whoever_takes_the_other_ones_name_gets_his_own_network_still(house: House, thief: str) -> None:
    other = "bob" if thief == "alice" else "alice"
    house.want(other, other)
    node = house.node(thief)
    found = node.oracle.configuration
    peer = replace(found.peers["gateway"], identity=Identity("FQDN", name=other))
    node.oracle = FakeOracle(replace(found, peers={"gateway": peer}))
    keyring = Keyring(replace(held(thief, ""), keynote={other: KeynoteIdentity(given_to(thief), KEYS[thief])}))
    house.pair.do(node, node.engine.reconfigure(node.oracle, node.secrets, house.pair.now, keyring))
    house.want(thief, other)
    house.want(thief, thief)
    assert house.standing == {ALICE, BOB}


@BOTH
def test_a_policy_that_trusts_the_boss_no_more_takes_the_credentials_worth_away(house: House, thief: str) -> None:
    house.want(thief, thief)
    node = house.node(thief)
    house.policy('Authorizer: "POLICY"\nLicensees: "nobody"\n')
    house.pair.do(node, node.engine.command(TearDown(None), house.pair.now))
    house.want(thief, thief)
    assert house.standing == set()
    assert house.west.records[-1].reason is Reason.POLICY
    house.policy(TRUSTS_BOSS)
    house.want(thief, thief)
    assert house.standing == {ALICE if thief == "alice" else BOB}


def test_the_house_would_let_a_thief_in_if_policy_did(house: House) -> None:
    """So that the tests above can fail."""
    house.policy(TRUSTS_BOSS + "\n" + ANYBODY)
    house.want("bob", "alice")
    assert house.standing == {(THIRD, str(NETS["alice"]))}
