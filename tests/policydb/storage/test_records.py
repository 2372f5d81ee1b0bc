"""Records of a configuration in the store: what is read is what was written, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from policydb import connections
from policydb.connections import (
    ANY,
    Backoff,
    Configuration,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecProtocol,
    IpsecTransform,
    IsakmpdSteps,
    Lifetime,
    ModeConfig,
    OnDemand,
    Peer,
    Suite,
)
from policydb.storage.decoding import Decoder, configuration_of
from policydb.storage.records import FORMAT, Record, Row, encode
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import open_store
from tests.policydb.stores import NOON, resolved

LIFE = (Lifetime("SECONDS", Interval(3600, 60, 86400)), Lifetime("KILOBYTES", None))
IKE = IkeTransform("t", "AES_CBC", ANY, "PRE_SHARED", "MODP_2048", Interval(128, 128, 256), LIFE)
SUITE = Suite("s", (IpsecProtocol("esp", "IPSEC_ESP", (IpsecTransform("x", "AES", "TUNNEL", None, "ECP_256"),), 32),))
IDENTITIES = (
    Identity("IPV4_ADDR", address=IPv4Address("192.0.2.1"), protocol=6, port=22),
    Identity("IPV6_ADDR", address=IPv6Address("2001:db8::1")),
    Identity("IPV4_ADDR_SUBNET", network=IPv4Network("10.0.0.0/8")),
    Identity("IPV6_ADDR_SUBNET", network=IPv6Network("::/0")),
    Identity("IPV4_ADDR_RANGE", address=IPv4Address("10.0.0.1"), upper=IPv4Address("10.0.0.9")),
    Identity("FQDN", name="g\xe4w.example"),
)
PEERS = [
    Peer(
        "West",
        (IKE,),
        exchange="AGGRESSIVE",
        address=IPv4Address("192.0.2.1"),
        local_address=IPv4Address("192.0.2.9"),
        port=501,
        identity=IDENTITIES[5],
        remote_identity=IDENTITIES[0],
        secret="secret:west",
        flags=frozenset({"ikecfg"}),
        schedule=Backoff(3, 1.5, 2.0, 8.0, 0),
        user="me",
        password="password:west",
    ),
    Peer("any", (), schedule=IsakmpdSteps(7)),
]
CONNECTIONS = [
    *(
        Connection(f"c{number}", "West", (SUITE,), IDENTITIES[number - 1], identity, initiates=number % 2 == 0)
        for number, identity in enumerate(IDENTITIES)
    ),
    Connection("hosts", "any", (), answers=False),
]
WHOLE = Configuration(
    General(exchange_max_time=5, schedule=IsakmpdSteps(), log_levels=("A=5",), listen_on=("192.0.2.9",), verbose=True),
    {peer.name: peer for peer in PEERS},
    {IPv4Address("192.0.2.1"): "West", IPv6Address("2001:db8::1"): "West"},
    "any",
    {connection.name: connection for connection in CONNECTIONS},
    {"ipv4/10.0.0.1": ModeConfig("IPV4/10.0.0.1", True, ("Address",), {"Address": IPv4Address("10.0.0.2")}, 24, 60)},
    OnDemand("ID_PROT", (IKE,), (SUITE,)),
    {"alice": "user:alice"},
)


def rows(records: list[Record]) -> list[Row]:
    return [(record.kind, record.body, record.offer) for record in records]


def test_what_is_written_is_read() -> None:
    assert configuration_of(rows(encode(WHOLE))) == WHOLE
    assert list(configuration_of(rows(encode(WHOLE))).connections) == list(WHOLE.connections)
    assert configuration_of(rows(encode(Configuration()))) == Configuration()


def test_what_the_configuration_before_had_is_not_decoded_again() -> None:
    decoder = Decoder()
    first = decoder.configuration(rows(encode(WHOLE)))
    changed = replace(WHOLE, connections={**WHOLE.connections, "hosts": replace(CONNECTIONS[-1], answers=True)})
    second = decoder.configuration(rows(encode(changed)))
    assert second == changed
    assert second.connections["c1"] is first.connections["c1"]
    assert second.peers["West"] is first.peers["West"]
    assert decoder.configuration(rows(encode(WHOLE))) == WHOLE


def test_a_generation_is_what_it_was_resolved_to(tmp_path: Path) -> None:
    with open_store(tmp_path / "policy.db") as store:
        store.publish([], NOON, resolved(WHOLE))
        assert store.publish([], NOON, resolved()).generation == 2
    with open_snapshot(tmp_path / "policy.db", 1) as snapshot:
        assert snapshot.configuration == WHOLE
    with open_snapshot(tmp_path / "policy.db") as snapshot:
        assert snapshot.configuration == Configuration()


def test_whoever_gives_a_record_another_field_raises_the_format() -> None:
    """Rows of an older program have other fields. So this is to be changed together with FORMAT."""
    told = {name: len(fields(getattr(connections, name))) for name in ("General", "Peer", "Connection", "ModeConfig")}
    told |= {name: len(fields(getattr(connections, name))) for name in ("Identity", "Backoff", "IsakmpdSteps")}
    told |= {name: len(fields(getattr(connections, name))) for name in ("IkeTransform", "IpsecTransform", "OnDemand")}
    assert (FORMAT, told) == (
        1,
        {
            "General": 14,
            "Peer": 13,
            "Connection": 8,
            "ModeConfig": 6,
            "Identity": 7,
            "Backoff": 5,
            "IsakmpdSteps": 1,
            "IkeTransform": 7,
            "IpsecTransform": 7,
            "OnDemand": 3,
        },
    )


def spoiled(value: object) -> list[object]:
    """The JSON value with each of its parts in turn replaced by something of another type, or left out."""
    if isinstance(value, list):
        found: list[object] = [value[:-1]] if value else []
        for place, inner in enumerate(value):
            found += [[*value[:place], other, *value[place + 1 :]] for other in spoiled(inner)]
        return [{}, *found]
    if isinstance(value, dict):
        return [[], *({**value, name: other} for name, inner in value.items() for other in spoiled(inner))]
    return [{"a": []}, [[1]]]


@pytest.mark.parametrize("record", encode(WHOLE), ids=lambda record: f"{record.kind} {record.name}")
def test_a_row_that_no_program_of_ours_wrote_is_refused(record: Record) -> None:
    """A list that is shorter is another configuration; one with a value of another type is none."""
    others = [(record.kind, json.dumps(body), record.offer) for body in spoiled(json.loads(record.body))]
    if record.offer:
        others += [(record.kind, record.body, json.dumps(offer)) for offer in spoiled(json.loads(record.offer))]
    refused = 0
    for row in others:
        try:
            read = configuration_of([row])
        except (ValueError, TypeError, LookupError, AttributeError):
            refused += 1
        else:
            assert "{'a': []}" not in repr(read)
            assert "[[1]]" not in repr(read)
    assert refused > len(others) / 2
