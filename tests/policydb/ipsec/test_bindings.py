"""The commands of a file, read as the FIFO's reader does, and the file compiled make the same connections."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.ipsec import parse_ipsec
from grammar.nodes import Binding, Span
from policydb.compiling.ipsec_sources import compile_ipsec
from policydb.configuration.config import resolve
from policydb.connections import Configuration
from policydb.ipsec.bindings import CommandedSections
from policydb.ipsec.commands import Command, commands_of
from policydb.ipsec.program import expand
from policydb.ipsec.rules import IkeRule
from tests.policydb.ipsec.support import HOST_NAME, SURROUNDINGS, no_file

HERE = Span(0, 0, 1, 1)
ORIGIN = ("ipsec.conf", HERE)

_SET = re.compile(r"C set \[([^]]+)\]:([^=\s]+)=(\S*)( force)?")
_ADD = re.compile(r"C add \[([^]]+)\]:([^=\s]+)=(\S*)( force)?")


def read_fifo(lines: list[str]) -> list[Binding]:
    """isakmpd(8), FIFO: `C set` leaves what is there unless forced; `C add` appends unless it is a member already."""
    held: dict[tuple[str, str], str] = {}
    for line in lines:
        if found := _SET.fullmatch(line):
            key = (found[1].lower(), found[2].lower())
            if found[4] or key not in held:
                held[key] = found[3]
        elif found := _ADD.fullmatch(line):
            key = (found[1].lower(), found[2].lower())
            members = held[key].split(",") if key in held else []
            held[key] = ",".join(members if found[3] in members else [*members, found[3]])
        else:
            raise ValueError(line)
    return [Binding(HERE, section, tag, value, HERE, HERE) for (section, tag), value in held.items()]


def through_the_fifo(text: str) -> Configuration:
    lines = []
    for node in parse_ipsec(text, "ipsec.conf", no_file).rules:
        for rule in expand(node, SURROUNDINGS, no_file).rules:
            assert isinstance(rule, IkeRule)
            lines += [str(each) for each in commands_of(rule).commands]
    return resolve([("fifo", each) for each in read_fifo(lines)]).configuration


def compiled(text: str) -> Configuration:
    found = compile_ipsec(text, "ipsec.conf", no_file, HOST_NAME)
    assert not [each for each in found.diagnostics if each.severity == "error"], found.diagnostics
    result = resolve([(name, each) for name, bindings in found.bindings.items() for each in bindings])
    assert not result.errors, result.errors
    return result.configuration


def folded(configuration: Configuration) -> str:
    """Section names know no case, and the FIFO's reader of these tests keeps them in lower case."""
    return repr(configuration).lower()


RULES = [
    "ike from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.2",
    "ike passive esp transport from 10.1.0.1 to { 10.2.0.1 10.2.0.2 } psk secret",
    "ike dynamic from any to any peer any main group grp2 quick group none",
    "ike ah from 10.1.0.0/16 to 10.4.0.0/16 peer 192.0.2.4 aggressive quick auth hmac-md5 lifetime 1h dstid b@c",
    "ike from 10.1.0.0/16 to 10.5.0.0/16 peer 192.0.2.2 main enc aes-256 lifetime 100 psk other",
    "ike proto tcp from 10.1.0.0/16 port 22 to 10.6.0.0/16 port ssh local 192.0.2.1 peer 192.0.2.6 tag x",
    "ike from 10.1.0.0/16 (10.9.0.0/16) to 10.7.0.0/16 peer 192.0.2.7 quick enc aes-256-gcm",
    "ike interface sec1 peer 192.0.2.8 srcid 192.0.2.1 dstid 2001:db8::8",
    "ike from 2001:db8:1::/48 to 2001:db8:2::/48 peer 2001:db8::9 psk 0x0102",
    "ike passive from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.2 quick enc null",
]


@given(st.lists(st.sampled_from(RULES), min_size=1, max_size=6))
def test_the_fifo_and_the_compiler_make_the_same_connections(rules: list[str]) -> None:
    text = "".join(f"{each}\n" for each in rules)
    assert folded(through_the_fifo(text)) == folded(compiled(text))


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_makes_a_connection(rule: str) -> None:
    assert compiled(f"{rule}\n").connections


def test_a_whole_rule_resolves_to_its_peer_its_transforms_and_its_identities() -> None:
    found = compiled(f"{RULES[4]}\n")
    [connection] = found.connections.values()
    peer = found.peers[connection.peer]
    assert (str(peer.address), peer.secret) == ("192.0.2.2", "secret:peer-192.0.2.2")
    [transform] = peer.transforms
    assert (transform.encryption, transform.hash, transform.authentication, transform.group) == (
        "AES_CBC",
        "SHA",
        "PRE_SHARED",
        "MODP_3072",
    )
    assert (str(transform.key_length), str(transform.lifetimes[0].duration)) == ("256", "100")
    [protocol] = connection.suites[0].protocols
    assert (protocol.transforms[0].transform_id, protocol.transforms[0].group) == ("AES", "MODP_3072")
    assert (str(connection.local_identity), str(connection.remote_identity)) == ("10.1.0.0/16", "10.5.0.0/16")
    assert (connection.initiates, connection.answers) == (True, True)


# --- the sections -------------------------------------------------------------------------------------------------


def held(*commands: Command) -> dict[tuple[str, str], str]:
    sections = CommandedSections()
    sections.carry_out(commands, ORIGIN)
    return {(each.section, each.tag): each.value for _, each in sections.bindings()}


def test_set_keeps_the_first_value_unless_it_has_force() -> None:
    assert held(Command("set", "S", "t", "1"), Command("set", "s", "T", "2")) == {("S", "t"): "1"}
    assert held(Command("set", "S", "t", "1"), Command("set", "s", "T", "2", force=True)) == {("s", "T"): "2"}


def test_add_appends_what_is_no_member_yet() -> None:
    adds = [Command("add", "S", "l", each) for each in ("a", "b", "a")]
    assert held(*adds) == {("S", "l"): "a,b"}
    assert held(Command("set", "S", "l", "x,y"), *adds) == {("S", "l"): "x,y,a,b"}
    assert held(*adds, Command("set", "S", "l", "z", force=True), Command("add", "S", "l", "a")) == {("S", "l"): "z,a"}


def test_rmv_takes_a_member_and_with_the_last_one_the_tag() -> None:
    adds = [Command("add", "S", "l", each) for each in ("a", "b")]
    assert held(*adds, Command("rmv", "S", "l", "a")) == {("S", "l"): "b"}
    assert held(*adds, Command("rmv", "S", "l", "a"), Command("rmv", "S", "l", "b")) == {}


def test_rms_takes_a_section() -> None:
    commands = [Command("set", "S", "t", "1"), Command("add", "S", "l", "a"), Command("set", "R", "t", "2")]
    assert held(*commands, Command("rms", "s")) == {("R", "t"): "2"}
