"""isakmpd.conf(5) row by row: each tag of the manual, what it may be, what it stands for when it is missing.

Texts go through the parser, as files do. test_config.py has what is said about mistakes, test_predefined.py the names.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest

from grammar.conf import parse_conf
from grammar.errors import Severity
from policydb.configuration.config import resolve
from policydb.configuration.vocabulary import TAGS, Kind
from policydb.connections import (
    ANY,
    Configuration,
    Connection,
    Identity,
    IkeTransform,
    Interval,
    IpsecTransform,
    Lifetime,
    Peer,
)
from tests.policydb.confs import WHOLE, altered, with_lines

# --- how a text is read -------------------------------------------------------------------------------------------


def told(text: str) -> tuple[Configuration, list[tuple[str, int]]]:
    """The configuration of a text, and the code and line of each finding of parser and resolver."""
    parsed = parse_conf(text, "isakmpd.conf")
    resolved = resolve(("isakmpd.conf", each) for each in parsed.bindings)
    return resolved.configuration, [
        (each.code, each.span.line) for each in (*parsed.diagnostics, *resolved.diagnostics)
    ]


def conf(text: str) -> Configuration:
    """The configuration of a text without errors."""
    parsed = parse_conf(text, "isakmpd.conf")
    resolved = resolve(("isakmpd.conf", each) for each in parsed.bindings)
    found = [each for each in (*parsed.diagnostics, *resolved.diagnostics) if each.severity is Severity.ERROR]
    if found:
        raise ValueError(found)
    return resolved.configuration


def codes(text: str) -> set[str]:
    return {code for code, _ in told(text)[1]}


def peer(*lines: str) -> Peer:
    return conf(altered(("[east]\n", "\n".join(["[east]", *lines, ""])))).peers["east"]


def link(*lines: str) -> Connection:
    return conf(altered(("[link]\n", "\n".join(["[link]", *lines, ""])))).connections["link"]


def main_mode(**tags: str) -> IkeTransform:
    """A transform of one's own, with these tags in the place of the usual ones; "" leaves one out."""
    usual = {
        "ENCRYPTION_ALGORITHM": "AES_CBC",
        "HASH_ALGORITHM": "SHA2_256",
        "AUTHENTICATION_METHOD": "PRE_SHARED",
        "GROUP_DESCRIPTION": "MODP_2048",
    }
    lines = "".join(f"{tag}={value}\n" for tag, value in (usual | tags).items() if value)
    text = altered(("Transforms=AES-SHA2-256-GRP14", "Transforms=own")) + f"\n[own]\n{lines}"
    return conf(text).peers["east"].transforms[0]


def quick_mode(protocol: str = "IPSEC_ESP", **tags: str) -> IpsecTransform:
    """The same of phase 2."""
    usual = {"TRANSFORM_ID": "AES", "ENCAPSULATION_MODE": "TUNNEL", "AUTHENTICATION_ALGORITHM": "HMAC_SHA2_256"}
    lines = "".join(f"{tag}={value}\n" for tag, value in (usual | tags).items() if value)
    suite = f"\n[suite]\nProtocols=proto\n[proto]\nPROTOCOL_ID={protocol}\nTransforms=xf\n[xf]\n{lines}"
    text = altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "Suites=suite")) + suite
    return conf(text).connections["link"].suites[0].protocols[0].transforms[0]


# --- 2.1 syntax ---------------------------------------------------------------------------------------------------


def general(*lines: str) -> Configuration:
    return conf("[General]\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("mark", "#;")
def test_a_comment_starts_in_the_first_column(mark: str) -> None:
    assert general(f"{mark}Retransmits=9").general.schedule.tries == 15


def test_a_comment_sign_behind_a_value_belongs_to_it() -> None:
    assert general("Policy-file=/etc/p # mine").general.policy_file == "/etc/p # mine"


def test_a_section_name_ends_at_the_first_bracket_and_knows_no_case() -> None:
    assert conf("[gENERAL] of the house]\nRetransmits=9\n").general.schedule.tries == 9


def test_a_section_without_its_bracket_is_ignored_up_to_the_next_header() -> None:
    configuration, found = told("[General\nRetransmits=9\n[General]\nCheck-interval=7\n")
    assert (configuration.general.schedule.tries, configuration.general.check_interval) == (15, 7)
    assert found == [("CF002", 1)]


def test_an_assignment_is_a_tag_and_a_trimmed_value() -> None:
    assert general("rEtRaNsMiTs = \t 9 \t ").general.schedule.tries == 9
    assert general("Policy-file=/etc/a=b").general.policy_file == "/etc/a=b"


def test_a_line_before_any_section_is_an_error() -> None:
    assert ("CF001", 1) in told("Retransmits=9\n[General]\n")[1]


def test_a_line_may_go_on_behind_a_backslash() -> None:
    assert general("Listen-on=192.0.2.1,\\\n192.0.2.2").general.listen_on == ("192.0.2.1", "192.0.2.2")


def test_a_line_without_an_equals_sign_is_an_error_and_words_before_it_a_warning() -> None:
    assert ("CF003", 2) in told("[General]\nRetransmits 9\n")[1]
    configuration, found = told("[General]\nRetransmits by hand = 9\n")
    assert configuration.general.schedule.tries == 9
    assert found == [("CF013", 2)]


def test_the_last_line_counts_without_a_newline_too() -> None:
    configuration, found = told("[General]\nRetransmits=9")
    assert configuration.general.schedule.tries == 9
    assert found == [("CF011", 2)]


def test_a_line_with_leading_blanks_counts() -> None:
    configuration, found = told("[General]\n \tRetransmits=9\n")
    assert configuration.general.schedule.tries == 9
    assert found == [("CF010", 2)]


def test_parts_of_a_section_are_one_and_of_a_tag_the_first_value_counts() -> None:
    configuration, found = told("[General]\nRetransmits=9\n[X509-certificates]\n[general]\nRETRANSMITS=4\nVerbose=\n")
    assert configuration.general.schedule.tries == 9
    assert ("CF012", 5) in found


def test_lists_are_trimmed_and_empty_members_ignored() -> None:
    configuration, found = told("[General]\nListen-on= 192.0.2.1 ,, 192.0.2.2 \n")
    assert configuration.general.listen_on == ("192.0.2.1", "192.0.2.2")
    assert found == [("CF104", 2)]


def test_numbers_are_read_by_their_leading_digits() -> None:
    configuration, found = told("[General]\nRetransmits=7up\n")
    assert configuration.general.schedule.tries == 7
    assert found == [("CF103", 2)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("128", Interval(128, 128, 128)),
        ("192,128:256", Interval(192, 128, 256)),
        ("192 , 128 : 256", Interval(192, 128, 256)),
    ],
)
def test_offer_accept_values(value: str, expected: Interval) -> None:
    assert main_mode(KEY_LENGTH=value).key_length == expected


def test_names_have_no_limit_of_length() -> None:
    name = "n" * 300
    assert conf(WHOLE.replace("[me]", f"[{name}]").replace("ID=me", f"ID={name}")).peers["east"].identity is not None


def test_built_in_defaults_fill_only_the_gaps() -> None:
    text = "[Default-phase-1]\nAuthentication=k\nRemote-ID=x\n[x]\nID-type=FQDN\nName=x.example.org\n"
    text += "[Default-phase-1-configuration]\nTransforms=AES-SHA-GRP14\n"
    default = conf(text).peers["Default-phase-1"]
    assert (default.exchange, default.secret) == ("ID_PROT", "secret:default-phase-1")
    assert [each.name for each in default.transforms] == ["AES-SHA-GRP14"]


# --- 2.2 [General] ------------------------------------------------------------------------------------------------

GENERAL: list[tuple[str, str, Callable[[Configuration], object], object, object]] = [
    # tag, value, what it becomes, without it, with it
    ("Check-interval", "5", lambda c: c.general.check_interval, 60, 5),
    ("Delete-SAs", "no", lambda c: c.general.delete_sas, True, False),
    ("Exchange-max-time", "60", lambda c: c.general.exchange_max_time, 120, 60),
    ("Listen-on", "192.0.2.1, em0", lambda c: c.general.listen_on, (), ("192.0.2.1", "em0")),
    ("Loglevel", "A=10,3=99", lambda c: c.general.log_levels, (), ("A=10", "3=99")),
    ("Logverbose", "", lambda c: c.general.verbose, False, True),
    ("NAT-T-Keepalive", "60", lambda c: c.general.nat_t_keepalive, 20, 60),
    ("Policy-file", "/p", lambda c: c.general.policy_file, "", "/p"),
    ("Retransmits", "1", lambda c: c.general.schedule.tries, 15, 1),
    ("Use-Keynote", "no", lambda c: c.general.use_keynote, True, False),
    ("Default-phase-1-ID", "me", lambda c: str(c.peers["Default-phase-1"].identity), "None", "me.example.org"),
    (
        "Default-phase-1-lifetime",
        "60",
        lambda c: c.peers["Default-phase-1"].transforms[0].lifetimes[0].duration,
        Interval(3600, 60, 86400),
        Interval(60, 60, 60),
    ),
]


@pytest.mark.parametrize(("tag", "value", "read", "default", "expected"), GENERAL, ids=[row[0] for row in GENERAL])
def test_a_row_of_general(
    tag: str, value: str, read: Callable[[Configuration], object], default: object, expected: object
) -> None:
    rest = "\n[me]\nID-type=FQDN\nName=me.example.org\n"
    assert read(conf(f"[General]\n{rest}")) == default
    assert read(conf(f"[General]\n{tag}={value}\n{rest}")) == expected


@pytest.mark.parametrize("tag", ["Acquire-Only", "Renegotiate-on-HUP", "Shared-SADB", "Pubkey-directory"])
def test_a_row_of_general_that_the_daemon_reads_is_known(tag: str) -> None:
    assert codes(f"[General]\n{tag}=\n") == set()


def test_default_phase_2_suites_are_followed() -> None:
    assert codes("[General]\nDefault-phase-2-suites=QM-ESP-AES-SHA2-256-SUITE\n") == set()
    assert "CF201" in codes("[General]\nDefault-phase-2-suites=QM-ESP-AES-SHA2-999-SUITE\n")


def test_dpd_check_interval_is_a_number() -> None:
    assert codes("[General]\nDPD-check-interval=5\n") == set()
    assert codes("[General]\nDPD-check-interval=often\n") == {"CF205"}


def test_a_tag_that_general_does_not_know_is_told() -> None:
    assert told("[General]\nPort=500\n")[1] == [("CF105", 2)]


@pytest.mark.parametrize("lifetime", ["Default-phase-1-lifetime", "Default-phase-2-lifetime"])
def test_a_default_lifetime_that_is_set_later_takes_effect(lifetime: str) -> None:
    """A change comes as a binding in front of those of the file (FIFO `C set ... force`); the original ignores it."""
    file = parse_conf(with_lines("[General]", f"{lifetime}=600"), "isakmpd.conf").bindings
    change = parse_conf(f"[General]\n{lifetime}=77,60:88\n", "fifo").bindings
    configuration = resolve(
        [*(("fifo", each) for each in change), *(("isakmpd.conf", each) for each in file)]
    ).configuration
    if "1" in lifetime:
        (life,) = configuration.peers["east"].transforms[0].lifetimes
    else:
        (life,) = configuration.connections["link"].suites[0].protocols[0].transforms[0].lifetimes
    assert life == Lifetime("SECONDS", Interval(77, 60, 88))


# --- 2.3 [Phase 1], [Phase 2] and 2.4 -----------------------------------------------------------------------------


def test_phase_1_names_the_peer_of_an_address() -> None:
    east = ip_address("192.0.2.1")
    assert conf(WHOLE).peers_by_address == {east: "east"}


def test_phase_1_default_is_default_phase_1_unless_it_is_set() -> None:
    assert conf(WHOLE).default_peer == "Default-phase-1"
    assert conf(altered(("[Phase 1]\n", "[Phase 1]\nDefault=east\n"))).default_peer == "east"


@pytest.mark.parametrize(
    ("tag", "initiates", "answers"), [("Connections", True, True), ("Passive-connections", False, True)]
)
def test_phase_2_lists_connections(tag: str, initiates: bool, answers: bool) -> None:
    found = conf(altered(("Connections=link", f"{tag}=link"))).connections["link"]
    assert (found.initiates, found.answers) == (initiates, answers)


@pytest.mark.parametrize(
    "line",
    [f"[KeyNote]\n{tag}=x" for tag in ("Credential-directory",)]
    + [f"[X509-certificates]\n{tag}=x" for tag in TAGS[Kind.X509].values()],
)
def test_a_row_of_keynote_and_x509(line: str) -> None:
    assert codes(line + "\n") == set()


# --- 2.5 ISAKMP-peer ----------------------------------------------------------------------------------------------


def test_phase_of_a_peer_is_1() -> None:
    assert codes(altered(("[east]\nPhase=1\n", "[east]\n"))) >= {"CF202"}
    assert "CF212" in codes(altered(("[east]\nPhase=1\n", "[east]\nPhase=2\n")))


@pytest.mark.parametrize(
    ("line", "attribute", "expected"),
    [
        ("Transport=udp", "name", "east"),
        ("Local-address=192.0.2.7", "local_address", ip_address("192.0.2.7")),
        ("Port=4500", "port", 4500),
        ("Flags=ikecfg", "flags", frozenset({"ikecfg"})),
    ],
)
def test_a_row_of_a_peer(line: str, attribute: str, expected: object) -> None:
    assert getattr(peer(line), attribute) == expected


def test_defaults_of_a_peer() -> None:
    text = "[Phase 1]\nDefault=p\n[p]\nPhase=1\n"
    found = conf(text).peers["p"]
    assert (found.address, found.local_address, found.port, found.secret) == (None, None, 500, None)
    assert (found.identity, found.remote_identity, found.flags) == (None, None, frozenset())
    assert [each.name for each in found.transforms] == ["3DES-SHA-RSA_SIG"]


def test_a_peer_without_remote_id_is_unchecked_and_that_is_told() -> None:
    assert "CF106" in codes(altered(("Remote-ID=you\n", "")))


# --- 2.5 identities -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("ID-type=IPV4_ADDR\nAddress=192.0.2.3", Identity("IPV4_ADDR", address=ip_address("192.0.2.3"))),
        ("ID-type=IPV6_ADDR\nAddress=2001:db8::3", Identity("IPV6_ADDR", address=ip_address("2001:db8::3"))),
        (
            "ID-type=IPV4_ADDR_SUBNET\nNetwork=10.0.0.0\nNetmask=255.0.0.0\nProtocol=tcp\nPort=22",
            Identity("IPV4_ADDR_SUBNET", network=ip_network("10.0.0.0/8"), protocol=6, port=22),
        ),
        (
            "ID-type=IPV6_ADDR_SUBNET\nNetwork=2001:db8::\nNetmask=ffff:ffff::\nProtocol=17",
            Identity("IPV6_ADDR_SUBNET", network=ip_network("2001:db8::/32"), protocol=17),
        ),
    ],
)
def test_identity_types_of_traffic(lines: str, expected: Identity) -> None:
    old = "ID-type=IPV4_ADDR_SUBNET\nNetwork=10.{}.0.0\nNetmask=255.255.0.0"
    link = conf(altered((old.format(2), lines), (old.format(1), lines))).connections["link"]
    assert (link.local_identity, link.remote_identity) == (expected, expected)


def test_both_identities_of_traffic_are_of_one_family() -> None:
    old = "ID-type=IPV4_ADDR_SUBNET\nNetwork=10.2.0.0\nNetmask=255.255.0.0"
    assert "CF204" in codes(altered((old, "ID-type=IPV6_ADDR\nAddress=2001:db8::3")))


@pytest.mark.parametrize("kind", ["FQDN", "USER_FQDN", "KEY_ID"])
def test_names_are_identities_of_phase_1_only(kind: str) -> None:
    named = altered(("ID-type=FQDN\nName=west.example.org", f"ID-type={kind}\nName=me"))
    assert conf(named).peers["east"].identity == Identity(kind, name="me")
    old = "ID-type=IPV4_ADDR_SUBNET\nNetwork=10.2.0.0\nNetmask=255.255.0.0"
    assert "CF203" in codes(altered((old, f"ID-type={kind}\nName=me")))


# --- 2.5 ISAKMP-configuration and -transform ----------------------------------------------------------------------


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
def test_exchange_types_of_phase_1(exchange: str) -> None:
    text = altered(("EXCHANGE_TYPE=ID_PROT", f"EXCHANGE_TYPE={exchange}"))
    assert conf(text.replace("[General]", "[General]\nAccept-aggressive-psk=yes")).peers["east"].exchange == exchange


def test_the_doi_is_ipsec_also_where_nobody_says_so() -> None:
    assert conf(WHOLE.replace("DOI=IPSEC\n", "")) == conf(WHOLE)


MAIN_MODE_VALUES = [
    ("ENCRYPTION_ALGORITHM", "encryption", "3DES_CBC BLOWFISH_CBC CAST_CBC AES_CBC"),
    ("HASH_ALGORITHM", "hash", "MD5 SHA SHA2_256 SHA2_384 SHA2_512"),
    ("AUTHENTICATION_METHOD", "authentication", "PRE_SHARED RSA_SIG DSS RSA_ENC"),
    (
        "GROUP_DESCRIPTION",
        "group",
        (
            "MODP_768 MODP_1024 MODP_1536 MODP_2048 MODP_3072 MODP_4096 MODP_6144 MODP_8192 ECP_256 ECP_384 ECP_521 "
            "ECP_192 ECP_224 BP_256 BP_384 BP_512"
        ),
    ),
]


@pytest.mark.parametrize(
    ("tag", "attribute", "value"),
    [(tag, attribute, value) for tag, attribute, values in MAIN_MODE_VALUES for value in (*values.split(), ANY)],
)
def test_every_value_of_a_main_mode_transform(tag: str, attribute: str, value: str) -> None:
    assert getattr(main_mode(**{tag: value}), attribute) == value


def test_prf_is_any_or_missing() -> None:
    assert main_mode(PRF=ANY) == main_mode()
    with pytest.raises(ValueError, match="CF203"):
        main_mode(PRF="HMAC_SHA")


@pytest.mark.parametrize("tag", ["GROUP_TYPE", "FIELD_SIZE", "GROUP_ORDER"])
def test_groups_that_are_described_are_known_and_not_negotiated(tag: str) -> None:
    assert main_mode(**{tag: "1"}) == main_mode()


def test_a_lifetime_is_a_list_of_sections_or_any() -> None:
    assert main_mode(Life="LIFE_MAIN_MODE").lifetimes == (Lifetime("SECONDS", Interval(3600, 60, 86400)),)
    assert main_mode(Life="LIFE_MAIN_MODE,LIFE_QUICK_MODE").lifetimes[1] == Lifetime(
        "SECONDS", Interval(1200, 60, 86400)
    )
    assert main_mode(Life=ANY).lifetimes == (Lifetime("SECONDS", None), Lifetime("KILOBYTES", None))


@pytest.mark.parametrize(
    ("kind", "duration", "expected"),
    [
        ("SECONDS", "60,30:90", Lifetime("SECONDS", Interval(60, 30, 90))),
        ("KILOBYTES", "1000", Lifetime("KILOBYTES", Interval(1000, 1000, 1000))),
        ("SECONDS", ANY, Lifetime("SECONDS", None)),
    ],
)
def test_a_row_of_a_lifetime(kind: str, duration: str, expected: Lifetime) -> None:
    section = f"\n[life]\nLIFE_TYPE={kind}\nLIFE_DURATION={duration}\n"
    text = WHOLE + "\n[AES-SHA2-256-GRP14]\nLife=life\n" + section
    assert conf(text).peers["east"].transforms[0].lifetimes == (expected,)


# --- 2.5 IPsec ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["Phase=2\n", "ISAKMP-peer=east\n", "Configuration=quick\n"])
def test_a_connection_needs_phase_peer_and_configuration(line: str) -> None:
    head, tail = WHOLE.split("[link]\n")
    assert "CF202" in codes(f"{head}[link]\n{tail.replace(line, '', 1)}")


def test_a_connection_has_both_identities_or_is_host_to_host() -> None:
    hosts = conf(altered(("Local-ID=here\nRemote-ID=there\n", ""))).connections["link"]
    assert (hosts.local_identity, hosts.remote_identity) == (None, None)
    assert "CF209" in codes(altered(("Local-ID=here\n", "")))
    assert "CF209" in codes(altered(("Remote-ID=there\n", "")))


def test_active_only_is_not_for_incoming_negotiations() -> None:
    assert (link().answers, link("Flags=Active-only").answers) == (True, False)


@pytest.mark.parametrize("line", ["PF-Tag=$id", "Interface=1", "NAT-ID=here"])
def test_a_row_of_a_connection_that_is_not_used_yet_is_legal_and_told(line: str) -> None:
    text = altered(("[link]\n", f"[link]\n{line}\n"))
    assert conf(text).connections["link"] == link()
    assert codes(text) == {"CF102"}


def test_a_quick_mode_configuration_lists_suites_in_order() -> None:
    two = "Suites=QM-ESP-AES-SHA2-256-SUITE,QM-ESP-AES-SHA2-512-SUITE"
    suites = conf(altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", two))).connections["link"].suites
    assert [each.name for each in suites] == two.removeprefix("Suites=").split(",")
    assert "CF203" in codes(altered(("EXCHANGE_TYPE=QUICK_MODE", "EXCHANGE_TYPE=NEW_GROUP_MODE")))


def test_a_suite_wants_its_protocols_together_and_a_protocol_one_of_its_transforms() -> None:
    text = altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "Suites=both"))
    text += "\n[both]\nProtocols=QM-ESP-AES-SHA,ah\n[ah]\nPROTOCOL_ID=IPSEC_AH\n"
    text += "Transforms=QM-AH-SHA-XF,QM-AH-SHA2-256-XF\nReplayWindow=64\n"
    (suite,) = conf(text).connections["link"].suites
    assert [(each.protocol_id, len(each.transforms), each.replay_window) for each in suite.protocols] == [
        ("IPSEC_ESP", 1, 16),
        ("IPSEC_AH", 2, 64),
    ]


def test_ipcomp_is_a_protocol_too() -> None:
    assert quick_mode("IPCOMP", TRANSFORM_ID="DEFLATE", AUTHENTICATION_ALGORITHM="").transform_id == "DEFLATE"


def test_a_replay_window_of_none_is_refused_and_the_default_used() -> None:
    """Minus one switches protection off in the original (CVE-2006-4436)."""
    text = altered(("Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "Suites=QM-ESP-AES-SHA-SUITE"))
    text += "\n[QM-ESP-AES-SHA]\nReplayWindow=-1\n"
    assert conf(text).connections["link"].suites[0].protocols[0].replay_window == 16
    assert codes(text) == {"CF107"}


ESP = [
    "3DES",
    "CAST",
    "BLOWFISH",
    "AES",
    "AES_CTR",
    "NULL",
    "DES",
    "DES_IV64",
    "DES_IV32",
    "RC5",
    "IDEA",
    "3IDEA",
    "RC4",
    "AES_MARS",
]
AH = ["MD5", "SHA", "RIPEMD", "SHA2_256", "SHA2_384", "SHA2_512"]


@pytest.mark.parametrize("value", ESP)
def test_every_transform_of_esp(value: str) -> None:
    assert quick_mode(TRANSFORM_ID=value).transform_id == value


@pytest.mark.parametrize("value", ["AES_GCM_16", "AES_GMAC"])
def test_transforms_that_protect_integrity_themselves_take_no_authentication(value: str) -> None:
    assert quick_mode(TRANSFORM_ID=value, AUTHENTICATION_ALGORITHM="").authentication is None
    with pytest.raises(ValueError, match="CF208"):
        quick_mode(TRANSFORM_ID=value)


@pytest.mark.parametrize("value", AH)
def test_every_transform_of_ah_with_its_authentication_and_never_without(value: str) -> None:
    found = quick_mode("IPSEC_AH", TRANSFORM_ID=value, AUTHENTICATION_ALGORITHM=f"HMAC_{value}")
    assert (found.transform_id, found.authentication) == (value, f"HMAC_{value}")
    with pytest.raises(ValueError, match="CF208"):
        quick_mode("IPSEC_AH", TRANSFORM_ID=value, AUTHENTICATION_ALGORITHM="")


@pytest.mark.parametrize("value", [*(f"HMAC_{each}" for each in AH), "DES_MAC", "KPDK"])
def test_every_authentication_of_esp(value: str) -> None:
    assert quick_mode(AUTHENTICATION_ALGORITHM=value).authentication == value


@pytest.mark.parametrize("value", ["TUNNEL", "TRANSPORT"])
def test_every_encapsulation(value: str) -> None:
    assert quick_mode(ENCAPSULATION_MODE=value).encapsulation == value


def test_a_group_in_phase_2_means_pfs() -> None:
    assert quick_mode().group is None
    assert quick_mode(GROUP_DESCRIPTION="ECP_256").group == "ECP_256"


def test_key_length_and_life_of_phase_2() -> None:
    found = quick_mode(KEY_LENGTH="256,128:256", Life="LIFE_QUICK_MODE")
    assert found.key_length == Interval(256, 128, 256)
    assert found.lifetimes == (Lifetime("SECONDS", Interval(1200, 60, 86400)),)


# --- 2.5 sections that an identity names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["ipv4/192.0.2.1", "ipv6/2001:db8::1", "fqdn/h", "ufqdn/u@h", "asn1_dn//C=DE", "key_id/group", "xauth/u"]
)
def test_mode_config_sections_are_found_by_an_identity(name: str) -> None:
    lines = "Mode=SET\nAttributes=Address,Netmask,Nameserver,WINS-server,DHCP-server,Lifetime\nAddress=10.0.0.7\n"
    lines += "Netmask=255.255.255.0\nNameserver=10.0.0.1\nWINS-server=10.0.0.2\nDHCP-server=10.0.0.3\n"
    lines += "Network=10.0.0.0\nPrefix=24\nLifetime=600\n"
    assert codes(f"[{name}]\n{lines}") == set()


@pytest.mark.parametrize(
    ("line", "code"),
    [("Attributes=Adress", "CF203"), ("Address=here", "CF204"), ("Prefix=129", "CF205"), ("Lifetime=long", "CF205")],
)
def test_values_of_mode_config_are_checked(line: str, code: str) -> None:
    assert told(f"[fqdn/h]\n{line}\n")[1] == [(code, 2)]


@pytest.mark.parametrize("name", ["192.0.2.1", "foo.bar.org", "user@foo.bar.org"])
def test_an_initiators_section_is_named_by_its_bare_identity(name: str) -> None:
    assert codes(f"[{name}]\nAuthentication=key\n") == set()


# --- 2.6 predefined names and what a file changes of them ---------------------------------------------------------


def test_a_predefined_name_is_overridden_tag_by_tag() -> None:
    text = with_lines("[AES-SHA2-256-GRP14]", "KEY_LENGTH=192", "[qm-esp-aes-sha2-256-pfs-grp14-xf]", "Life=")
    configuration = conf(text)
    (transform,) = configuration.peers["east"].transforms
    assert (transform.key_length, transform.hash, transform.group) == (Interval(192, 192, 192), "SHA2_256", "MODP_2048")
    (suite,) = configuration.connections["link"].suites
    assert suite.protocols[0].transforms[0].lifetimes == ()
    assert suite.protocols[0].transforms[0].group == "MODP_2048"


def test_a_suite_without_a_hash_keeps_its_group() -> None:
    text = WHOLE.replace("QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE", "QM-ESP-AESGCM-128-PFS-GRP14-SUITE")
    (suite,) = conf(text).connections["link"].suites
    assert suite.protocols[0].transforms[0].group == "MODP_2048"
