"""isakmpd.conf(5), section by section: what each tag becomes, and what is said where it is wrong."""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from grammar.errors import Severity
from policydb.codes import MEANINGS
from policydb.configuration.config import Resolved, check_keys, is_kept, resolve
from policydb.configuration.sealing import seal_bindings
from policydb.connections import (
    Backoff,
    Connection,
    General,
    Identity,
    IkeTransform,
    Interval,
    IpsecTransform,
    IsakmpdSteps,
    Lifetime,
    Peer,
)
from policydb.storage.snapshot import open_snapshot
from tests.policydb.confs import WHOLE, altered, bindings, findings, read, shown, with_lines
from tests.policydb.stores import configuration, publish

# --- a whole configuration ----------------------------------------------------------------------------------------


def test_a_sound_configuration_has_no_findings() -> None:
    assert resolve(bindings(WHOLE)).diagnostics == ()


def test_everything_that_it_says_is_resolved() -> None:
    configuration = read(WHOLE)
    peer = configuration.peers["east"]
    assert peer.address == ip_address("192.0.2.1")
    assert (peer.exchange, peer.port, peer.local_address, peer.flags) == ("ID_PROT", 500, None, frozenset())
    assert peer.identity == Identity("FQDN", name="west.example.org")
    assert peer.remote_identity == Identity("IPV4_ADDR", address=ip_address("192.0.2.1"))
    assert peer.secret == "secret:east"
    life = Lifetime("SECONDS", Interval(3600, 60, 86400))
    key_length = Interval(128, 128, 256)
    name = "AES-SHA2-256-GRP14"
    assert peer.transforms == (
        IkeTransform(name, "AES_CBC", "SHA2_256", "PRE_SHARED", "MODP_2048", key_length, (life,)),
    )
    link = configuration.connections["link"]
    assert (link.peer, link.initiates, link.answers) == ("east", True, True)
    assert link.local_identity == Identity("IPV4_ADDR_SUBNET", network=ip_network("10.2.0.0/16"))
    assert link.remote_identity == Identity("IPV4_ADDR_SUBNET", network=ip_network("10.1.0.0/16"))
    (suite,) = link.suites
    (protocol,) = suite.protocols
    assert (protocol.protocol_id, protocol.replay_window) == ("IPSEC_ESP", 16)
    (transform,) = protocol.transforms
    assert transform == IpsecTransform(
        "QM-ESP-AES-SHA2-256-PFS-GRP14-XF",
        "AES",
        "TUNNEL",
        "HMAC_SHA2_256",
        "MODP_2048",
        Interval(128, 128, 256),
        (Lifetime("SECONDS", Interval(1200, 60, 86400)),),
    )


def test_no_key_gets_into_the_configuration() -> None:
    assert "mekmitasdigoat" not in repr(resolve(bindings(WHOLE)))


def test_nothing_at_all_is_a_configuration_too() -> None:
    found = resolve([])
    assert found.diagnostics == ()
    assert found.configuration.general == General()
    assert found.configuration.default_peer == "Default-phase-1"
    default = found.configuration.peers["Default-phase-1"]
    assert [(each.name, each.authentication) for each in default.transforms] == [("3DES-SHA-RSA_SIG", "RSA_SIG")]


def test_sections_and_tags_know_no_case_and_values_do() -> None:
    text = altered(("[east]", "[EAST]"), ("Address=192", "ADDRESS=192"), ("ISAKMP-peer=east", "isakmp-PEER=eAsT"))
    configuration = read(text)
    assert configuration.connections["link"].peer == "EAST"
    assert configuration.peers["EAST"].address == ip_address("192.0.2.1")
    (error,) = findings(altered(("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=id_prot")))
    assert error.code == "CF203"
    assert error.hint == "did you mean ID_PROT?"


def test_of_two_values_of_a_tag_the_first_counts() -> None:
    configuration = read(with_lines("[General]", "Retransmits=9", "Check-interval=7"))
    assert (configuration.general.schedule, configuration.general.check_interval) == (IsakmpdSteps(5), 7)


def test_a_section_in_two_parts_is_one() -> None:
    assert read(with_lines("[East]", "Port=5500")).peers["east"].port == 5500


# --- [General] ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Check-interval=30", General(check_interval=30)),
        ("Exchange-max-time=20", General(exchange_max_time=20)),
        ("Retransmits=0", General(schedule=IsakmpdSteps(0))),
        ("NAT-T-Keepalive=15", General(nat_t_keepalive=15)),
        ("Use-Keynote=yes", General()),
        ("Use-Keynote=no", General(use_keynote=False)),
        ("Delete-SAs=no", General(delete_sas=False)),
        ("Delete-SAs=nothing", General(delete_sas=False)),
        ("Delete-SAs=No", General()),
        ("Logverbose=", General(verbose=True)),
        ("Loglevel=A=10, 3=50", General(log_levels=("A=10", "3=50"))),
        ("Loglevel=A=10,11=5,3=100,x,5", General(log_levels=("A=10",))),
        ("Listen-on=192.0.2.7,eth0", General(listen_on=("192.0.2.7", "eth0"))),
        ("Policy-file=/etc/my.policy", General(policy_file="/etc/my.policy")),
        ("Acquire-Only=", General()),
        ("DPD-check-interval=5", General(dpd_check_interval=5)),
        ("Fragment-size=0", General(fragment_size=0)),
        ("Fragment-size=576", General(fragment_size=576)),
        ("Retransmit-tries=15", General(schedule=Backoff(tries=15))),
        ("Retransmit-limit=0.25", General(schedule=Backoff(limit=0.25))),
        ("Retransmit-jitter=25", General(schedule=Backoff(jitter=25))),
    ],
)
def test_general_tags(line: str, expected: General) -> None:
    assert read(f"[General]\n{line}\n").general == expected


@pytest.mark.parametrize(("value", "accepted"), [("yes", True), ("no", False)])
def test_weak_signatures_count_only_where_keynotes_section_says_so(value: str, accepted: bool) -> None:
    assert read("").general.accept_weak_signatures is False
    text = f"[KeyNote]\nAccept-weak-signatures={value}\n"
    assert read(text).general.accept_weak_signatures is accepted
    assert [each.code for each in findings(text, Severity.WARNING)] == ["CF101"] * accepted


def test_weak_signatures_are_accepted_or_not_and_nothing_between() -> None:
    assert [each.code for each in findings("[KeyNote]\nAccept-weak-signatures=maybe\n", Severity.ERROR)] == ["CF203"]


def test_the_lifetimes_of_general_are_those_of_predefined_transforms() -> None:
    text = with_lines("[General]", "Default-phase-1-lifetime=600,60:1200", "Default-phase-2-lifetime=300")
    configuration = read(text)
    assert configuration.peers["east"].transforms[0].lifetimes == (Lifetime("SECONDS", Interval(600, 60, 1200)),)
    transform = configuration.connections["link"].suites[0].protocols[0].transforms[0]
    assert transform.lifetimes == (Lifetime("SECONDS", Interval(300, 300, 300)),)


def test_the_default_phase_1_identity_is_that_of_the_default_peer() -> None:
    configuration = read(with_lines("[General]", "Default-phase-1-ID=me"))
    assert configuration.peers["Default-phase-1"].identity == Identity("FQDN", name="west.example.org")


def test_a_default_phase_1_identity_that_is_not_there_is_shown_where_it_is_named() -> None:
    text = with_lines("[General]", "Default-phase-1-ID=mee")
    (error,) = findings(text)
    assert shown(text, error) == ("CF201", "mee")


# --- [Phase 1] and [Phase 2] --------------------------------------------------------------------------------------


def test_an_address_of_phase_1_finds_its_peer_and_any_other_the_default() -> None:
    text = altered(("192.0.2.1=east", "192.0.2.1=east\n2001:DB8:0::1=east\nDefault=other"))
    configuration = read(text + "[other]\nPhase=1\nConfiguration=main\nAuthentication=k\nRemote-ID=you\n")
    assert configuration.peer_at(ip_address("192.0.2.1")) is configuration.peers["east"]
    assert configuration.peer_at(ip_address("2001:db8::1")) is configuration.peers["east"]
    assert configuration.peer_at(ip_address("192.0.2.2")) is configuration.peers["other"]


def test_of_two_spellings_of_one_address_the_first_counts() -> None:
    text = altered(("192.0.2.1=east", "2001:db8::1=east\n2001:DB8:0::1=other"))
    configuration = read(text + "[other]\nPhase=1\nConfiguration=main\nAuthentication=k\nRemote-ID=you\n")
    assert configuration.peer_at(ip_address("2001:db8::1")) is configuration.peers["east"]


def test_a_tag_of_phase_1_that_is_no_address_is_an_error() -> None:
    text = altered(("192.0.2.1=east", "192.0.2.1=east\n192.0.2=east"))
    (error,) = findings(text)
    assert error.code == "CF204"
    assert error.span.line == 6


@pytest.mark.parametrize(
    ("phase_2", "flags", "initiates", "answers"),
    [
        ("Connections=link", "", True, True),
        ("Connections=link", "Flags=Active-only", True, False),
        ("Passive-connections=link", "", False, True),
        ("Passive-Connections=link", "", False, True),
        ("Connections=link\nPassive-connections=link", "", True, True),
        ("Connections=", "", False, False),
    ],
)
def test_who_starts_a_connection(phase_2: str, flags: str, initiates: bool, answers: bool) -> None:
    text = altered(("Connections=link", phase_2), ("ISAKMP-peer=east", f"ISAKMP-peer=east\n{flags}"))
    link = read(text).connections["link"]
    assert (link.initiates, link.answers) == (initiates, answers)


def test_a_peer_without_an_address_only_answers() -> None:
    assert read(altered(("Address=192.0.2.1\nConf", "Conf"))).peers["east"].address is None


# --- ISAKMP-peer --------------------------------------------------------------------------------------------------


def test_a_peer_without_a_configuration_has_the_built_in_one() -> None:
    peer = read(altered(("Configuration=main\n", ""))).peers["east"]
    assert peer.exchange == "ID_PROT"
    assert [each.name for each in peer.transforms] == ["3DES-SHA-RSA_SIG"]


@pytest.mark.parametrize(
    ("line", "attribute", "expected"),
    [
        ("Port=5500", "port", 5500),
        ("Port=isakmp", "port", 500),
        ("Transport=udp", "port", 500),
        ("Local-address=192.0.2.9", "local_address", ip_address("192.0.2.9")),
        ("Flags=ikecfg", "flags", frozenset({"ikecfg"})),
    ],
)
def test_tags_of_a_peer(line: str, attribute: str, expected: object) -> None:
    peer = read(altered(("[east]\n", f"[east]\n{line}\n"))).peers["east"]
    assert getattr(peer, attribute) == expected


def test_a_peer_without_authentication_has_no_secret_and_that_is_said() -> None:
    text = altered(("Authentication=mekmitasdigoat\n", ""))
    assert read(text).peers["east"].secret is None
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF108", "east")


def test_a_peer_whose_identity_nobody_checks_is_warned_about() -> None:
    text = altered(("Remote-ID=you\n", "")).replace("[you]\nID-type=IPV4_ADDR\nAddress=192.0.2.1\n", "")
    (warning,) = findings(text, Severity.WARNING)
    assert shown(text, warning) == ("CF106", "east")


HYBRID = "[AES-SHA2-256-GRP14]\nAUTHENTICATION_METHOD=HYBRID_INIT_RSA\n"
NAMELESS = (
    ("Remote-ID=you\n", ""),
    ("Authentication=mekmitasdigoat\n", ""),
    ("[you]\nID-type=IPV4_ADDR\nAddress=192.0.2.1\n", ""),
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [("[XAUTH-users]\nbob=b\n", []), ("", ["CF108"])],
    ids=["a gateway with users", "a gateway without"],
)
def test_in_hybrid_mode_a_gateway_needs_users_and_no_remote_id(lines: str, expected: list[str]) -> None:
    text = altered(*NAMELESS) + HYBRID + lines
    assert findings(text) == []
    assert [each.code for each in findings(text, Severity.WARNING)] == expected


def test_in_hybrid_mode_a_client_is_warned_that_it_does_not_check_its_gateway() -> None:
    text = altered(*NAMELESS, ("[east]\n", "[east]\nXAUTH-User=bob\nXAUTH-Password=b\n")) + HYBRID
    assert [each.code for each in findings(text, Severity.WARNING)] == ["CF106"]


# --- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "code", "caret"),
    [
        ("Connections=link", "Connections=lynk", "CF201", "lynk"),
        ("Connections=link", "Connections=link, lynk", "CF201", "lynk"),
        ("192.0.2.1=east", "192.0.2.1=eest", "CF201", "eest"),
        ("ISAKMP-peer=east", "ISAKMP-peer=eest", "CF201", "eest"),
        ("Configuration=main", "Configuration=mein", "CF201", "mein"),
        ("Configuration=quick", "Configuration=quack", "CF201", "quack"),
        ("Remote-ID=you", "Remote-ID=yuo", "CF201", "yuo"),
        ("Local-ID=here", "Local-ID=hear", "CF201", "hear"),
        ("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP44", "CF201", "AES-SHA2-256-GRP44"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-AES-SHA3-SUITE", "CF201", "QM-ESP-AES-SHA3-SUITE"),
        ("[east]\nPhase=1\n", "[east]\n", "CF202", "east"),
        ("[link]\nPhase=2\n", "[link]\n", "CF202", "link"),
        ("ISAKMP-peer=east\n", "", "CF202", "link"),
        ("Configuration=quick\n", "", "CF202", "link"),
        ("EXCHANGE_TYPE=ID_PROT\n", "", "CF202", "main"),
        ("EXCHANGE_TYPE=QUICK_MODE\n", "", "CF202", "quick"),
        ("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE\n", "", "CF202", "quick"),
        ("Name=west.example.org\n", "", "CF202", "me"),
        ("Netmask=255.255.0.0\n\n[there]", "\n[there]", "CF202", "here"),
        ("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=QUICK_MODE", "CF203", "QUICK_MODE"),
        ("EXCHANGE_TYPE=QUICK_MODE", "EXCHANGE_TYPE=ID_PROT", "CF203", "ID_PROT"),
        ("DOI=IPSEC\nEXCHANGE_TYPE=ID", "DOI=GDOI\nEXCHANGE_TYPE=ID", "CF203", "GDOI"),
        ("ID-type=FQDN", "ID-type=FDQN", "CF203", "FDQN"),
        ("[east]\n", "[east]\nTransport=tcp\n", "CF203", "tcp"),
        ("Name=west.example.org", "Name=", "CF203", ""),
        ("Address=192.0.2.1\nConf", "Address=gw.example.org\nConf", "CF204", "gw.example.org"),
        ("Address=192.0.2.1\nConf", "Address=192.0.2.256\nConf", "CF204", "192.0.2.256"),
        ("Address=192.0.2.1\nConf", "Local-address=::1\nAddress=192.0.2.1\nConf", "CF204", "::1"),
        ("Address=192.0.2.1\n\n", "Address=2001:db8::1\n\n", "CF204", "2001:db8::1"),
        ("Netmask=255.255.0.0\n\n[there]", "Netmask=255.0.255.0\n\n[there]", "CF204", "255.0.255.0"),
        ("Network=10.2.0.0", "Network=10.2.0.1", "CF204", "10.2.0.1"),
        ("Network=10.2.0.0", "Network=default", "CF204", "default"),
        ("Retransmits=5", "Retransmits=five", "CF205", "five"),
        ("Retransmits=5", "Retransmits=", "CF205", ""),
        ("Retransmits=5", "Retransmit-tries=101", "CF205", "101"),
        ("Retransmits=5", "Retransmit-timeout=0.05", "CF205", "0.05"),
        ("Retransmits=5", "Retransmit-timeout=1e3", "CF205", "1e3"),
        ("Retransmits=5", "Retransmit-base=0.9", "CF205", "0.9"),
        ("Retransmits=5", "Retransmit-limit=-1", "CF205", "-1"),
        ("Retransmits=5", "Retransmit-jitter=51", "CF205", "51"),
        ("Retransmits=5", "Fragment-size=575", "CF205", "575"),
        ("Retransmits=5", "Check-interval=0", "CF205", "0"),
        ("[east]\n", "[east]\nPort=65536\n", "CF205", "65536"),
        ("[east]\n", "[east]\nPort=isakpm\n", "CF205", "isakpm"),
        ("Network=10.2.0.0\n", "Network=10.2.0.0\nProtocol=256\n", "CF205", "256"),
        ("Network=10.2.0.0\n", "Network=10.2.0.0\nProtocol=tpc\n", "CF205", "tpc"),
        ("Network=10.2.0.0\n", "Network=10.2.0.0\nPort=22\n", "CF209", "22"),
        ("Retransmits=5", "Default-phase-1-lifetime=1h", "CF206", "1h"),
        ("Retransmits=5", "Default-phase-1-lifetime=10,20:30", "CF206", "10,20:30"),
        ("Retransmits=5", "Default-phase-1-lifetime=25,30:20", "CF206", "25,30:20"),
        ("Transforms=AES-SHA2-256-GRP14", "Transforms=", "CF207", ""),
        ("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "Suites=,", "CF207", ","),
        ("[east]\nPhase=1", "[east]\nPhase=2", "CF212", "2"),
        ("[link]\nPhase=2", "[link]\nPhase=1", "CF212", "1"),
    ],
)
def test_an_error_is_shown_where_it_stands(before: str, after: str, code: str, caret: str) -> None:
    text = altered((before, after))
    assert (code, caret) in [shown(text, each) for each in findings(text)]


def test_all_errors_are_told_in_one_run() -> None:
    text = altered(
        ("Retransmits=5", "Retransmits=many"),
        ("ISAKMP-peer=east", "ISAKMP-peer=west"),
        ("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=MAIN"),
        ("Network=10.1.0.0", "Network=10.1.0.256"),
        ("Name=west.example.org\n", ""),
    )
    codes = sorted(each.code for each in findings(text))
    assert codes == ["CF201", "CF202", "CF203", "CF204", "CF205"]


def test_a_message_names_the_chain_of_sections() -> None:
    (error,) = findings(altered(("EXCHANGE_TYPE=QUICK_MODE", "EXCHANGE_TYPE=QUICK")))
    assert error.message.endswith("in [Phase 2]:Connections -> [link]:Configuration -> [quick]")


@pytest.mark.parametrize(
    ("before", "after", "meant"),
    [
        ("Connections=link", "Connections=lnik", "link"),
        ("ISAKMP-peer=east", "ISAKMP-peer=eastt", "east"),
        ("Transforms=AES-SHA2-256-GRP14", "Transforms=AES-SHA2-256-GPR14", "AES-SHA2-256-GRP14"),
        ("SUITE", "SIUTE", "QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE"),
        ("ID-type=FQDN", "ID-type=FQND", "FQDN"),
        ("EXCHANGE_TYPE=QUICK_MODE", "EXCHANGE_TYPE=QUICKMODE", "QUICK_MODE"),
    ],
)
def test_a_slip_of_the_pen_is_recognised(before: str, after: str, meant: str) -> None:
    assert f"did you mean {meant}?" in [each.hint for each in findings(altered((before, after)))]


def test_an_error_of_a_section_that_many_name_is_told_once() -> None:
    text = altered(("Connections=link", "Connections=link,other"), ("EXCHANGE_TYPE=QUICK_MODE", "EXCHANGE_TYPE=X"))
    text += "[other]\nPhase=2\nISAKMP-peer=east\nConfiguration=quick\n"
    assert [each.code for each in findings(text)] == ["CF203"]


ALLOWED = ("Retransmits=5", "Retransmits=5\nAccept-aggressive-psk=yes")
AGGRESSIVE = ("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=AGGRESSIVE")


def test_aggressive_mode_with_a_pre_shared_key_must_be_allowed() -> None:
    text = altered(AGGRESSIVE)
    (error,) = findings(text)
    assert shown(text, error) == ("CF213", "main")
    assert "Accept-aggressive-psk=yes in [General]" in error.hint
    assert not resolve(bindings(text)).configuration.peers.keys() & {"east"}


def test_aggressive_mode_with_a_pre_shared_key_is_warned_of_where_it_is_allowed() -> None:
    text = altered(AGGRESSIVE, ALLOWED)
    assert [shown(text, each) for each in findings(text, Severity.WARNING)] == [("CF114", "main")]
    assert read(text).peers["east"].exchange == "AGGRESSIVE"
    assert read(text).general.accept_aggressive_psk
    assert findings(altered(ALLOWED), Severity.WARNING) == []


def test_aggressive_mode_with_signatures_needs_no_leave() -> None:
    text = altered(AGGRESSIVE, ("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP14-RSA_SIG"))
    assert findings(text) == []
    assert "CF114" not in [each.code for each in findings(text, Severity.WARNING)]


def test_a_key_for_aggressive_mode_may_stand_under_the_initiators_identity() -> None:
    keyless = ("Authentication=mekmitasdigoat\n", "")
    assert "CF108" in [each.code for each in findings(altered(keyless), Severity.WARNING)]
    text = altered(AGGRESSIVE, ALLOWED, keyless, ("Address=192.0.2.1\nC", "C")) + "[me@example.org]\nAuthentication=k\n"
    assert not {"CF108", "CF109"} & {each.code for each in findings(text, Severity.WARNING)}


def test_aggressive_mode_offers_one_group() -> None:
    text = altered(AGGRESSIVE, ALLOWED, ("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP14,AES-SHA2-256-GRP19"))
    warnings = [each for each in findings(text, Severity.WARNING) if each.code == "CF115"]
    assert [shown(text, each) for each in warnings] == [("CF115", "main")]
    assert "MODP_2048, and not ECP_256" in warnings[0].message


def test_a_connection_that_is_not_listed_is_checked_and_kept_for_who_asks_by_name() -> None:
    lines = ("[spare]", "Phase=2", "ISAKMP-peer=east", "Configuration=quick")
    spare = read(with_lines(*lines)).connections["spare"]
    assert (spare.initiates, spare.answers) == (False, False)
    assert [each.code for each in findings(with_lines(*lines[:-1]))] == ["CF202"]


# --- what is doubtful ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "code", "caret"),
    [
        ("AES-SHA2-256-GRP14", "3DES-SHA-GRP14", "CF101", "3DES-SHA-GRP14"),
        ("AES-SHA2-256-GRP14", "AES-MD5-GRP14", "CF101", "AES-MD5-GRP14"),
        ("AES-SHA2-256-GRP14", "AES-SHA2-256", "CF101", "AES-SHA2-256"),
        ("AES-SHA2-256-GRP14", "AES-SHA2-256-GRP5", "CF101", "AES-SHA2-256-GRP5"),
        ("AES-SHA2-256-GRP14", "CAST-SHA-GRP14", "CF101", "CAST-SHA-GRP14"),
        ("AES-SHA2-256-GRP14", "BLF-SHA-GRP14", "CF101", "BLF-SHA-GRP14"),
        ("AES-SHA2-256-GRP14", "AES-SHA-GRP14-DSS", "CF102", "AES-SHA-GRP14-DSS"),
        ("AES-SHA2-256-GRP14", "AES-SHA-GRP1", "CF101", "AES-SHA-GRP1"),
        ("AES-SHA2-256-GRP14", "AES-SHA-GRP25", "CF101", "AES-SHA-GRP25"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-AH-MD5-SUITE", "CF101", "QM-AH-MD5-SUITE"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-BLF-SHA-SUITE", "CF101", "QM-ESP-BLF-SHA-SUITE"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-CAST-SHA-SUITE", "CF101", "QM-ESP-CAST-SHA-SUITE"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-3DES-SHA-SUITE", "CF101", "QM-ESP-3DES-SHA-SUITE"),
        ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-AES-SUITE", "CF101", "QM-ESP-AES-SUITE"),
        ("[link]\n", "[link]\nPF-Tag=x\n", "CF102", "x"),
        ("Retransmits=5", "Loglevel=A=10,11=5", "CF105", "11=5"),
        ("Retransmits=5", "Retransmits=5 times", "CF103", "5 times"),
        ("Connections=link", "Connections=link,,", "CF104", "link,,"),
        ("[east]\n", "[east]\nFlags=ikecgf\n", "CF105", "ikecgf"),
        ("[east]\n", "[east]\nAuthentcation=hello\n", "CF105", "Authentcation=hello"),
        ("[east]\n", "[east]\nDOI=IPSEC\n", "CF105", "DOI=IPSEC"),
        ("[east]\n", "[unused]\nName=x\n\n[east]\n", "CF109", "unused"),
    ],
)
def test_a_warning_is_shown_where_somebody_asked_for_it(before: str, after: str, code: str, caret: str) -> None:
    text = altered((before, after))
    read(text)
    assert (code, caret) in [shown(text, each) for each in findings(text, Severity.WARNING)]


@pytest.mark.parametrize("group", ["", *(f"-GRP{number}" for number in (*range(14, 22), 26, 28, 29, 30))])
@pytest.mark.parametrize("suite", ["AES-SHA2-256", "AESCTR-SHA2-512", "AESGCM-128", "AESGMAC-256", "NULL-SHA2-384"])
@pytest.mark.parametrize("mode", ["", "-TRP"])
def test_the_predefined_names_of_today_need_no_excuse(group: str, suite: str, mode: str) -> None:
    chosen = f"QM-ESP{mode}-{suite}{'-PFS' if group else ''}{group}-SUITE"
    text = altered(
        ("AES-SHA2-256-GRP14", f"AES-SHA2-256{group or '-GRP14'}"), ("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", chosen)
    )
    assert [each.code for each in resolve(bindings(text)).diagnostics] == []


@pytest.mark.parametrize("hashed", ["SHA", "RIPEMD", "SHA2-256", "SHA2-384", "SHA2-512"])
def test_ah_is_negotiated(hashed: str) -> None:
    assert resolve(bindings(altered(("QM-ESP-AES-SHA2-256", f"QM-AH-{hashed}")))).diagnostics == ()


@pytest.mark.parametrize(
    "lines",
    [
        ("[ufqdn/me@example.org]", "Mode=SET", "Attributes=Address", "Address=10.0.0.7"),
        ("[me@example.org]", "Authentication=secret"),
        ("[XAUTH-users]", "me=hush", "you=hush"),
        ("[xauth/me]", "Address=10.0.0.7"),
        ("[X509-certificates]", "CA-directory=/etc/isakmpd/ca/"),
        ("[KeyNote]", "Credential-directory=/etc/isakmpd/keynote/", "Accept-weak-signatures=no"),
    ],
)
def test_sections_that_an_identity_or_their_own_name_finds_need_no_reference(lines: tuple[str, ...]) -> None:
    assert findings(with_lines(*lines), Severity.WARNING) == []


# --- keys, and what is kept ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["0x", "0x123", "0xgg", ""])
def test_a_key_that_cannot_be_decoded_is_an_error_that_does_not_tell_it(key: str) -> None:
    (error,) = check_keys(bindings(altered(("mekmitasdigoat", key))))
    assert error.code == "CF211"
    assert "123" not in error.message
    assert "gg" not in error.message


def test_a_sound_key_is_no_finding() -> None:
    assert check_keys(bindings(WHOLE)) == []
    assert check_keys(bindings(altered(("mekmitasdigoat", "0x00fF")))) == []


def test_only_known_tags_are_kept() -> None:
    text = "[Phase 1]\n192.0.2.1=a\nDEFAULT=b\nsecret=c\n[a]\nAuthentication=d\nAuthentcation=e\nPORT=1\n"
    assert [each.value for _, each in bindings(text) if is_kept(each)] == ["a", "b", "d", "1"]


def test_the_users_of_xauth_are_kept_and_those_of_a_misspelt_section_are_not() -> None:
    text = "[XAUTH-users]\nbob=a\n[XAUTH-user]\nbob=b\n"
    assert [each.value for _, each in bindings(text) if is_kept(each)] == ["a"]


# --- anything at all ----------------------------------------------------------------------------------------------


def _mutated(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(lines))
        other = chance.choice(lines)
        tag, equals, value = lines[place].partition("=")
        lines[place] = chance.choice(
            [
                "",
                other,
                f"{tag}{equals}{other.partition('=')[2]}",
                f"{tag}{equals}{value}{chr(chance.randrange(256))}",
                f"{tag}{equals}{'9' * chance.randint(1, 5000)}",
                f"{tag}{equals}{value[: chance.randrange(len(value) + 1)]}",
                f"{chr(chance.randrange(256))}{tag}{equals}{value}",
                f"{tag}{equals},{value},,{value}",
                f"{tag}{equals}-{value}:{value}",
            ]
        )
    return "\n".join(each for each in lines if "]" in each or not each.startswith("["))


@pytest.mark.parametrize("seed", range(200))
def test_a_mutated_configuration_raises_nothing_and_is_placed(seed: int) -> None:
    text = _mutated(WHOLE, random.Random(seed))
    found: Resolved = resolve(bindings(text))
    lines = text.count("\n") + 1
    for each in found.diagnostics:
        assert each.code in MEANINGS
        assert 1 <= each.span.line <= lines
        assert 0 <= each.span.start <= each.span.end <= len(text)
    for connection in found.configuration.connections.values():
        assert isinstance(connection, Connection)
        assert isinstance(found.configuration.peers[connection.peer], Peer)


def test_what_the_store_gives_back_resolves_to_the_same(tmp_path: Path) -> None:
    """Of a stored binding only the line is known; records do not depend on more."""
    kept = seal_bindings(binding for _, binding in bindings(WHOLE))
    stored = [(each.span.line, each.section, each.tag, each.value) for each in kept]
    path = tmp_path / "policy.db"
    publish(path, configuration("isakmpd.conf", *stored))
    with open_snapshot(path) as snapshot:
        assert snapshot.configuration == read(WHOLE)
