"""Conversions of other daemons' configurations: nothing is lost silently, and what is carried is what was meant."""

from __future__ import annotations

import hashlib
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.conf import parse_conf
from grammar.errors import GrammarError
from grammar.statements import Language, parse_statements
from policydb.attributes import zero_padded
from policydb.compiling.compiler import check_paths
from policydb.configuration.config import resolve
from policydb.connections import Configuration
from policydb.importers.conversion import Imported, Kind, Text, convert
from policydb.importers.ledger import Outcome, walk
from tests.policydb.command_line import Run
from tests.sizes import examples

INPUTS = Path(__file__).parents[1] / "imports"
FILES = {
    Kind.SWANCTL: ("swanctl.conf", None),
    Kind.LIBRESWAN: ("ipsec.conf", "ipsec.secrets"),
    Kind.RACOON: ("racoon.conf", "psk.txt"),
}
KEYS = {Kind.SWANCTL: b"a long secret", Kind.LIBRESWAN: b"a long secret", Kind.RACOON: b"mekmitasdigoat"}


def text_of(name: str) -> Text:
    return Text(name, (INPUTS / name).read_bytes().decode("latin-1"))


def realistic(kind: Kind) -> Imported:
    main, secrets = FILES[kind]
    return convert(kind, text_of(main), text_of(secrets) if secrets else None)


def swanctl(text: str) -> Imported:
    return convert(Kind.SWANCTL, Text("f", text))


def configuration(imported: Imported) -> Configuration:
    conf = parse_conf(imported.configuration, "isakmpd.conf")
    assert conf.diagnostics == ()
    found = resolve(("isakmpd.conf", each) for each in conf.bindings)
    assert found.errors == ()
    return found.configuration


def fates(imported: Imported) -> dict[tuple[int, str], Outcome]:
    return {(each.span.line, each.setting): each.outcome for each in imported.entries}


def reason(imported: Imported, setting: str) -> str:
    (found,) = [each for each in imported.entries if each.setting == setting]
    assert found.outcome is Outcome.LEFT
    return found.reason


def write(imported: Imported, folder: Path) -> None:
    for name, text in (("isakmpd.conf", imported.configuration), ("isakmpd.policy", imported.policy)):
        path = folder / name
        path.write_bytes(text.encode("latin-1"))
        path.chmod(0o600)


# --- what is carried ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
def test_converted_files_have_no_errors(kind: Kind, tmp_path: Path) -> None:
    write(realistic(kind), tmp_path)
    findings = check_paths([tmp_path])
    assert not findings.has_errors
    # Only what the input itself asks for is warned about: weak algorithms.
    assert {each.code for each in findings.diagnostics} <= {"CF101"}


def asked(kind: Kind, **changes: str) -> list[str]:
    """The options of `policydb query` for the first network of each realistic input."""
    local = ip_network("10.1.0.0/24" if kind is Kind.LIBRESWAN else "10.1.0.0/16")
    remote = ip_network("10.2.0.0/16")
    small = kind is Kind.LIBRESWAN
    attributes = {
        "app_domain": "IPsec policy",
        "esp_present": "yes",
        "esp_encapsulation": "tunnel",
        "esp_enc_alg": "aes",
        "esp_key_length": "128" if small else "256",
        "esp_auth_alg": "hmac-sha" if small else "hmac-sha2-256",
        "pfs": "yes",
        "esp_group_desc": "14",
        "remote_id": "198.051.100.007" if kind is Kind.RACOON else "branch.example.org",
        "local_filter_addr_lower": zero_padded(local.network_address),
        "local_filter_addr_upper": zero_padded(local.broadcast_address),
        "local_filter_proto": "0",
        "local_filter_port": "0",
        "remote_filter_addr_lower": zero_padded(remote.network_address),
        "remote_filter_addr_upper": zero_padded(remote.broadcast_address),
        "remote_filter_proto": "0",
        "remote_filter_port": "0",
    }
    secret = changes.pop("secret", KEYS[kind].decode())
    pairs = [f"--attribute={name}={value}" for name, value in (attributes | changes).items()]
    return ["--authorizer", f"passphrase-sha1-hex:{hashlib.sha1(secret.encode()).hexdigest()}", *pairs]


@pytest.mark.parametrize("kind", list(Kind))
def test_the_policy_allows_the_connection(kind: Kind, policydb: Run) -> None:
    write(realistic(kind), Path())
    assert policydb("query", "--policy", "isakmpd.policy", *asked(kind))[:2] == (0, "true\n")


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another"},
        {"esp_enc_alg": "null"},
        {"esp_auth_alg": "hmac-md5"},
        {"esp_encapsulation": "transport"},
        {"pfs": "no"},
        {"esp_group_desc": "2"},
        {"remote_id": "somebody.example.org"},
        {"remote_filter_addr_lower": "000.000.000.000"},
        {"remote_filter_addr_upper": "010.002.128.000"},
        {"local_filter_addr_upper": "010.255.255.255"},
        {"local_filter_proto": "tcp"},
        {"remote_filter_port": "80"},
        {"esp_present": "no"},
        {"app_domain": "mail"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", list(Kind))
def test_the_policy_refuses_what_is_another_connection(kind: Kind, change: dict[str, str], policydb: Run) -> None:
    write(realistic(kind), Path())
    assert policydb("query", "--policy", "isakmpd.policy", *asked(kind, **change))[:2] == (1, "false\n")


def test_swanctl_peer_and_tunnels() -> None:
    found = configuration(realistic(Kind.SWANCTL))
    peer = found.peers["peer-branch"]
    assert (str(peer.address), str(peer.local_address)) == ("198.51.100.7", "192.0.2.1")
    assert (str(peer.identity), str(peer.remote_identity)) == ("head.example.org", "branch.example.org")
    assert [(each.encryption, each.hash, each.group) for each in peer.transforms] == [
        ("AES_CBC", "SHA2_256", "MODP_2048"),
        ("AES_CBC", "SHA", "MODP_1024"),
    ]
    # rekey_time = 4h, and the hard lifetime is a tenth more (swanctl.conf(5), over_time)
    assert {str(life.duration) for each in peer.transforms for life in each.lifetimes} == {"15840,60:86400"}
    first, second = found.connections.values()
    assert first.initiates
    assert second.initiates
    assert (str(first.local_identity), str(first.remote_identity)) == ("10.1.0.0/16", "10.2.0.0/16")
    assert str(second.remote_identity) == "10.3.0.0/24 proto 6 port 80"
    assert {str(address): name for address, name in found.peers_by_address.items()} == {"198.51.100.7": "peer-branch"}


def test_libreswan_connections_inherit() -> None:
    found = configuration(realistic(Kind.LIBRESWAN))
    (peer,) = [each for each in found.peers.values() if each.name.startswith("peer-")]
    assert str(peer.address) == "198.51.100.7"
    assert {str(life.duration) for each in peer.transforms for life in each.lifetimes} == {"28800,60:86400"}
    pairs = [(str(each.local_identity), str(each.remote_identity)) for each in found.connections.values()]
    assert pairs == [("10.1.0.0/24", "10.2.0.0/16"), ("10.1.1.0/24", "10.2.0.0/16")]
    suites = {each.protocols[0].transforms[0] for one in found.connections.values() for each in one.suites}
    # pfs=yes is the default, and the group that of phase 1
    assert {(each.transform_id, each.authentication, each.group) for each in suites} == {
        ("AES", "HMAC_SHA", "MODP_2048")
    }
    assert found.general.listen_on == ("192.0.2.1",)


def test_racoon_combines_ciphers_and_hashes() -> None:
    found = configuration(realistic(Kind.RACOON))
    (tunnel,) = found.connections.values()
    transforms = [each.protocols[0].transforms[0] for each in tunnel.suites]
    assert [(each.transform_id, each.authentication, each.group) for each in transforms] == [
        ("AES", "HMAC_SHA2_256", "MODP_2048"),
        ("3DES", "HMAC_SHA2_256", "MODP_2048"),
    ]


# --- what is left -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
def test_every_setting_is_accounted_for_exactly_once(kind: Kind) -> None:
    main, secrets = FILES[kind]
    statements = list(walk(parse_statements(text_of(main).text, main, Language(kind.value))))
    if secrets:
        language = Language.SECRETS if kind is Kind.LIBRESWAN else Language.PSK
        statements += walk(parse_statements(text_of(secrets).text, secrets, language))
    imported = realistic(kind)
    assert len(imported.entries) == len(statements)
    assert len({(each.source, each.span) for each in imported.entries}) == len(statements)
    assert {each.span for each in imported.entries} == {each.span for each in statements}
    assert all(bool(each.reason) is (each.outcome is not Outcome.CARRIED) for each in imported.entries)


def test_an_unknown_key_is_left_with_its_line() -> None:
    text = (INPUTS / "swanctl.conf").read_text().replace("rekey_time = 4h", "rekey_tme = 4h")
    found = fates(swanctl(text))
    line = text.split("rekey_tme")[0].count("\n") + 1
    assert found[line, "connections.branch.rekey_tme"] is Outcome.LEFT


def test_ikev2_connections_are_left() -> None:
    assert reason(realistic(Kind.SWANCTL), "connections.modern") == "it is for IKEv2 only"
    assert reason(realistic(Kind.LIBRESWAN), "conn new") == "it is for IKEv2 only"


def test_a_template_is_carried_by_whoever_uses_it() -> None:
    found = fates(realistic(Kind.SWANCTL))
    assert found[4, "defaults.proposals"] is Outcome.CARRIED
    assert found[6, "defaults.mobike"] is Outcome.NEEDLESS


CONNECTION = """\
connections {
  a {
    remote_addrs = 192.0.2.9
    REMOVED
    local { auth = psk }
    remote { auth = psk
      id = peer.example.org }
    children { net {
      local_ts = 10.1.0.0/16
      remote_ts = 10.2.0.0/16
      CHILD
    } }
  }
}
secrets { ike-1 { secret = "SECRET" } }
"""


def one(connection: str = "", child: str = "", key: str = "mekmitasdigoat") -> Imported:
    text = CONNECTION.replace("REMOVED", connection).replace("CHILD", child).replace("SECRET", key)
    return swanctl(text)


def test_everything_carried_leaves_nothing() -> None:
    imported = one()
    assert imported.count(Outcome.LEFT) == 0
    assert list(configuration(imported).connections) == ["tunnel-a-net"]


@pytest.mark.parametrize(
    ("connection", "child", "setting", "why"),
    [
        ("proposals = chacha20poly1305-x25519", "", "connections.a", "none of its proposals"),
        ("remote_port = what", "", "connections.a", "no one port"),
        ("", "local_ts = 10.0.0.1-10.0.0.9", "connections.a.children.net", "local_ts"),
        ("", "mode = beet", "connections.a.children.net", "mode"),
        ("", "ah_proposals = sha1", "connections.a.children.net", "AH"),
        ("", "esp_proposals = null", "connections.a.children.net", "esp_proposals"),
        ("", "replay_window = 0", "connections.a.children.net.replay_window", "replay protection"),
        ("", "life_time = 5", "connections.a.children.net.life_time", "60 seconds"),
        ("", "start_action = trap", "connections.a.children.net.start_action", "at once"),
        ("vips = 10.9.9.9, ::", "", "connections.a.vips", "one address"),
        ("local-2 { auth = xauth }", "", "connections.a", "several rounds"),
    ],
)
def test_what_cannot_be_said_is_left_with_its_reason(connection: str, child: str, setting: str, why: str) -> None:
    assert why in reason(one(connection, child), setting)


def test_a_connection_that_is_left_carries_nothing() -> None:
    imported = one("proposals = chacha20poly1305")
    assert configuration(imported).connections == {}
    assert {each.outcome for each in imported.entries if each.setting.startswith("connections.")} == {Outcome.LEFT}
    assert "Licensees:\n" in imported.policy


def test_a_peer_of_any_address_only_answers() -> None:
    imported = swanctl(
        CONNECTION.replace("192.0.2.9", "%any").replace("REMOVED", "").replace("CHILD", "start_action = start")
    )
    found = configuration(imported)
    assert found.default_peer == "peer-a"
    assert not found.connections["tunnel-a-net"].initiates
    assert "only answer" in reason(imported, "connections.a.children.net.start_action")


def test_what_is_offered_together_has_one_group_and_what_is_accepted_any() -> None:
    """Quick mode has one key exchange for all proposals of a message (RFC 2409 section 5.5)."""
    esp = "esp_proposals = aes128gcm16-modp2048, aes256-sha512, aes256-sha256-modp2048"
    offering = one(child=f"{esp}\nstart_action = start")
    [tunnel] = configuration(offering).connections.values()
    assert [each.protocols[0].transforms[0].group for each in tunnel.suites] == ["MODP_2048", "MODP_2048"]
    assert "one PFS group" in reason(offering, "connections.a.children.net.esp_proposals")
    [tunnel] = configuration(one(child=esp)).connections.values()
    assert [each.protocols[0].transforms[0].group for each in tunnel.suites] == ["MODP_2048", None, "MODP_2048"]


def test_a_second_peer_at_an_address_is_left_to_the_first() -> None:
    text = CONNECTION.replace("REMOVED", "").replace("CHILD", "")
    second = text.replace("  a {", "  b {").replace("peer.example.org", "other.example.org").split("secrets")[0]
    imported = swanctl(text + second)
    assert "peer-a" in reason(imported, "connections.b.remote_addrs")


def test_certificates_are_licensed_by_their_subject() -> None:
    text = CONNECTION.replace("psk", "pubkey").replace("peer.example.org", '"C=SE, O=Org, CN=host"')
    imported = swanctl(text.replace("REMOVED", "").replace("CHILD", ""))
    assert 'Licensees: "DN:/C=SE/O=Org/CN=host"' in imported.policy
    assert configuration(imported).peers["peer-a"].transforms[0].authentication == "RSA_SIG"
    named = swanctl(CONNECTION.replace("psk", "pubkey").replace("REMOVED", "").replace("CHILD", ""))
    assert "subject" in reason(named, "connections.a")


# --- what must never become a line of its own ---------------------------------------------------------------------


@pytest.mark.parametrize("identity", ["x\\nListen-on=", "a\\rb", "tail\\\\", "[General]\\n"])
def test_an_identity_that_would_be_another_line_is_refused(identity: str) -> None:
    imported = swanctl(
        CONNECTION.replace("peer.example.org", f'"{identity}"').replace("REMOVED", "").replace("CHILD", "")
    )
    assert "id:" in reason(imported, "connections.a")
    assert "Listen-on" not in imported.configuration


@pytest.mark.parametrize("name", ["a]b", "a;b", "a/\xe9\x7f", "a[b"])
def test_a_name_that_no_list_of_sections_can_hold_is_refused(name: str) -> None:
    imported = swanctl(CONNECTION.replace("  a {", f"  {name} {{").replace("REMOVED", "").replace("CHILD", ""))
    assert any("its name" in each.reason for each in imported.entries)
    assert configuration(imported).connections == {}


@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), min_size=1, max_size=20))
def test_any_secret_arrives_as_its_octets(secret: str) -> None:
    quoted = secret.replace("\\", "\\\\").replace('"', '\\"')
    if secret[:2].lower() in {"0x", "0s"}:
        return
    imported = one(key=quoted)
    digest = hashlib.sha1(secret.encode("latin-1")).hexdigest()
    assert f'Licensees: "passphrase-sha1-hex:{digest}"' in imported.policy
    (line,) = re.findall(r"^Authentication=\s*(.*)$", imported.configuration, re.MULTILINE)
    octets = bytes.fromhex(line[2:]) if line.startswith("0x") else line.encode("latin-1")
    assert octets == secret.encode("latin-1")


# --- any input ----------------------------------------------------------------------------------------------------


_LINES = {kind: text_of(files[0]).text.splitlines(keepends=True) for kind, files in FILES.items()}
_NOISE = st.sampled_from(
    [
        *("}", "{", "\\", "\n", '"', "=", ";", "local_ts = 1.2.3.4/40\n", "remote anonymous { proposal { } }"),
        *("also=branch\n", "rekey_time = 99999999999\n", "left=%any\n", "remote 1.2.3.4 inherit anonymous { }"),
        *("a : a { }", "id = \n", "\tike=-;-\n", "\tesp=;\n", "sainfo address any address any { }"),
        *("lifetime time x;", "dpd_delay = 1w\n", "leftsubnet=::/0\n", "remote 2001:db8::1 [x] { }"),
        *("rekey_time = \u00b2\n", "replay_window = \u0663\n", "\tleftprotoport=\u00b2/\u00b9\n", "dh_group \u00b2;"),
    ]
)


@settings(max_examples=examples(150))
@given(st.data())
def test_any_text_is_converted_or_refused(data: st.DataObject) -> None:
    """Lines of a real input, shuffled, doubled, cut and mixed with noise."""
    kind = data.draw(st.sampled_from(list(Kind)))
    lines = data.draw(st.lists(st.one_of(st.sampled_from(_LINES[kind]), _NOISE), max_size=60))
    text = "".join(lines) if data.draw(st.booleans()) else mutated(_LINES[kind], lines[:3], data)
    secrets = FILES[kind][1]
    try:
        imported = convert(kind, Text("f", text), text_of(secrets) if secrets else None)
    except GrammarError:
        return
    configuration(imported)
    statements = list(walk(parse_statements(text, "f", Language(kind.value))))
    assert len([each for each in imported.entries if each.source == "f"]) == len(statements)


def mutated(lines: list[str], noise: list[str], data: st.DataObject) -> str:
    """A real input in which some lines are replaced."""
    changed = list(lines)
    for each in noise:
        changed[data.draw(st.integers(0, len(changed) - 1))] = each
    return "".join(changed)
