"""What policy is told, and what the kernel gets, in single quick modes: lifetimes, ciphers, and names as traffic."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from daemon.ike.errors import LocalError
from daemon.ike.quick import begin
from daemon.ike.sa import IpsecSa, IsakmpSa
from policydb.connections import Configuration, Identity, Interval, IpsecProtocol, Lifetime, Suite
from policydb.library import read_policy
from policydb.negotiation import Outcome as Ending
from policydb.negotiation import Reason
from policydb.records import record_text
from policydb.request import Request
from tests.daemon.ike.network import EAST, WEST, configuration, suite
from tests.daemon.ike.told.octets import SA, Outcome, Payloads, Peer, Proposal, life, sa_body
from tests.daemon.ike.told.offers import identity

AH, ESP = 2, 3
GIGA = 2**31
NETS = (
    identity(4, ip_address("10.1.0.0").packed + ip_address("255.255.255.0").packed),
    identity(4, ip_address("10.2.0.0").packed + ip_address("255.255.255.0").packed),
)
POLICY_ONLY = replace(configuration(WEST, EAST), connections={})


def basic(*pairs: tuple[int, int]) -> bytes:
    """Attributes in the basic form."""
    return b"".join(struct.pack(">HH", 0x8000 | kind, number) for kind, number in pairs)


def lasting(seconds: int | None = None, kilobytes: int | None = None) -> bytes:
    """Lifetimes in the variable form."""
    found = b""
    for kind, number in ((1, seconds), (2, kilobytes)):
        if number is not None:
            octets = number.to_bytes(max(4, (number.bit_length() + 7) // 8))
            found += basic((1, kind)) + struct.pack(">HH", 2, len(octets)) + octets
    return found


AES = basic((4, 1), (5, 5), (6, 128))


def esp(*transforms: bytes, number: int = 1, kind: int = 12) -> Proposal:
    """An ESP proposal."""
    return Proposal(number, ESP, b"esp!", tuple((index, kind, each) for index, each in enumerate(transforms, start=1)))


def allows(conditions: str) -> Judge:
    """A policy with these conditions alone."""
    return Judge(f'Authorizer: "POLICY"\nConditions: {conditions} -> "true";\n')


class Judge:
    """A policy, and what it was told."""

    def __init__(self, text: str) -> None:
        self.policy = read_policy(text)
        self.told: list[dict[str, str]] = []

    def __call__(self, request: Request) -> bool:
        self.told.append(dict(request.attributes))
        return self.policy.allows(request)


def offered(
    *proposals: Proposal,
    judge: Judge | None = None,
    configured: Configuration = POLICY_ONLY,
    ids: Sequence[bytes] = NETS,
    peer: Peer | None = None,
) -> tuple[Outcome, Judge]:
    """What becomes of an offer."""
    chosen = judge or allows("true")
    peer = peer or Peer()
    peer.configure(configured, chosen)
    return peer.offer(sa_body(proposals), ids, with_key=False), chosen


# --- lifetimes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conditions", ["@esp_life_seconds <= 3600", 'esp_life_seconds <= "3600"', "true"])
@pytest.mark.parametrize("seconds", [GIGA, GIGA + 1, 2**32 - 1, 2**32 + 60, 2**40, 2**64 - 1, 2**64 + 60, 2**200])
def test_a_lifetime_above_all_that_policy_can_compare_is_skipped_with_the_reason(seconds: int, conditions: str) -> None:
    outcome, judge = offered(esp(AES + lasting(seconds)), judge=allows(conditions))
    assert not outcome.sas
    assert not judge.told
    (record,) = outcome.records
    assert record.reason is Reason.NO_TRANSFORM_MATCHED
    (difference,) = record.comparisons[0].differences
    assert (difference.attribute, difference.configured) == ("SA_LIFE_DURATION", "up to 2147483647 seconds")
    assert "up to 2147483647 seconds" in record_text.text(record)


@pytest.mark.parametrize("lives", [lasting(GIGA), lasting(3600, GIGA), lasting(2**64), lasting(0), lasting(2**32 + 60)])
def test_a_good_transform_beside_one_with_such_a_lifetime_is_taken(lives: bytes) -> None:
    good = AES + lasting(3600, 5000)
    for proposals in ((esp(AES + lives, good),), (esp(AES + lives), esp(good, number=2))):
        outcome, judge = offered(*proposals)
        assert {(sa.hard_seconds, sa.hard_kilobytes) for sa in outcome.sas} == {(3600, 5000)}
        assert [(told["esp_life_seconds"], told["esp_life_kbytes"]) for told in judge.told] == [("3600", "5000")]


@pytest.mark.parametrize(
    ("lives", "seconds", "kilobytes"),
    [
        (b"", 28800, None),
        (lasting(GIGA - 1), GIGA - 1, None),
        (lasting(3600, 0), 3600, None),
        (lasting(None, 0), 28800, None),
        (lasting(None, GIGA - 1), 28800, GIGA - 1),
        (basic((1, 1), (2, 60)), 60, None),
        (basic((1, 1)) + struct.pack(">HH", 2, 16) + bytes(14) + b"\x0e\x10", 3600, None),
    ],
)
def test_policy_is_told_the_lifetimes_that_the_kernel_gets(lives: bytes, seconds: int, kilobytes: int | None) -> None:
    outcome, judge = offered(esp(AES + lives))
    assert {(sa.hard_seconds, sa.hard_kilobytes) for sa in outcome.sas} == {(seconds, kilobytes)}
    (told,) = judge.told
    assert told["esp_life_seconds"] == str(seconds)
    assert told["esp_life_kbytes"] == ("9" * 20 if kilobytes is None else str(kilobytes))
    assert (told["ah_life_seconds"], told["comp_life_kbytes"]) == ("0", "0")
    assert f"{seconds}s" in outcome.records[0].questions[0].proposal


def test_a_lifetime_that_is_left_out_is_no_short_one() -> None:
    outcome, _ = offered(esp(AES), judge=allows("@esp_life_seconds <= 3600"))
    assert outcome.records[0].reason is Reason.POLICY
    assert offered(esp(AES), judge=allows("@esp_life_seconds <= 28800"))[0].sas


@pytest.mark.parametrize("lives", [b"", lasting(3600), lasting(3600, 0)])
@pytest.mark.parametrize(
    "conditions",
    [
        'esp_life_kbytes <= "99999999"',
        "&esp_life_kbytes <= 99999999.0",
        '!(esp_life_kbytes > "99999999")',
        'esp_life_kbytes == "0"',
        'esp_life_kbytes == ""',
    ],
)
def test_what_has_no_limit_in_kilobytes_is_within_none(lives: bytes, conditions: str) -> None:
    assert offered(esp(AES + lives), judge=allows(conditions))[0].records[0].reason is Reason.POLICY
    assert offered(esp(AES + lasting(3600, 5000)), judge=allows('esp_life_kbytes <= "9"'))[0].sas


def with_lives(*lives: Lifetime) -> Configuration:
    """West's configuration with a suite of these lifetimes."""
    (protocol,) = suite().protocols
    (transform,) = protocol.transforms
    return _of(replace(protocol, transforms=(replace(transform, lifetimes=lives),)))


def _of(*protocols: IpsecProtocol) -> Configuration:
    return configuration(WEST, EAST, suites=(Suite("SUITE", protocols),))


def between(ours: int, least: int = 60, most: int = 86400) -> Lifetime:
    return Lifetime("SECONDS", Interval(ours, least, most))


@pytest.mark.parametrize(
    ("lives", "seconds"),
    [
        ((between(600),), 600),
        ((between(86400),), 28800),
        ((), 28800),
        ((Lifetime("SECONDS", None),), 28800),
    ],
)
def test_what_our_suite_fills_in_is_filled_in_before_policy_is_asked(lives: tuple[Lifetime, ...], seconds: int) -> None:
    outcome, judge = offered(esp(AES), configured=with_lives(*lives))
    assert {sa.hard_seconds for sa in outcome.sas} == {seconds}
    assert [told["esp_life_seconds"] for told in judge.told] == [str(seconds)]


def test_the_lifetime_that_is_filled_in_is_that_of_the_transform_that_fits() -> None:
    (protocol,) = suite().protocols
    (fitting,) = protocol.transforms
    other = replace(fitting, key_length=Interval(256, 256, 256), lifetimes=(between(60),))
    both = replace(protocol, transforms=(other, replace(fitting, lifetimes=(between(900),))))
    outcome, judge = offered(esp(AES), configured=_of(both))
    assert {sa.hard_seconds for sa in outcome.sas} == {900}
    assert judge.told[0]["esp_life_seconds"] == "900"


def test_protocols_wanted_together_end_with_the_one_that_ends_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ah = Proposal(1, AH, b"ah!!", ((1, 5, basic((4, 1), (5, 5)) + lasting(3600)),))
    peer = Peer()
    ends: list[tuple[int | None, float | None]] = []
    add = peer.node.engine._core.sas.add

    def noted(sa: IsakmpSa | IpsecSa) -> None:
        ends.append((sa.lifetime_seconds, sa.hard_at))
        add(sa)

    monkeypatch.setattr(peer.node.engine._core.sas, "add", noted)
    outcome, judge = offered(ah, esp(AES + lasting(60)), peer=peer)
    assert {(sa.protocol, sa.hard_seconds) for sa in outcome.sas} == {("AH", 3600), ("ESP", 60)}
    assert (judge.told[0]["ah_life_seconds"], judge.told[0]["esp_life_seconds"]) == ("3600", "60")
    ((seconds, hard_at),) = ends
    assert seconds == 60
    assert hard_at == pytest.approx(peer.now + 60, abs=1)


def choosing(*notes: tuple[int, bytes]) -> Callable[[tuple[Proposal, ...]], Payloads]:
    """A responder that takes our first transform under the SPI "east" and adds notifications."""

    def choose(proposals: tuple[Proposal, ...]) -> Payloads:
        taken = replace(proposals[0], spi=b"east", transforms=proposals[0].transforms[:1])
        return [(SA, sa_body([taken])), *notes]

    return choose


@pytest.mark.parametrize(
    ("notes", "seconds", "kilobytes"),
    [
        ((), 1200, None),
        ((life(ESP, b"east", lasting(300)),), 300, None),
        ((life(ESP, b"east", lasting(1)),), 60, None),
        ((life(ESP, b"east", lasting(86400)),), 1200, None),
        ((life(ESP, b"east", lasting(2**40)),), 1200, None),
        ((life(ESP, b"east", lasting(300, 5000)),), 300, 5000),
        ((life(ESP, b"east", lasting(None, 2**40)),), 1200, None),
        ((life(ESP, b"east", lasting(600)), life(ESP, b"east", lasting(300))), 300, None),
        ((life(ESP, b"east", lasting(300)), life(ESP, b"east", lasting(600))), 300, None),
        ((life(ESP, b"west", lasting(300)),), 1200, None),
        ((life(AH, b"east", lasting(300)),), 1200, None),
    ],
)
def test_an_initiator_asks_about_the_lifetimes_that_the_responder_keeps(
    notes: tuple[tuple[int, bytes], ...], seconds: int, kilobytes: int | None
) -> None:
    peer, judge = Peer(), allows("true")
    peer.configure(configuration(WEST, EAST), judge)
    outcome = peer.answer("net", choosing(*notes))
    assert {(sa.hard_seconds, sa.hard_kilobytes) for sa in outcome.sas} == {(seconds, kilobytes)}
    (told,) = judge.told
    assert told["initiator"] == "yes"
    assert told["esp_life_seconds"] == str(seconds)
    assert told["esp_life_kbytes"] == ("9" * 20 if kilobytes is None else str(kilobytes))


def test_an_initiator_refuses_what_the_responder_keeps_shorter_than_policy_allows() -> None:
    peer, judge = Peer(), allows("@esp_life_seconds >= 600")
    peer.configure(configuration(WEST, EAST), judge)
    outcome = peer.answer("net", choosing(life(ESP, b"east", lasting(300))))
    assert not outcome.sas
    assert outcome.records[0].reason is Reason.POLICY


# --- ciphers ------------------------------------------------------------------------------------------------------

GMAC = basic((4, 1), (6, 128))


@pytest.mark.parametrize("conditions", ['esp_enc_alg == "aes"', 'esp_enc_alg != "null"', 'esp_enc_alg ~= "aes"'])
def test_gmac_encrypts_nothing(conditions: str) -> None:
    assert offered(esp(GMAC, kind=23), judge=allows(conditions))[0].records[0].reason is Reason.POLICY
    assert offered(esp(GMAC, kind=20), judge=allows(conditions))[0].sas  # GCM does encrypt
    outcome, judge = offered(esp(GMAC, kind=23), judge=allows('esp_enc_alg == "null"'))
    assert {sa.encryption for sa in outcome.sas} == {"AES_GMAC"}
    assert judge.told[0]["esp_key_length"] == "128"


def test_an_algorithm_that_authenticates_by_itself_is_told_without_one_beside_it() -> None:
    for kind in (20, 23):
        _, judge = offered(esp(GMAC, kind=kind))
        assert "esp_auth_alg" not in judge.told[0]


@pytest.mark.parametrize(
    ("kind", "bits", "told"), [(7, None, "128"), (7, 448, "448"), (6, None, "128"), (3, None, None)]
)
def test_the_length_of_a_key_is_that_of_the_kernels_key(kind: int, bits: int | None, told: str | None) -> None:
    attributes = basic((4, 1), (5, 5)) + (basic((6, bits)) if bits else b"")
    outcome, judge = offered(esp(attributes, kind=kind))
    assert judge.told[0].get("esp_key_length") == told
    if told is not None:
        assert {len(sa.encryption_key) for sa in outcome.sas} == {int(told) // 8}


# --- names as traffic ---------------------------------------------------------------------------------------------

NAMES = [
    (identity(2, b"a.example"), "FQDN a.example names no addresses"),
    (identity(3, b"me@a.example"), "USER_FQDN me@a.example names no addresses"),
    (identity(11, b"key"), "KEY_ID key names no addresses"),
    (identity(1, bytes(4)), "0.0.0.0 is the address of no host"),
    (identity(12, b"\1\0\0\0\1\2\3\4"), "ID type IDTYPE12 is not supported"),
]


@pytest.mark.parametrize(("name", "reason"), NAMES)
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("configured", [POLICY_ONLY, configuration(WEST, EAST)], ids=["policy alone", "a connection"])
def test_a_peer_that_names_no_traffic_is_refused_before_policy_is_asked(
    name: bytes, reason: str, side: int, configured: Configuration
) -> None:
    ids = [name if index == side else each for index, each in enumerate(NETS)]
    peer = Peer()
    outcome, judge = offered(esp(AES), configured=configured, ids=ids, peer=peer)
    assert not outcome.sas
    assert not judge.told
    (record,) = outcome.records
    assert (record.outcome, record.reason) == (Ending.REFUSED, Reason.IDENTITY_MISMATCH)
    assert reason in record.detail
    assert 18 in outcome.notified  # INVALID_ID_INFORMATION
    assert any(reason in line for line in outcome.log)


@pytest.mark.parametrize(("name", "_reason"), NAMES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_responder_that_names_no_traffic_is_refused_before_policy_is_asked(
    name: bytes, _reason: str, side: int
) -> None:
    peer, judge = Peer(), allows("true")
    peer.configure(configuration(WEST, EAST), judge)
    outcome = peer.answer("net", choosing(), ids={side: name})
    assert not outcome.sas
    assert not judge.told
    (record,) = outcome.records
    assert record.detail
    assert 18 in outcome.notified


@pytest.mark.parametrize(
    "changes",
    [
        {"remote_identity": Identity("FQDN", name="a.example")},
        {"local_identity": Identity("KEY_ID", name="a.example")},
        {"remote_identity": Identity("IPV4_ADDR", address=ip_address(0))},
    ],
)
def test_we_begin_nothing_for_what_is_no_traffic(changes: dict[str, Identity]) -> None:
    peer = Peer()
    connection = configuration(WEST, EAST, connection=changes).connections["net"]
    with pytest.raises(LocalError, match="no traffic"):
        begin(peer.isakmp, connection)
