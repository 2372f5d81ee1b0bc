"""What a configuration is checked for when it is compiled, each finding to the letter:"
" place, caret, way, what to do"

A row for each check: what keeps a file from being compiled, and what is only doubted.
"""

from __future__ import annotations

import pytest

from grammar.conf import parse_conf
from grammar.errors import render
from policydb.configuration.config import resolve
from policydb.configuration.sealing import hide_keys
from tests.policydb.confs import altered, with_lines

SUITE = "QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE"

OWN_AH = """
[own]
Protocols=own-ah
[own-ah]
PROTOCOL_ID=IPSEC_AH
Transforms=own-xf
[own-xf]
TRANSFORM_ID=SHA2_256
ENCAPSULATION_MODE=TUNNEL
"""

TWO_GROUPS = """
[own]
Protocols=own-esp
[own-esp]
PROTOCOL_ID=IPSEC_ESP
Transforms=QM-ESP-AES-SHA2-256-PFS-GRP14-XF,QM-ESP-AES-SHA2-256-PFS-GRP15-XF
"""

SECOND = ("[second]", "Phase=2", "ISAKMP-peer=east", "Configuration=quick", "Local-ID=here", "Remote-ID=there")
TIE = with_lines(*SECOND).replace("Connections=link", "Connections=link,second")


def told(text: str) -> list[str]:
    """All findings of one run over a text, as `policydb check` prints them."""
    parsed = parse_conf(text, "isakmpd.conf")
    resolved = resolve(("isakmpd.conf", each) for each in parsed.bindings)
    return [render(each, text) for each in (*parsed.diagnostics, *resolved.diagnostics)]


CHECKS = {
    "a reference that leads nowhere": (
        altered(("Configuration=quick", "Configuration=quik")),
        (
            "isakmpd.conf:34:15: error[CF201]: Configuration names [quik], and there is no such section"
            ", in [Phase 2]:Connections -> [link]\n"
            "    Configuration=quik\n"
            "                  ^^^^\n"
            "    hint: did you mean quick?"
        ),
    ),
    "a predefined name misspelt": (
        altered((SUITE, "QM-ESP-AES-SHA2-256-PFS-GPR14-SUITE")),
        (
            "isakmpd.conf:41:8: error[CF201]: Suites names [QM-ESP-AES-SHA2-256-PFS-GPR14-SUITE],"
            " and there is no such section"
            ", in [Phase 2]:Connections -> [link]:Configuration -> [quick]\n"
            "    Suites=QM-ESP-AES-SHA2-256-PFS-GPR14-SUITE\n"
            "           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            "    hint: did you mean QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE?"
        ),
    ),
    "a connection where a peer is meant": (
        altered(("ISAKMP-peer=east", "ISAKMP-peer=link")),
        (
            "isakmpd.conf:32:7: error[CF212]: [link] is of phase 2, and an ISAKMP-peer section is meant"
            ", in [Phase 2]:Connections -> [link]:ISAKMP-peer -> [link]\n"
            "    Phase=2\n"
            "          ^\n"
            "    hint: name another section"
        ),
    ),
    "a peer where a connection is meant": (
        altered(("Connections=link", "Connections=east")),
        (
            "isakmpd.conf:11:7: error[CF212]: [east] is of phase 1, and an IPsec-connection section is meant"
            ", in [Phase 2]:Connections -> [east]\n"
            "    Phase=1\n"
            "          ^\n"
            "    hint: name another section"
        ),
    ),
    "a tag that its section does not know": (
        altered(("[east]\n", "[east]\nAuthentification=x\n")),
        (
            "isakmpd.conf:11:1: warning[CF105]: an ISAKMP-peer section knows no tag Authentification\n"
            "    Authentification=x\n"
            "    ^^^^^^^^^^^^^^^^^^\n"
            "    hint: did you mean Authentication?"
        ),
    ),
    "a value that its tag does not allow": (
        altered(("ID-type=FQDN", "ID-type=FDQN")),
        (
            "isakmpd.conf:19:9: error[CF203]: ID-type cannot be 'FDQN'"
            ", in [Phase 1]:192.0.2.1 -> [east]:ID -> [me]\n"
            "    ID-type=FDQN\n"
            "            ^^^^\n"
            "    hint: did you mean FQDN?"
        ),
    ),
    "Local-ID without Remote-ID": (
        altered(("Remote-ID=there\n", "")),
        (
            "isakmpd.conf:35:10: error[CF209]: Local-ID is given without Remote-ID"
            ", in [Phase 2]:Connections -> [link]\n"
            "    Local-ID=here\n"
            "             ^^^^\n"
            "    hint: add Remote-ID="
        ),
    ),
    "Remote-ID without Local-ID": (
        altered(("Local-ID=here\n", "")),
        (
            "isakmpd.conf:35:11: error[CF209]: Remote-ID is given without Local-ID"
            ", in [Phase 2]:Connections -> [link]\n"
            "    Remote-ID=there\n"
            "              ^^^^^\n"
            "    hint: add Local-ID="
        ),
    ),
    "AH without authentication": (
        altered((SUITE, "own")) + OWN_AH,
        (
            "isakmpd.conf:58:2: error[CF208]: TRANSFORM_ID=SHA2_256 of AH needs"
            " AUTHENTICATION_ALGORITHM=HMAC_SHA2_256"
            ", in [Phase 2]:Connections -> [link]:Configuration -> [quick]:Suites -> [own]:Protocols"
            " -> [own-ah]:Transforms -> [own-xf]\n"
            "    [own-xf]\n"
            "     ^^^^^^\n"
            "    hint: add AUTHENTICATION_ALGORITHM=HMAC_SHA2_256 to [own-xf]"
        ),
    ),
    "differing groups in one proposal": (
        altered((SUITE, "own")) + TWO_GROUPS,
        (
            "isakmpd.conf:54:11: error[CF210]: the transforms of a suite must agree on"
            " GROUP_DESCRIPTION, and have MODP_2048, MODP_3072"
            ", in [Phase 2]:Connections -> [link]:Configuration -> [quick]:Suites -> [own]\n"
            "    Protocols=own-esp\n"
            "              ^^^^^^^\n"
            "    hint: let all of them ask for the same group"
        ),
    ),
    "a tie between connections": (
        TIE,
        (
            "isakmpd.conf:53:2: warning[CF110]: [second] answers to the same peer and identities as [link],"
            " which comes first (line 31 of isakmpd.conf)\n"
            "    [second]\n"
            "     ^^^^^^\n"
            "    hint: give it other identities, or Flags=Active-only"
        ),
    ),
    "a pre-shared key missing": (
        altered(("Authentication=mekmitasdigoat\n", "")),
        (
            "isakmpd.conf:10:2: warning[CF108]: there is no Authentication, and a transform that"
            " needs a pre-shared key"
            ", in [Phase 1]:192.0.2.1 -> [east]\n"
            "    [east]\n"
            "     ^^^^\n"
            "    hint: add Authentication= with the key to [east]"
        ),
    ),
    "a weak group": (
        altered(("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP2")),
        (
            "isakmpd.conf:29:12: warning[CF101]: GROUP_DESCRIPTION=MODP_1024 is weak: its discrete"
            " logarithms are within reach"
            ", in [Phase 1]:192.0.2.1 -> [east]:Configuration -> [main]:Transforms -> [AES-SHA2-256-GRP2]\n"
            "    Transforms=AES-SHA2-256-GRP2\n"
            "               ^^^^^^^^^^^^^^^^^\n"
            "    hint: take MODP_2048 (GRP14) or above, or ECP_256 (GRP19) or above"
        ),
    ),
    "a weak cipher of phase 1": (
        altered(("AES-SHA2-256-GRP14", "3DES-SHA2-256-GRP14")),
        (
            "isakmpd.conf:29:12: warning[CF101]: ENCRYPTION_ALGORITHM=3DES_CBC is weak: its blocks"
            " of 64 bits give plain text away after much traffic"
            ", in [Phase 1]:192.0.2.1 -> [east]:Configuration -> [main]:Transforms -> [3DES-SHA2-256-GRP14]\n"
            "    Transforms=3DES-SHA2-256-GRP14\n"
            "               ^^^^^^^^^^^^^^^^^^^\n"
            "    hint: take AES_CBC (AES-256 in a name)"
        ),
    ),
    "a weak hash": (
        altered(("AES-SHA2-256-GRP14", "AES-MD5-GRP14")),
        (
            "isakmpd.conf:29:12: warning[CF101]: HASH_ALGORITHM=MD5 is weak: MD5 is broken"
            ", in [Phase 1]:192.0.2.1 -> [east]:Configuration -> [main]:Transforms -> [AES-MD5-GRP14]\n"
            "    Transforms=AES-MD5-GRP14\n"
            "               ^^^^^^^^^^^^^\n"
            "    hint: take SHA2_256"
        ),
    ),
    "a weak cipher of phase 2": (
        altered((SUITE, "QM-ESP-3DES-SHA2-256-PFS-GRP14-SUITE")),
        (
            "isakmpd.conf:41:8: warning[CF101]: TRANSFORM_ID=3DES is weak: its blocks of 64 bits"
            " give plain text away after much traffic"
            ", in [Phase 2]:Connections -> [link]:Configuration -> [quick]:Suites"
            " -> [QM-ESP-3DES-SHA2-256-PFS-GRP14-SUITE]\n"
            "    Suites=QM-ESP-3DES-SHA2-256-PFS-GRP14-SUITE\n"
            "           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            "    hint: take AES (AES-256 in a name)"
        ),
    ),
    "encryption without authentication": (
        altered((SUITE, "QM-ESP-AES-PFS-GRP14-SUITE")),
        (
            "isakmpd.conf:41:8: warning[CF101]: TRANSFORM_ID=AES without AUTHENTICATION_ALGORITHM"
            " lets anybody change packets"
            ", in [Phase 2]:Connections -> [link]:Configuration -> [quick]:Suites"
            " -> [QM-ESP-AES-PFS-GRP14-SUITE]\n"
            "    Suites=QM-ESP-AES-PFS-GRP14-SUITE\n"
            "           ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            "    hint: take one with -SHA2-256 in its name"
        ),
    ),
}


@pytest.mark.parametrize(("text", "finding"), CHECKS.values(), ids=CHECKS)
def test_a_check_says_what_where_how_it_came_there_and_what_to_do(text: str, finding: str) -> None:
    assert finding in told(text)


def test_all_findings_are_told_in_one_run() -> None:
    text = altered(
        ("Configuration=quick", "Configuration=quik"),
        ("ID-type=FQDN", "ID-type=FDQN"),
        ("Remote-ID=there\n", ""),
        ("Authentication=mekmitasdigoat\n", ""),
        ("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP2"),
    )
    codes = sorted(each.partition("[")[2][:5] for each in told(text))
    assert [each for each in codes if each != "CF109"] == ["CF101", "CF108", "CF201", "CF203", "CF209"]


def test_a_section_of_the_wrong_phase_is_one_finding_and_not_five() -> None:
    assert len(told(altered(("ISAKMP-peer=east", "ISAKMP-peer=link")))) == 1
    assert len(told(altered(("Connections=link", "Connections=east")))) == 1
    assert len(told(altered(("[east]\nPhase=1", "[east]\nPhase=2")))) == 1


@pytest.mark.parametrize("value", ["1h", "5,60:10"])
def test_a_lifetime_of_general_that_is_none_is_one_finding(value: str) -> None:
    """Every transform that has LIFE_MAIN_MODE would say it again."""
    [found] = told(altered(("[General]", f"[General]\nDefault-phase-1-lifetime={value}")))
    assert "Default-phase-1-lifetime" in found.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Delete-SAs=off", "Delete-SAs=off counts as yes"),
        ("Delete-SAs=No", "Delete-SAs=No counts as yes"),
    ],
)
def test_a_switch_that_does_what_nobody_means_is_warned_about(line: str, message: str) -> None:
    [found] = told(altered(("[General]", f"[General]\n{line}")))
    assert f"warning[CF116]: {message}" in found


@pytest.mark.parametrize(
    "value",
    ["YES", "Yes", "NO", "No", "on", "off", "true", "false", "1", "0", "enabled", "", "yes, please", "nope", "y"],
)
def test_use_keynote_that_is_neither_yes_nor_no_is_an_error(value: str) -> None:
    """isakmpd(8) switches policy off for all but `yes`: a slip of the pen would let everybody in."""
    [found] = told(altered(("[General]", f"[General]\nUse-Keynote={value}")))
    assert f"error[CF203]: Use-Keynote cannot be {value!r}" in found


@pytest.mark.parametrize("line", ["Use-Keynote=no", "Use-Keynote=yes", "Delete-SAs=no", "Delete-SAs=Yes"])
def test_a_switch_that_says_what_it_does_is_not_warned_about(line: str) -> None:
    assert told(altered(("[General]", f"[General]\n{line}"))) == []


@pytest.mark.parametrize("value", ["no", "No", "off", "false", "0", "never", "disabled", "none", ""])
def test_a_tag_that_is_there_to_say_no_is_an_error(value: str) -> None:
    """isakmpd.conf(5): Accept-self-signed is on where it is there."""
    [found] = told(altered(("[General]", f"[X509-certificates]\nAccept-self-signed={value}\n[General]")))
    assert "error[CF203]: Accept-self-signed is switched on by being there" in found


@pytest.mark.parametrize("value", ["defined", "yes", "1"])
def test_a_tag_that_is_there_to_say_yes_is_not(value: str) -> None:
    assert told(altered(("[General]", f"[X509-certificates]\nAccept-self-signed={value}\n[General]"))) == []


@pytest.mark.parametrize("member", ["eth0", "192.0.2.300"])
def test_what_listen_on_cannot_use_is_warned_about(member: str) -> None:
    [found] = told(altered(("[General]", f"[General]\nListen-on=192.0.2.1, {member}")))
    assert "warning[CF102]" in found
    assert found.splitlines()[2].count("^") == len(member)


def test_characters_that_move_a_cursor_never_reach_a_terminal() -> None:
    for each in told(altered(("[General]", "[General]\nA\x1b[2J\x9b\x85\xe2\x80\xa8=\x07 1\n"))):
        assert each.replace("\n", "").isprintable()


NETWORK = "Network=10.2.0.0\nNetmask=255.255.0.0"


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        (NETWORK, "Network=10.2.0.0\nNetmask=16", "write it as 255.255.0.0"),
        (NETWORK, "Network=10.2.0.0\nNetmask=/16", "names and interfaces are not looked up: write the numeric address"),
        (NETWORK, "Network=10.2.0.0/16\nNetmask=255.255.0.0", "write Network=10.2.0.0 and Netmask=255.255.0.0"),
        (SUITE, "AES-256-SHA2-256-GRP14", f"take a name such as {SUITE.replace('AES', 'AES-256')}"),
        (
            "AES-SHA2-256-GRP14",
            "aes256-sha256-modp2048",
            "add a section [aes256-sha256-modp2048], or take a predefined name such as AES-256-SHA2-256-GRP14",
        ),
        ("[Phase 1]", "[Phase1]", "did you mean Phase 1?"),
        ("Authentication=", "Key=", "did you mean Authentication?"),
        ("[Phase 1]", "[Phase 1]\nDefualt=east", "did you mean Default?"),
        ("Authentication=", "PSK=", "did you mean Authentication?"),
    ],
)
def test_a_plausible_mistake_has_a_hint_that_mends_it(before: str, after: str, hint: str) -> None:
    assert f"hint: {hint}" in "\n".join(told(altered((before, after)))).replace("    ", "")


@pytest.mark.parametrize("word", ["PSK", "psk", "Secret", "password", "Pre-Shared-Key"])
def test_a_key_under_another_programs_word_is_not_shown(word: str) -> None:
    assert hide_keys(f"[east]\n{word} = sesame\n") == f"[east]\n{word} = ******\n"
