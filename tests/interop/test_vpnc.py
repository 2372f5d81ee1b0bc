"""vpnc logs in: aggressive mode, XAUTH, mode-config, quick mode, and ESP that our keys open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.interop import esp
from tests.interop.bed import LEFT, Bed, BedError, eventually
from tests.interop.gateway import Isakmpd
from tests.interop.settings import SECRET, Changes, isakmpd_conf, network, policy, psk_licensee
from tests.interop.vpnc import Vpnc

INSIDE, NAMESERVER = "10.77.9.1", "10.77.1.53"
TRANSFORM = "AES-256-SHA-GRP2"
LIFETIME = "3600,60:2147483"
"""vpnc offers 2,147,483 seconds in both phases."""

GATEWAY: Changes = {
    "General:Accept-aggressive-psk": "yes",
    "General:Default-phase-1-lifetime": LIFETIME,
    "General:Default-phase-2-lifetime": LIFETIME,
    "XAUTH-users:bob": "a-password-of-bobs",
    "xauth/bob:Address": INSIDE,
    "xauth/bob:Netmask": "255.255.255.255",
    "xauth/bob:Nameserver": NAMESERVER,
    "phase-1:EXCHANGE_TYPE": "AGGRESSIVE",
    "phase-1:Transforms": TRANSFORM,
    f"{TRANSFORM}:AUTHENTICATION_METHOD": "XAUTH_INIT_PRE_SHARED",
    "phase-2:Suites": "QM-ESP-AES-256-SHA-SUITE",
    "right:ID-type": "KEY_ID",
    "right:Name": "travellers",
    **network("left-network", "0.0.0.0/0"),
    **network("right-network", INSIDE),
    "right-network:Network": None,
    "right-network:Netmask": None,
}


def isakmpd(bed: Bed) -> Isakmpd:
    """Our daemon as vpnc's gateway."""
    allowed = policy([psk_licensee(SECRET)], 'esp_present == "yes" && phase_1 == "aggressive"')
    return Isakmpd(bed, isakmpd_conf(GATEWAY), allowed)


@contextmanager
def connected(bed: Bed, changes: Changes | None = None) -> Iterator[tuple[Isakmpd, Vpnc]]:
    """Both, once vpnc is connected; what fails is shown with both logs."""
    ours = isakmpd(bed)
    theirs = Vpnc(bed, changes)
    try:
        theirs.given()
        eventually("isakmpd has installed the SAs", lambda: len(ours.installed()) == 2 or None)
        yield ours, theirs
    except (AssertionError, BedError) as failure:
        raise AssertionError(f"{failure}\n--- isakmpd\n{ours.log()}\n--- vpnc\n{theirs.log()}") from failure


@pytest.mark.parametrize(("mode", "in_udp"), [("natt", True), ("none", False)])
def test_vpnc_logs_in_and_talks_through_its_esp(
    bed: Bed, mode: str, *, in_udp: bool, record_property: Callable[[str, object], None]
) -> None:
    """With NAT-T it is behind a NAT as far as we can see: it speaks from another port than 500."""
    record_property("row", f"vpnc-{mode}")
    with connected(bed, {"NAT Traversal Mode": mode}) as (ours, theirs):
        given = theirs.given()
        assert (given["INTERNAL_IP4_ADDRESS"], given["INTERNAL_IP4_DNS"]) == (INSIDE, NAMESERVER)
        [(inbound, outbound)] = esp.directions(ours.installed())
        assert (inbound.source_selector, inbound.connection) == (INSIDE, "t")
        assert (inbound.udp_ports is not None) is in_udp
        esp.converse(bed, inbound, replace(outbound, source_selector=LEFT.network))
        [phase_1] = [each for each in ours.sas() if each.phase == 1]
        assert "XAUTH user: bob" in phase_1.text
        assert {each["user"] for each in ours.records() if each["exchange"] == "quick mode"} == {"bob"}
    record_property("interop", esp.PROVED)


def test_vpncs_disconnect_leaves_us_nothing(bed: Bed) -> None:
    with connected(bed) as (ours, theirs):
        theirs.process.terminate()
        eventually("isakmpd has nothing left", lambda: not (ours.sas() or ours.installed()) or None)
        assert ours.exchanges() == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"Xauth password": "not-a-password"}, "XAUTH: wrong password for user bob"),
        ({"Xauth username": "mallory"}, "XAUTH: there is no user mallory"),
    ],
)
def test_a_user_who_is_not_proved_gets_nothing(bed: Bed, changes: Changes, why: str) -> None:
    ours = isakmpd(bed)
    theirs = Vpnc(bed, changes)
    assert theirs.ended() != 0
    assert "authentication unsuccessful" in theirs.log()
    eventually("isakmpd has nothing left", lambda: not (ours.sas() or ours.installed()) or None)
    assert [each["detail"] for each in ours.records() if each["outcome"] == "refused"] == [why]
    assert ours.exchanges() == 0


def test_a_group_with_another_key_gets_nothing(bed: Bed) -> None:
    ours = isakmpd(bed)
    theirs = Vpnc(bed, {"IPSec secret": "not-the-secret-of-the-group"})
    assert theirs.ended() != 0
    assert not ours.sas()
    assert not [each for each in ours.records() if each["outcome"] == "accepted"]
