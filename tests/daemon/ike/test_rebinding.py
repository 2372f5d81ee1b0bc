"""NAT traversal beyond the first handshake: every version, both roles, new ports in the middle, transport mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from daemon.ike import natt
from daemon.ike.events import Endpoint, MoveSas, Path, PeerMoved, Send, SendKeepalive
from daemon.ike.informational import tell
from daemon.ike.messages.payloads import NatOriginalAddress, Notify
from daemon.ike.messages.vendor import Vendor
from daemon.ike.rebinding import heard_from
from daemon.ike.registries import IdType, Notification
from daemon.ike.sa import IpsecSa, IsakmpSa, SaFlag
from daemon.ike.timers import TimerKey, TimerKind
from policydb.connections import General, Suite
from tests.daemon.ike.network import EAST, WEST, Nat, Node, Pair, Weather, configuration, suite

PUBLIC = "198.51.100.1"
OTHER = "198.51.100.77"
QUIET = General(check_interval=100_000)


def transport() -> Suite:
    made = suite()
    (protocol,) = made.protocols
    (transform,) = protocol.transforms
    return replace(made, protocols=(replace(protocol, transforms=(replace(transform, encapsulation="TRANSPORT"),)),))


def behind(*, suites: tuple[Suite, ...] = (suite(),), hosts: bool = False, west: General = QUIET) -> Pair:
    """East is behind a NAT and begins; west is in the open."""
    ids: dict[str, object] = {"local_identity": None, "remote_identity": None} if hosts else {}
    return Pair(
        configuration(EAST, WEST, initiates=True, suites=suites, connection=ids, general=QUIET),
        configuration(WEST, PUBLIC, suites=suites, connection=ids, general=west),
        nats={EAST: Nat(PUBLIC)},
    )


def isakmp_of(node: Node) -> list[IsakmpSa]:
    return list(node.engine._core.sas.isakmp)


def ipsec_of(node: Node) -> list[IpsecSa]:
    return list(node.engine._core.sas.ipsec)


def without(*vendors: Vendor) -> Callable[[str, Path, bytes], list[bytes]]:
    """A network in which nobody knows some versions."""

    def changed(_source: str, _path: Path, data: bytes) -> list[bytes]:
        for each in vendors:
            data = data.replace(each.value, bytes(len(each.value)))
        return [data]

    return changed


# --- versions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hidden", "version", "mode"),
    [
        ((), Vendor.NAT_T_RFC3947, 20),
        ((Vendor.NAT_T_RFC3947,), Vendor.NAT_T_DRAFT_03, 130),
        ((Vendor.NAT_T_RFC3947, Vendor.NAT_T_DRAFT_03), Vendor.NAT_T_DRAFT_02, 130),
    ],
    ids=["RFC 3947", "draft 03", "draft 02"],
)
@pytest.mark.parametrize("suites", [(suite(),), (transport(),)], ids=["tunnel", "transport"])
def test_every_version_works_in_both_modes(
    hidden: tuple[Vendor, ...], version: Vendor, mode: int, suites: tuple[Suite, ...]
) -> None:
    pair = behind(suites=suites, hosts=suites[0] != suite())
    pair.filter = without(*hidden)
    pair.start().run(2.0)
    for node in pair.nodes:
        (isakmp,) = isakmp_of(node)
        assert isakmp.version is not None
        assert (isakmp.version.vendor, isakmp.version.nat_d) == (version, mode)
        assert isakmp.path.encapsulated
        assert len(node.kernel) == 2
        assert all(sa.udp_ports is not None for sa in node.kernel.values())
    assert {sa.spi for sa in pair.east.kernel.values()} == {sa.spi for sa in pair.west.kernel.values()}


def test_without_any_common_version_there_is_no_nat_traversal() -> None:
    pair = behind()
    pair.filter = without(Vendor.NAT_T_RFC3947, Vendor.NAT_T_DRAFT_03, Vendor.NAT_T_DRAFT_02)
    pair.start().run(2.0)
    assert all(sa.udp_ports is None for node in pair.nodes for sa in node.kernel.values())


# --- transport mode -----------------------------------------------------------------------------------------------


def test_transport_mode_tells_the_addresses_behind_the_nat() -> None:
    """RFC 3948 section 3.1.2: west computes checksums with the address that east has, not with the NAT's."""
    pair = behind(suites=(transport(),), hosts=True).start().run(2.0)
    original = {sa.inbound: sa.nat_original for sa in pair.west.kernel.values()}
    assert original == {True: EAST, False: ""}
    original = {sa.inbound: sa.nat_original for sa in pair.east.kernel.values()}
    assert original == {True: WEST, False: ""}
    tunnel = behind().start().run(2.0)
    assert {sa.nat_original for node in tunnel.nodes for sa in node.kernel.values()} == {""}


def test_transport_mode_without_a_nat_tells_nothing() -> None:
    ids: dict[str, object] = {"local_identity": None, "remote_identity": None}
    pair = Pair(
        configuration(EAST, WEST, initiates=True, suites=(transport(),), connection=ids),
        configuration(WEST, EAST, suites=(transport(),), connection=ids),
    )
    pair.start().run(2.0)
    assert pair.established
    assert {sa.nat_original for node in pair.nodes for sa in node.kernel.values()} == {""}


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_original_addresses_are_those_of_initiator_and_responder(address: str) -> None:
    there = "2001:db8::2" if ":" in address else "192.0.2.2"
    path = Path(Endpoint(address, 4500), Endpoint(there, 4500), encapsulated=True)
    back = replace(path, local=path.remote, remote=path.local)
    for version in natt.VERSIONS:
        ours = natt.original_addresses(path, initiator=True, version=version)
        theirs = natt.original_addresses(back, initiator=False, version=version)
        assert ours == theirs
        assert [each.address for each in ours] == [ip_address(address).packed, ip_address(there).packed]
        assert {each.payload_type for each in ours} == {21 if version.nat_d == 20 else 131}
        assert natt.original_of_peer(ours, initiator=False) == address
        assert natt.original_of_peer(ours, initiator=True) == there


def test_one_original_address_or_none_is_understood() -> None:
    one = NatOriginalAddress(IdType.IPV4_ADDR, bytes([10, 0, 0, 1]), draft=True)
    for initiator in (True, False):
        assert natt.original_of_peer([one], initiator=initiator) == "10.0.0.1"
        assert natt.original_of_peer([], initiator=initiator) == ""


# --- rebinding ----------------------------------------------------------------------------------------------------


def test_a_new_port_in_the_middle_is_followed_by_all_sas_with_that_peer() -> None:
    pair = behind().start().run(2.0)
    before = dict(pair.west.kernel)
    pair.nats[EAST].forget()
    core = pair.east.engine._core
    tell(core, isakmp_of(pair.east)[0], Notify(Notification.REPLAY_STATUS))
    pair.do(pair.east, core.take_outputs())
    pair.run(3.0)
    (isakmp,), (ipsec,) = isakmp_of(pair.west), ipsec_of(pair.west)
    assert isakmp.path.remote == ipsec.path.remote == pair.nats[EAST].mapped[Endpoint(EAST, 4500)]
    port = isakmp.path.remote.port
    assert port >= 41000
    assert {sa.inbound: sa.udp_ports for sa in pair.west.kernel.values()} == {True: (port, 4500), False: (4500, port)}
    assert set(pair.west.kernel) == set(before)
    assert [sa.encryption_key for sa in pair.west.kernel.values()] == [sa.encryption_key for sa in before.values()]
    (moved,) = pair.west.all(MoveSas)
    assert isinstance(moved, MoveSas)
    assert [key for key, _ in moved.moves] == list(before)
    assert len(ipsec_of(pair.west)) == 1  # moved, not negotiated again


def test_a_new_address_gives_the_outbound_sa_a_new_key_in_the_tables() -> None:
    pair = behind().start().run(2.0)
    pair.nats[EAST].forget()
    pair.nats[EAST].public = OTHER
    core = pair.east.engine._core
    tell(core, isakmp_of(pair.east)[0], Notify(Notification.REPLAY_STATUS))
    pair.do(pair.east, core.take_outputs())
    pair.run(3.0)
    (ipsec,) = ipsec_of(pair.west)
    assert set(pair.west.kernel) == set(ipsec.keys)
    assert {sa.destination for sa in ipsec.sas} == {WEST, OTHER}
    assert all(pair.west.engine._core.sas.by_key(key) is ipsec for key in ipsec.keys)
    assert len(pair.west.engine._core.sas._by_key) == 2
    pair.run(3_000.0)  # renewals reach it there
    assert set(pair.west.kernel) == {key for each in ipsec_of(pair.west) for key in each.keys}
    assert ipsec_of(pair.west)


def test_the_kernels_word_for_an_esp_packet_from_elsewhere_moves_phase_1_too() -> None:
    pair = behind().start().run(2.0)
    (ipsec,) = ipsec_of(pair.west)
    inbound = next(key for key, sa in pair.west.kernel.items() if sa.inbound)
    there = Endpoint(PUBLIC, 41234)
    pair.do(pair.west, pair.west.engine.upcall(PeerMoved(*inbound, there), pair.now))
    assert ipsec.path.remote == isakmp_of(pair.west)[0].path.remote == there
    count = len(pair.west.all(MoveSas))
    pair.do(pair.west, pair.west.engine.upcall(PeerMoved(*inbound, there), pair.now))
    pair.do(pair.west, pair.west.engine.upcall(PeerMoved("ESP", WEST, 1, there), pair.now))
    assert len(pair.west.all(MoveSas)) == count == 1


def test_sas_without_udp_stay_where_they_were_negotiated() -> None:
    pair = Pair(configuration(EAST, WEST, initiates=True)).start().run(2.0)
    (ipsec,) = ipsec_of(pair.west)
    before = dict(pair.west.kernel)
    elsewhere = Endpoint(OTHER, 500)
    pair.do(pair.west, pair.west.engine.upcall(PeerMoved(*ipsec.keys[0], elsewhere), pair.now))
    assert pair.west.kernel == before
    core = pair.east.engine._core
    tell(core, isakmp_of(pair.east)[0], Notify(Notification.REPLAY_STATUS))
    (out,) = (each for each in core.take_outputs() if isinstance(each, Send))
    pair.inject(pair.west, out.data, Path(Endpoint(WEST, 500), elsewhere))
    assert isakmp_of(pair.west)[0].path.remote == elsewhere
    assert pair.west.kernel == before
    assert pair.west.all(MoveSas) == []


def test_what_belongs_to_another_peer_or_was_negotiated_elsewhere_does_not_move() -> None:
    pair = behind().start().run(2.0)
    core = pair.west.engine._core
    (isakmp,), (ipsec,) = isakmp_of(pair.west), ipsec_of(pair.west)
    stranger = replace(isakmp, number=900, name="other", initiator_cookie=b"cookie-i")
    core.sas.add(stranger)
    before = isakmp.path
    inbound = next(key for key, sa in pair.west.kernel.items() if sa.inbound)
    there = Endpoint(PUBLIC, 41234)
    pair.do(pair.west, pair.west.engine.upcall(PeerMoved(*inbound, there), pair.now))
    assert (isakmp.path.remote, stranger.path) == (there, before)
    ipsec.path = replace(ipsec.path, remote=Endpoint(OTHER, 4500))
    count = len(pair.west.all(MoveSas))
    heard_from(core, isakmp, before)
    pair.do(pair.west, core.take_outputs())
    assert isakmp.path == before
    assert len(pair.west.all(MoveSas)) == count


# --- roles change -------------------------------------------------------------------------------------------------


def test_the_responder_renews_both_phases_through_the_mapping_that_the_initiator_made() -> None:
    pair = behind().start().run(2.0)
    (first,) = isakmp_of(pair.west)
    first.flags |= SaFlag.STAYALIVE
    pair.west.engine._core.timers.arm(TimerKey(TimerKind.SOFT_EXPIRY, first.number), pair.now)
    pair.run(4.0)
    assert len(isakmp_of(pair.east)) == len(isakmp_of(pair.west)) == 2
    second = isakmp_of(pair.west)[-1]
    assert str(second.role) == "initiator"
    assert second.path == first.path
    ours = isakmp_of(pair.east)[-1]
    assert ours.nat is not None
    assert (ours.nat.local, ours.path.encapsulated) == (True, True)
    (sa,) = ipsec_of(pair.west)
    sa.flags |= SaFlag.STAYALIVE
    pair.west.engine._core.timers.arm(TimerKey(TimerKind.SOFT_EXPIRY, sa.number), pair.now)
    pair.run(6.0)
    assert len(ipsec_of(pair.west)) == len(ipsec_of(pair.east)) == 2
    assert all(each.udp_ports is not None for each in pair.west.kernel.values())
    ports = [(each.path.remote.port, each.path.encapsulated) for _, each in pair.west.sent if isinstance(each, Send)]
    assert all(encapsulated and port >= 40000 for port, encapsulated in ports[2:])


def test_a_peer_that_the_configuration_has_moved_is_called_at_its_new_address() -> None:
    pair = behind().start().run(2.0)
    (first,) = isakmp_of(pair.west)
    first.flags |= SaFlag.STAYALIVE
    section = pair.west.oracle.configuration
    peer = replace(section.peers["gateway"], address=ip_address(OTHER))
    pair.west.oracle.configuration = replace(section, peers={"gateway": peer})
    pair.west.engine._core.timers.arm(TimerKey(TimerKind.SOFT_EXPIRY, first.number), pair.now)
    pair.run(3.0)
    last = pair.west.sent[-1][1]
    assert isinstance(last, Send)
    assert last.path.remote == Endpoint(OTHER, 500)


# --- for long, on a bad network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_a_nat_that_forgets_now_and_then_is_survived_for_hours(seed: int) -> None:
    general = General(check_interval=30, dpd_check_interval=60)
    pair = Pair(
        configuration(EAST, WEST, initiates=True, general=general),
        configuration(WEST, PUBLIC),
        nats={EAST: Nat(PUBLIC)},
        weather=Weather(loss=0.05, duplication=0.05, lateness=0.02),
        seed=seed,
    )
    pair.start()
    for hour in range(1, 9):
        pair.run(900.0 * hour)
        pair.nats[EAST].forget()
    pair.run(pair.now + 600.0)
    assert {sa.spi for sa in pair.east.kernel.values()} == {sa.spi for sa in pair.west.kernel.values()}
    assert any(isinstance(out, SendKeepalive) for _, out in pair.east.sent)
    (outer,) = (pair.nats[EAST].mapped[Endpoint(EAST, 4500)],)
    newest = ipsec_of(pair.west)[-1]
    assert newest.path.remote == outer
