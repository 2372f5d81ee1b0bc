"""daemon/report.py: the formats of docs/formats.md, to the letter."""

from __future__ import annotations

from dataclasses import replace

from daemon.ike.events import Endpoint, EngineReport, ExchangeReport, SaReport
from daemon.recorder import Tally
from daemon.report import report_lines, sa_text
from grammar.nodes import Binding, Span
from policydb.connections import Connection

PHASE_1 = SaReport(
    name="peer-east",
    phase=1,
    role="initiator",
    source="192.0.2.1",
    destination="198.51.100.1",
    ready=True,
    flags=0x1,
    lifetime_seconds=3600,
    lifetime_kilobytes=None,
    soft_timeout=3200,
    hard_timeout=3599,
    initiator_cookie="0011223344556677",
    responder_cookie="8899aabbccddeeff",
    spis=(),
    protocol="ISAKMP",
    transform=(),
    local_id="192.0.2.1",
    remote_id="198.51.100.1",
    local_filter="",
    remote_filter="",
)
PHASE_2 = replace(
    PHASE_1,
    name="west-east",
    phase=2,
    flags=0x103,
    lifetime_kilobytes=1000,
    spis=("0000a001", "0000b002"),
    protocol="ESP",
    transform=(
        ("Encryption key length", "16"),
        ("Encryption algorithm", "AES (CBC)"),
        ("Authentication key length", "32"),
        ("Authentication algorithm", "HMAC-SHA2-256"),
    ),
)


def test_a_phase_1_sa_as_isakmpd_shows_it() -> None:
    assert sa_text([PHASE_1]) == (
        "SA name: peer-east (Phase 1/Initiator)\n"
        "src: 192.0.2.1 dst: 198.51.100.1\n"
        "Lifetime: 3600 seconds\n"
        "Soft timeout in 3200 seconds\n"
        "Hard timeout in 3599 seconds\n"
        "Flags 0x00000001\n"
        "icookie 0011223344556677 rcookie 8899aabbccddeeff\n"
        "\n"
    )


def test_a_user_and_what_mode_config_gave_follow_the_cookies() -> None:
    given = (("INTERNAL_IP4_ADDRESS", "10.77.9.1"), ("INTERNAL_IP4_DNS", "10.77.2.53"))
    assert sa_text([replace(PHASE_1, user="bob", received=given)]).splitlines()[-4:-1] == [
        "XAUTH user: bob",
        "mode-config INTERNAL_IP4_ADDRESS: 10.77.9.1",
        "mode-config INTERNAL_IP4_DNS: 10.77.2.53",
    ]


def test_a_phase_2_sa_as_isakmpd_shows_it() -> None:
    assert sa_text([PHASE_2]) == (
        "SA name: west-east (Phase 2)\n"
        "src: 192.0.2.1 dst: 198.51.100.1\n"
        "Lifetime: 3600 seconds\n"
        "Soft timeout in 3200 seconds\n"
        "Hard timeout in 3599 seconds\n"
        "Lifetime: 1000 kilobytes\n"
        "Flags 0x00000103\n"
        "SPI 0: 0000a001\n"
        "SPI 1: 0000b002\n"
        "Transform: IPsec ESP\n"
        "Encryption key length: 16\n"
        "Authentication key length: 32\n"
        "Encryption algorithm: AES (CBC)\n"
        "Authentication algorithm: HMAC-SHA2-256\n"
        "\n"
    )


def test_what_is_absent_is_skipped_and_a_nameless_sa_says_so() -> None:
    bare = replace(
        PHASE_1, name="", role="responder", lifetime_seconds=None, soft_timeout=None, hard_timeout=None, flags=0
    )
    assert sa_text([bare]) == (
        "SA name: <none> (Phase 1/Responder)\n"
        "src: 192.0.2.1 dst: 198.51.100.1\n"
        "Flags 0x00000000\n"
        "icookie 0011223344556677 rcookie 8899aabbccddeeff\n"
        "\n"
    )
    assert sa_text([]) == ""


def test_the_report_has_its_parts_in_order() -> None:
    span = Span(0, 0, 1, 1)
    bindings = [
        Binding(span, section, tag, value, span, span)
        for section, tag, value in (
            ("Phase 1", "Default", "east"),
            ("east", "Authentication", "secret:east"),
            ("phase 1", "198.51.100.1", "east"),
        )
    ]
    exchange = ExchangeReport("peer-east", "main mode", "initiator", 3, "198.51.100.1:500", "00000000", 100)
    connection = Connection("west-east", "east", (), initiates=True)
    dynamic = (("Connection-1", (("Phase", "2"), ("Refcount", "2"))),)
    report = EngineReport(7, (PHASE_1,), (exchange,), 4, dynamic)
    tally = Tally(7, 2, 1, "the disk is full")
    lines = list(report_lines(report, [Endpoint("192.0.2.1", 500)], [connection], bindings, tally))
    assert "Decision log: 7 written, 2 waiting, 1 lost: the disk is full" in lines
    heads = ["SA list", "Exchange list", "Transports", "Connections", "Timers: 4", "Configuration: generation 7"]
    places = [next(at for at, line in enumerate(lines) if line.startswith(head)) for head in heads]
    assert places == sorted(places)
    assert "SA name: peer-east (Phase 1/Initiator)" in lines[: places[1]]
    assert lines[places[5] + 1 :] == [
        "[east]",
        "Authentication=\tsecret:east",
        "[Phase 1]",
        "Default=\teast",
        "198.51.100.1=\teast",
        "[Connection-1]",
        "Phase=\t2",
        "Refcount=\t2",
    ]
