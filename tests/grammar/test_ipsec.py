"""ipsec.conf text to nodes: every production of grammar/ipsec.lark, macros, include, and what is wrong where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.errors import Diagnostic
from grammar.ipsec import MAX_FILES, MAX_INCLUDES, ParsedIpsec, parse_ipsec
from grammar.ipsec_codes import IpsecCode
from grammar.ipsec_nodes import AnyHost, FlowNode, HostList, HostText, IkeNode, MacroDefinition, SaNode

HOSTS = "from 1.1.1.1 to 2.2.2.2"


def nothing(name: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", name)


def parsed(text: str, **files: str) -> ParsedIpsec:
    def read(name: str) -> str:
        return files[name] if name in files else nothing(name)

    return parse_ipsec(text, "ipsec.conf", read)


def ike(text: str) -> IkeNode:
    [rule] = parsed(f"{text}\n").items
    assert isinstance(rule, IkeNode), rule
    return rule


def wrong(text: str) -> list[tuple[IpsecCode | str, str, int, int]]:
    return [(each.code, each.message, each.span.line, each.span.column) for each in parsed(text).diagnostics]


# --- ike rules, in the order of ipsec.conf(5) ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["passive", "dynamic", "active"])
def test_a_rule_has_a_mode(mode: str) -> None:
    assert ike(f"ike {mode} {HOSTS}").mode == mode


def test_what_a_rule_leaves_out_has_its_default() -> None:
    rule = ike(f"ike {HOSTS}")
    assert (rule.mode, rule.protocol, rule.encapsulation, rule.main.name) == ("active", "esp", "tunnel", "main")
    assert (rule.peer, rule.local, rule.srcid, rule.dstid, rule.psk, rule.tag, rule.proto) == (None,) * 7


@pytest.mark.parametrize("protocol", ["esp", "ah", "ipcomp", "ipip"])
@pytest.mark.parametrize("encapsulation", ["tunnel", "transport"])
def test_protocol_and_encapsulation(protocol: str, encapsulation: str) -> None:
    rule = ike(f"ike {protocol} {encapsulation} {HOSTS}")
    assert (rule.protocol, rule.encapsulation) == (protocol, encapsulation)


@pytest.mark.parametrize("proto", ["tcp", "6", "esp", "ah"])
def test_proto_is_a_name_a_number_or_one_of_two_keywords(proto: str) -> None:
    word = ike(f"ike proto {proto} {HOSTS}").proto
    assert word is not None
    assert word.text == proto


@pytest.mark.parametrize(
    "text", ["ike from 1.1.1.1 port 22 to 2.2.2.2 port ssh", "ike to 2.2.2.2 port ssh from 1.1.1.1 port 22"]
)
def test_from_and_to_stand_in_either_order(text: str) -> None:
    traffic = ike(text).traffic
    assert traffic is not None
    assert isinstance(traffic.source, HostText)
    assert isinstance(traffic.destination, HostText)
    assert (traffic.source.text, traffic.destination.text) == ("1.1.1.1", "2.2.2.2")
    assert traffic.source_port is not None
    assert traffic.destination_port is not None
    assert (traffic.source_port.text, traffic.destination_port.text) == ("22", "ssh")


def test_hosts_are_addresses_networks_any_and_lists_of_them() -> None:
    traffic = ike("ike from { 10.0.0.0/8, em0 { any www.example.org } 10.1/16 (1.2.3.4) } to any").traffic
    assert traffic is not None
    assert isinstance(traffic.source, HostList)
    first, second, third, fourth, fifth = traffic.source.members
    assert isinstance(first, HostText)
    assert (first.text, first.length) == ("10.0.0.0", 8)
    assert isinstance(second, HostText)
    assert second.text == "em0"
    assert isinstance(third, AnyHost)
    assert isinstance(fourth, HostText)
    assert isinstance(fifth, HostText)
    assert fifth.nat is not None
    assert (fifth.text, fifth.length, fifth.nat.text) == ("10.1", 16, "1.2.3.4")
    assert isinstance(traffic.destination, AnyHost)


@pytest.mark.parametrize(
    ("text", "peer", "local"),
    [
        ("peer 3.3.3.3", "3.3.3.3", None),
        ("peer any", "any", None),
        ("peer 3.3.3.3 local 4.4.4.4", "3.3.3.3", "4.4.4.4"),
        ("local 4.4.4.4 peer 3.3.3.3", "3.3.3.3", "4.4.4.4"),
        ("local 4.4.4.4", None, "4.4.4.4"),
        ("peer local", None, None),
        ("local peer", None, None),
    ],
)
def test_peer_and_local_in_either_order_and_without_address(text: str, peer: str | None, local: str | None) -> None:
    rule = ike(f"ike {HOSTS} {text}")
    assert ((rule.peer.text if rule.peer else None), (rule.local.text if rule.local else None)) == (peer, local)


def test_modes_have_transforms_in_any_order_and_a_lifetime() -> None:
    rule = ike(f"ike {HOSTS} aggressive enc aes auth hmac-md5 group grp2 lifetime 1h quick group none comp deflate")
    assert rule.main.name == "aggressive"
    assert [(each.kind, each.name.text) for each in rule.main.transforms] == [
        ("enc", "aes"),
        ("auth", "hmac-md5"),
        ("group", "grp2"),
    ]
    assert rule.main.lifetime is not None
    assert rule.main.lifetime.text == "1h"
    assert [(each.kind, each.name.text) for each in rule.quick.transforms] == [("group", "none"), ("comp", "deflate")]


def test_identities_authentication_and_tag() -> None:
    rule = ike(f'ike {HOSTS} srcid a.example dstid b@example psk "two words" tag "vpn-$id"')
    assert [each.text for each in (rule.srcid, rule.dstid, rule.psk, rule.tag) if each] == [
        "a.example",
        "b@example",
        "two words",
        "vpn-$id",
    ]
    assert ike(f"ike {HOSTS} rsa").psk is None


def test_a_rule_for_an_interface_has_no_traffic() -> None:
    rule = ike("ike dynamic interface sec1 local 1.1.1.1 peer 2.2.2.2 main quick srcid a rsa")
    assert rule.traffic is None
    assert rule.interface is not None
    assert rule.interface.text == "sec1"


# --- the other rules ----------------------------------------------------------------------------------------------


def test_a_flow() -> None:
    [rule] = parsed(f"flow ah in proto tcp {HOSTS} peer any srcid a dstid b type dontacq\n").items
    assert isinstance(rule, FlowNode)
    assert (rule.protocol, rule.direction, rule.type) == ("ah", "in", "dontacq")


def test_a_static_sa() -> None:
    rest = 'spi 0x100:0x200 udpencap port 4500 auth hmac-md5 authkey file "a:b" enckey 0xff bundle x'
    text = f"esp transport {HOSTS} {rest}"
    [rule] = parsed(f"{text}\n").items
    assert isinstance(rule, SaNode)
    assert rule.authkey is not None
    assert rule.enckey is not None
    assert rule.bundle is not None
    assert (rule.protocol, rule.encapsulation, rule.spi.text, rule.udpencap) == (
        "esp",
        "transport",
        "0x100:0x200",
        True,
    )
    assert (rule.authkey.word.text, rule.authkey.is_file, rule.enckey.is_file, rule.bundle.text) == (
        "a:b",
        True,
        False,
        "x",
    )


def test_the_protocol_of_an_sa_may_be_left_out() -> None:
    [rule] = parsed(f"{HOSTS} spi 4096\n").items
    assert isinstance(rule, SaNode)
    assert (rule.protocol, rule.spi.number) == ("esp", True)


def test_tcpmd5() -> None:
    [rule] = parsed(f"tcpmd5 {HOSTS} spi 0x1000:0x1001\n").items
    assert isinstance(rule, SaNode)
    assert (rule.protocol, rule.encapsulation, rule.authkey) == ("tcpmd5", "transport", None)


# --- syntax errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ike from 1.1.1.1",
        "ike 1.1.1.1",
        "ike from { } to 2.2.2.2",
        "ike from { 1.1.1.1, } to 2.2.2.2",
        "ike from { 1.1.1.1,, 3.3.3.3 } to 2.2.2.2",
        "ike from any (1.1.1.1) to 2.2.2.2",
        "ike from 10.0.0.0/8(1.1.1.1) to 2.2.2.2",
        f"ike {HOSTS} local any",
        f"ike {HOSTS} peer 3.3.3.3/24",
        f"ike {HOSTS} peer {{ 3.3.3.3 }}",
        f"ike {HOSTS} main enc 3",
        f"ike {HOSTS} main enc esp",
        f"ike {HOSTS} quick enc aes main enc aes",
        f"ike {HOSTS} dstid a srcid b",
        f"ike {HOSTS} psk",
        f"ike {HOSTS} life 5",
        f"ike tunnel esp {HOSTS}",
        "ike esp interface sec1",
        "ike interface sec1 tag a",
        f"flow {HOSTS} type unheard",
        f"esp {HOSTS}",
        f"tcpmd5 tunnel {HOSTS} spi 4096",
        "nonsense",
        "{",
    ],
)
def test_what_is_no_rule_is_a_syntax_error_of_its_line(text: str) -> None:
    [(code, message, line, _)] = wrong(f"\n{text}\nike {HOSTS}\n")
    assert (code, message, line) == (IpsecCode.SYNTAX, "syntax error", 2)


def test_the_error_stands_at_the_word_and_names_what_was_expected() -> None:
    [error] = parsed("ike from 1.1.1.1 main\n").diagnostics
    assert (error.span.column, error.span.end - error.span.start) == (18, 4)
    assert "to" in error.hint.removeprefix("expected ").split(" or ")


def test_each_wrong_line_is_told_once_and_the_rules_between_them_stand() -> None:
    found = parsed(f"a b\nike {HOSTS}\nike from $x to $y\nike {HOSTS}\nflow\n")
    assert [each.span.line for each in found.diagnostics] == [1, 3, 5]
    assert [each.span.line for each in found.rules] == [2, 4]


def test_a_list_does_not_span_lines_unless_they_are_continued() -> None:
    assert wrong("ike from { 1.1.1.1,\n3.3.3.3 } to 2.2.2.2\n")
    assert not wrong("ike from { 1.1.1.1, \\\n3.3.3.3 } to 2.2.2.2\n")


def test_an_error_in_a_continued_rule_has_its_own_line() -> None:
    assert [each[2:] for each in wrong(f"ike {HOSTS} \\\n\tmain enc 3\n")] == [(2, 11)]


def test_nesting_has_no_limit() -> None:
    deep = "{ " * 5000 + "1.1.1.1" + " }" * 5000
    [rule] = parsed(f"ike from {deep} to 2.2.2.2\n").rules
    assert isinstance(rule, IkeNode)
    assert rule.traffic is not None
    assert isinstance(rule.traffic.source, HostList)
    assert len(rule.traffic.source.members) == 1


# --- macros -------------------------------------------------------------------------------------------------------


def test_macros_hold_words_joined_by_a_blank() -> None:
    items = parsed("a = one 'two  three' four\n").items
    assert [(each.name, each.value) for each in items if isinstance(each, MacroDefinition)] == [
        ("a", "one two  three four")
    ]


@pytest.mark.parametrize("value", ["500", "10.0.0.0/8", "esp", "{", "", "a, b", "a 500"])
def test_a_bare_number_network_or_keyword_is_no_value(value: str) -> None:
    assert [each[:3] for each in wrong(f"a = {value}\n")] == [(IpsecCode.SYNTAX, "syntax error", 1)]


def test_a_keyword_is_no_name() -> None:
    assert [each[0] for each in wrong("esp = a\n")] == [IpsecCode.SYNTAX]


def test_a_name_with_blanks_is_echoed_and_refused() -> None:
    macro, error = parsed('"a b" = c\n').items
    assert isinstance(macro, MacroDefinition)
    assert isinstance(error, Diagnostic)
    assert (error.code, error.message) == (IpsecCode.MACRO_NAME, "macro name cannot contain whitespace")


def test_a_macro_holds_from_its_line_on() -> None:
    assert [each[:3] for each in wrong('ike from $a to 1.1.1.1\na = "2.2.2.2"\nike from $a to 1.1.1.1\n')] == [
        (IpsecCode.UNKNOWN_MACRO, "macro 'a' not defined", 1)
    ]


def test_a_macro_of_the_command_line_wins_and_the_files_is_still_echoed() -> None:
    found = parse_ipsec('a = "9.9.9.9"\nike from $a to 1.1.1.1\n', "f", nothing, {"a": "2.2.2.2"})
    macro, rule = found.items
    assert isinstance(macro, MacroDefinition)
    assert macro.value == "9.9.9.9"
    assert isinstance(rule, IkeNode)
    assert rule.traffic is not None
    assert isinstance(rule.traffic.source, HostText)
    assert rule.traffic.source.text == "2.2.2.2"


def test_unused_macros_are_named() -> None:
    assert parsed("a = b\nc = d\ne = $a\n").unused == ("c", "e")


# --- include ------------------------------------------------------------------------------------------------------


def test_an_included_file_is_read_in_its_place_with_its_own_lines() -> None:
    found = parsed(f'include "other"\nike {HOSTS} tag $t\n', other=f"\nt = x\nike {HOSTS}\n3\n")
    assert [(getattr(each, "source", ""), each.span.line) for each in found.items] == [
        ("other", 2),
        ("other", 3),
        ("other", 4),
        ("ipsec.conf", 2),
    ]
    assert set(found.texts) == {"ipsec.conf", "other"}


def test_a_file_that_cannot_be_read_is_told_with_its_reason() -> None:
    [error] = parsed('\ninclude "gone"\n').diagnostics
    assert (error.code, error.message, error.span.line) == (IpsecCode.INCLUDE, "failed to include file gone", 2)
    assert error.hint == "gone: No such file or directory"


@pytest.mark.parametrize("text", ["include\n", "include 5\n", 'include "a" "b"\n'])
def test_include_takes_one_name(text: str) -> None:
    assert [each[0] for each in wrong(text)] == [IpsecCode.SYNTAX]


def test_a_file_that_includes_itself_ends() -> None:
    [error] = parsed('include "a"\n', a='include "a"\n').diagnostics
    assert f"{MAX_INCLUDES} files deep" in error.hint


def test_files_that_double_at_each_level_end() -> None:
    """Sixteen levels of two lines each would be 65,536 files."""
    files = {f"f{each}": f'include "f{each + 1}"\n' * 2 for each in range(MAX_INCLUDES - 1)}
    found = parsed('include "f0"\n', **files, **{f"f{MAX_INCLUDES - 1}": ""})
    assert f"more than {MAX_FILES} files" in found.diagnostics[0].hint
    assert len(found.diagnostics) < MAX_FILES


@pytest.mark.parametrize("text", ["x" * 500_000, '"' + "x" * 500_000, '"\\' + "x" * 500_000 + '"', "\\x" * 200_000])
def test_a_word_without_end_is_one_finding(text: str) -> None:
    assert [each[0] for each in wrong(f"{text}\nike {HOSTS}\n")] == [IpsecCode.SYNTAX]


WORDS = """
    ike flow esp from to peer { } , / ( ) any main quick enc aes 5 1.1.1.1 spi authkey file $a = "
"""


@given(st.lists(st.sampled_from([*WORDS.split(), "\n", "\\\n"]), max_size=30))
def test_any_words_give_rules_or_errors_and_nothing_else(words: list[str]) -> None:
    text = " ".join(words)
    for each in parsed(text).diagnostics:
        assert 0 <= each.span.start <= each.span.end <= len(text)


def test_carriage_returns_have_a_hint_that_takes_them_away() -> None:
    found = parsed(f"a = b\r\nike {HOSTS}\r\n").diagnostics
    assert [(each.code, each.span.line) for each in found] == [(IpsecCode.SYNTAX, 1), (IpsecCode.SYNTAX, 2)]
    assert all("tr -d" in each.hint for each in found)
