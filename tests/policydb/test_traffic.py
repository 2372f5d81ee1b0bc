"""Traffic against sets of packets, in a universe that is small enough to count them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from itertools import product
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.connections import Identity
from policydb.traffic import Flow, FlowIndex, Traffic, flows_overlap, in_four_parts
from tests.sizes import examples, sized
from tests.traffic import host, net, span

SIZE = 8
PROTOCOLS, PORTS = (6, 17, 47), (22, 53, 80)
"""The last of each is never asked for, so that `any` is more than all that is."""

Packet: TypeAlias = tuple[int, int, int, int]
EVERYTHING = frozenset(product((4, 6), range(SIZE), PROTOCOLS, PORTS))


def packets(traffic: Traffic | None) -> frozenset[Packet]:
    """Each packet that is meant, looked at by itself."""
    return EVERYTHING if traffic is None else frozenset(_packets(traffic))


def _packets(traffic: Traffic) -> Iterator[Packet]:
    for family, address, protocol, port in EVERYTHING:
        if family != traffic.family or not traffic.lowest <= address <= traffic.highest:
            continue
        if traffic.protocol and protocol != traffic.protocol:
            continue
        if traffic.port and port != traffic.port:
            continue
        yield family, address, protocol, port


BOUNDS = st.tuples(st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)).map(sorted)
TRAFFIC = st.builds(
    lambda family, bounds, protocol, port: Traffic(family, bounds[0], bounds[1], protocol, port),
    st.sampled_from([4, 6]),
    BOUNDS,
    st.sampled_from([0, *PROTOCOLS[:2]]),
    st.sampled_from([0, *PORTS[:2]]),
)


@settings(max_examples=examples(600))
@given(TRAFFIC, TRAFFIC)
def test_equality_inclusion_and_overlap_are_those_of_the_packets(one: Traffic, other: Traffic) -> None:
    mine, its = packets(one), packets(other)
    assert (one == other) is (mine == its)
    assert one.within(other) is (mine <= its)
    assert one.overlaps(other) is bool(mine & its)


FLOWS = st.tuples(st.none() | TRAFFIC, st.none() | TRAFFIC)


def _common(one: Flow, other: Flow) -> bool:
    return all(packets(mine) & packets(its) for mine, its in zip(one, other, strict=True))


@settings(max_examples=examples(300))
@given(st.lists(FLOWS, max_size=sized(12, 40)), FLOWS)
def test_the_index_finds_what_a_look_at_each_flow_finds(flows: list[Flow], wanted: Flow) -> None:
    scanned = [number for number, each in enumerate(flows) if _common(each, wanted)]
    assert FlowIndex(flows).overlapping(wanted) == scanned
    assert [number for number, each in enumerate(flows) if flows_overlap(each, wanted)] == scanned


# --- what an identity means ---------------------------------------------------------------------------------------


ZERO = str(IPv4Address(0))

ALIKE = [
    (host("10.1.0.5"), net("10.1.0.5/32"), span("10.1.0.5", "10.1.0.5")),
    (host("2001:db8::5"), net("2001:db8::5/128"), span("2001:db8::5", "2001:db8::5")),
    (net("10.1.0.0/24"), span("10.1.0.0", "10.1.0.255")),
    (net("10.1.0.0/31"), span("10.1.0.0", "10.1.0.1")),
    (net("0.0.0.0/0"), span(ZERO, "255.255.255.255")),
    (net("::/0"), span("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
    (host(ZERO), net(f"{ZERO}/32"), span(ZERO, ZERO)),
    (host("::"), net("::/128"), span("::", "::")),
    (host("10.1.0.5", protocol=6, port=22), net("10.1.0.5/32", protocol=6, port=22)),
    (net("10.1.0.0/24", port=500), span("10.1.0.0", "10.1.0.255", port=500)),
]
DIFFERENT = [each[0] for each in ALIKE] + [
    host("::ffff:10.1.0.5"),
    host("10.1.0.5", protocol=6),
    host("10.1.0.5", port=22),
    span("10.1.0.0", "10.1.0.254"),
    span(ZERO, "255.255.255.254"),
    Identity("FQDN", name="10.1.0.5"),
    Identity("KEY_ID", name="10.1.0.5"),
]


@pytest.mark.parametrize("ways", ALIKE, ids=lambda ways: str(ways[0]))
def test_one_traffic_in_each_way_of_writing_it(ways: tuple[Identity, ...]) -> None:
    assert len({each.traffic for each in ways}) == len({each.meaning() for each in ways}) == 1
    assert all(one.means(other) for one in ways for other in ways)
    assert len({each.unspecified for each in ways}) == 1


def test_other_traffic_never_means_the_same() -> None:
    for number, one in enumerate(DIFFERENT):
        assert [one.means(other) for other in DIFFERENT] == [place == number for place in range(len(DIFFERENT))]


def test_a_name_means_no_packets_that_anybody_knows() -> None:
    assert Identity("FQDN", name="a.example").traffic is None
    assert not Identity("FQDN", name="a.example").unspecified


def test_only_a_lone_zero_address_is_the_unspecified_one() -> None:
    assert host(ZERO).unspecified
    assert not net("0.0.0.0/0").unspecified
    assert not span(ZERO, "10.0.0.0").unspecified
    assert not span("::", "::1").unspecified


@pytest.mark.parametrize(
    ("text", "whole"),
    [("10", "10.0.0.0"), ("172.20", "172.20.0.0"), ("10.1.2", "10.1.2.0"), ("10.1.2.3", "10.1.2.3"), ("x.1", "x.1")],
)
def test_a_network_whose_end_is_left_out(text: str, whole: str) -> None:
    assert in_four_parts(text) == whole


# --- what a search costs ------------------------------------------------------------------------------------------


class _Counted(tuple[Flow, ...]):
    """Flows that count how often one of them is looked at."""

    looks = 0

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as a tuple has it
        self.looks += 1
        return super().__getitem__(place)


def _block(number: int, size: int = 256) -> Traffic:
    return Traffic(4, number * size, number * size + size - 1)


SHAPES: dict[str, Callable[[int], list[Flow]]] = {
    "one network here, many there": lambda count: [(_block(0), _block(each)) for each in range(count)],
    "many here, everything there": lambda count: [(_block(each), None) for each in range(count)],
    "many of both": lambda count: [(_block(each), _block(each)) for each in range(count)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_of_thousands_of_connections_few_are_looked_at(shape: str) -> None:
    looks = []
    for count in (sized(1000, 10_000), 4 * sized(1000, 10_000)):
        index = FlowIndex(SHAPES[shape](count))
        index._flows = counted = _Counted(index._flows)
        number = 0 if shape.startswith("one") else count // 2
        assert index.overlapping((Traffic(4, number * 256 + 5, number * 256 + 5), _block(count // 2))) == [count // 2]
        looks.append(counted.looks)
    assert max(looks) <= 2, looks
