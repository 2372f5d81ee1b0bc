"""`policydb compile ipsec.conf`: what is published, what is said, and that no key gets into the store."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.errors import Diagnostic, Severity
from grammar.ipsec_codes import IpsecCode
from policydb.compiling.compilation import Compilation
from policydb.compiling.compiler import check_paths, compile_paths
from policydb.compiling.ipsec_sources import RuleKeys, compile_ipsec
from policydb.request import Request
from policydb.storage.snapshot import open_snapshot
from tests.policydb.compiling.edits import Files, rule
from tests.policydb.ipsec.support import no_file
from tests.policydb.stores import NOON

TEXT = """\
# two sites
east = "192.0.2.2"
secret = "mekmitasdigoat"
ike esp from 10.1.0.0/16 to { 10.2.0.0/16, 10.3.0.0/16 } local 192.0.2.1 peer $east \\
    main auth hmac-sha2-256 enc aes-256 group modp2048 \\
    quick auth hmac-sha2-256 enc aes-256 group modp2048 \\
    srcid west.example.org dstid east.example.org psk $secret
"""
ASKED = {
    "app_domain": "IPsec policy",
    "doi": "ipsec",
    "remote_negotiation_address": "192.000.002.002",
    "local_negotiation_address": "192.000.002.001",
    "remote_id_type": "FQDN",
    "remote_id": "east.example.org",
    "esp_present": "yes",
    "ah_present": "no",
    "comp_present": "no",
    "esp_enc_alg": "aes",
    "esp_key_length": "256",
    "esp_auth_alg": "hmac-sha2-256",
    "esp_encapsulation": "tunnel",
    "pfs": "yes",
    "esp_group_desc": "14",
    "local_filter_addr_lower": "010.001.000.000",
    "local_filter_addr_upper": "010.001.255.255",
    "local_filter_proto": "0",
    "local_filter_port": "0",
    "remote_filter_addr_lower": "010.003.000.000",
    "remote_filter_addr_upper": "010.003.255.255",
    "remote_filter_proto": "0",
    "remote_filter_port": "0",
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "policy.db"


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="latin-1")
    path.chmod(mode)
    return path


def compiled(store: Path, *paths: Path) -> Compilation:
    return compile_paths(paths, store, NOON)


def codes(text: str) -> list[str]:
    return [each.code for each in findings(text)]


def findings(text: str) -> list[Diagnostic]:
    return list(compile_ipsec(text, "ipsec.conf", no_file, "gw").diagnostics)


# --- what is published --------------------------------------------------------------------------------------------


def test_one_file_gives_connections_and_the_policy_that_allows_them(store: Path, tmp_path: Path) -> None:
    found = compiled(store, written(tmp_path / "ipsec.conf", TEXT))
    assert [each.severity for each in found.diagnostics] == []
    assert found.published
    assert found.counts["files"] == 1
    with open_snapshot(store) as snapshot:
        assert sorted(snapshot.configuration.connections) == [
            "from-10.1.0.0/16-to-10.2.0.0/16",
            "from-10.1.0.0/16-to-10.3.0.0/16",
        ]
        assert snapshot.allows(Request(("passphrase:mekmitasdigoat",), ASKED))
        assert not snapshot.allows(Request(("passphrase:other",), ASKED))
        assert not snapshot.allows(Request(("passphrase:mekmitasdigoat",), ASKED | {"esp_enc_alg": "3des"}))
        assert not snapshot.allows(
            Request(("passphrase:mekmitasdigoat",), ASKED | {"remote_filter_addr_upper": "010.004.255.255"})
        )


def test_no_key_gets_into_the_store(store: Path, tmp_path: Path) -> None:
    compiled(store, written(tmp_path / "ipsec.conf", TEXT))
    octets = b"".join(each.read_bytes() for each in tmp_path.glob("policy.db*"))
    assert b"mekmitasdigoat" not in octets
    assert b"secret:peer-192.0.2.2-local-192.0.2.1" in octets


def test_a_key_that_waits_in_a_macro_for_its_rule_gets_into_no_generation(store: Path, tmp_path: Path) -> None:
    """Nothing uses it in the first one, and in the second its line is the same, so its text is not written anew."""
    rules = "".join(f"ike esp from 10.{each}.0.0/16 to 10.9.{each}.0/24 peer 192.0.2.2\n" for each in range(40))
    path = written(tmp_path / "ipsec.conf", f'key = "topsecret"\n{rules}')
    compiled(store, path)
    compiled(store, written(path, f'key = "topsecret"\n{rules}ike esp from 10.77.0.0/16 to 10.78.0.0/16 psk $key\n'))
    assert b"topsecret" not in b"".join(each.read_bytes() for each in tmp_path.glob("policy.db*"))


def test_the_same_file_makes_no_new_generation_and_another_key_a_new_policy(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "ipsec.conf", TEXT)
    compiled(store, path)
    again = compiled(store, path)
    assert (again.generation, again.published, again.counts["parsed"]) == (1, False, 0)
    changed = compiled(store, written(path, TEXT.replace("mekmitasdigoat", "another")))
    assert (changed.generation, changed.counts["parsed"]) == (2, 2)


def test_a_new_rule_compiles_its_own_assertion_only(store: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "ipsec.conf", TEXT)
    compiled(store, path)
    more = compiled(store, written(path, f"\n\n{TEXT}ike from 10.1.0.0/16 to 10.7.0.0/16 peer 192.0.2.7 psk x\n"))
    assert (more.counts["assertions"], more.counts["parsed"]) == (3, 1)


@pytest.mark.parametrize("order", ["conf first", "ipsec first"])
def test_its_rules_have_force_over_isakmpd_conf_and_its_lists_are_added(
    store: Path, tmp_path: Path, order: str
) -> None:
    conf = written(
        tmp_path / "isakmpd.conf",
        """\
[General]
Check-interval=99
[Phase 2]
Connections=own
[own]
Phase=2
ISAKMP-peer=peer-x
Configuration=own-quick
[own-quick]
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE
[peer-x]
Phase=1
Authentication=abc
Configuration=own-main
[own-main]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-SHA2-256-GRP14
""",
    )
    ipsec = written(tmp_path / "ipsec.conf", TEXT.replace("ike esp", "ike dynamic esp"))
    compiled(store, *((conf, ipsec) if order == "conf first" else (ipsec, conf)))
    with open_snapshot(store) as snapshot:
        found = snapshot.configuration
    assert found.general.check_interval == 30
    assert {name for name, each in found.connections.items() if each.initiates} == {
        "own",
        "from-10.1.0.0/16-to-10.2.0.0/16",
        "from-10.1.0.0/16-to-10.3.0.0/16",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ipsec.conf", 'a = "b"\n'),
        ("site-ipsec.conf", "\n"),
        ("rules", "# comment\nike from 1.1.1.1 to 2.2.2.2 psk x\n"),
        ("rules.conf", "flow esp from 1.1.1.1 to 2.2.2.2\n"),
    ],
)
def test_it_is_known_by_its_name_or_its_first_word(tmp_path: Path, name: str, text: str) -> None:
    found = check_paths([written(tmp_path / name, text)])
    assert not [each for each in found.diagnostics if not each.code.startswith(("IP115", "CF1"))]


def test_included_files_are_part_of_it(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "more", "\nike from 10.1.0.0/16 to 10.7.0.0/16 peer 192.0.2.7 quick enc 3des psk topsecret\n")
    found = compiled(store, written(tmp_path / "ipsec.conf", f'{TEXT}include "more"\n'))
    assert found.counts["files"] == 2
    weak = next(each for each in found.diagnostics if each.code == "CF101")
    assert (weak.source, weak.span.line) == ("more", 2)
    assert "topsecret" not in found.sources["more"]


# --- what is said -------------------------------------------------------------------------------------------------


def test_an_error_keeps_everything_from_being_published_and_has_its_place(store: Path, tmp_path: Path) -> None:
    found = compiled(store, written(tmp_path / "ipsec.conf", f"{TEXT}ike from 1.1.1.1 main\n"))
    assert found.generation is None
    [error] = found.diagnostics
    assert (error.code, error.message, error.span.line, error.span.column) == (IpsecCode.SYNTAX, "syntax error", 8, 18)


@pytest.mark.parametrize(
    ("text", "code", "severity"),
    [
        ("ike from 1.1.1.1 to 2.2.2.2 main enc null psk x\n", IpsecCode.ILLEGAL, Severity.ERROR),
        ("ike ipcomp from 1.1.1.1 to 2.2.2.2 psk x\n", IpsecCode.ILLEGAL, Severity.ERROR),
        ("ike from www.example.org to 2.2.2.2 psk x\n", IpsecCode.HOST, Severity.ERROR),
        ("ike from em0 to 2.2.2.2 psk x\n", IpsecCode.HOST, Severity.ERROR),
        ("ike from 1.1.1.1 to 2.2.2.2 main lifetime 5s psk x\n", IpsecCode.LIFETIME, Severity.ERROR),
        ("flow from 1.1.1.1 to 2.2.2.2\n", IpsecCode.NOT_COMPILED, Severity.WARNING),
        ('esp from 1.1.1.1 to 2.2.2.2 spi 5 authkey file "/x"\n', IpsecCode.NOT_COMPILED, Severity.WARNING),
        ("ike from 1.1.1.1 to 2.2.2.2 dstid a\n", IpsecCode.NO_PRINCIPAL, Severity.WARNING),
        (
            "ike from 1.1.1.1 to 10.0.0.0/8 psk x\nike from 1.1.1.1 to 11.0.0.0/8 psk y\n",
            IpsecCode.DEFAULT_PEER,
            Severity.WARNING,
        ),
    ],
)
def test_findings(text: str, code: IpsecCode, severity: Severity) -> None:
    assert [(each.code, each.severity) for each in findings(text)] == [(code, severity)]


def test_reading_goes_on_where_the_original_ends() -> None:
    assert codes("ike from 1.1.1.1 to 2.2.2.2 main lifetime 5s psk x\nike from 1.1.1.1 to ::1 psk x\n") == [
        IpsecCode.LIFETIME,
        IpsecCode.FAMILIES,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ike from 1.1.1.1 to 2.2.2.2 quick enc x psk topsecret\n",
        'ike from 1.1.1.1 to 2.2.2.2 quick enc x psk "topsecret\n',
        "ike from 1.1.1.1 to 2.2.2.2 psk 'topsecret' oops\n",
        "ike from 1.1.1.1 to 2.2.2.2 psk correct horse topsecret # quoted it would do\n",
        "ike from 1.1.1.1 to 2.2.2.2 quick enc x \\\n psk \\\n topsecret\n",
        'k = "topsecret"\nike from 1.1.1.1 to 2.2.2.2 quick enc x psk $k\n',
        "k = topsecret\nike from 1.1.1.1 to 2.2.2.2 quick enc x psk $k.1\n",
        "esp from 1.1.1.1 to 2.2.2.2 spi 4096 authkey topsecret enckey topsecret bundle\n",
        "ike from 1.1.1.1 to 2.2.2.2 psk a\\\ntopsecret\n",
        "ike from 1.1.1.1 to 2.2.2.2 psk a\\ topsecret\n",
        'a = "x"\nb = "topsecret"\nike from 1.1.1.1 to 2.2.2.2 psk $a$b\n',
        'k = "topsecret"\nesp from 1.1.1.1 to 2.2.2.2 spi 4096 authkey $k enckey $k\n',
        'k = "topsecret:topsecret"\nesp from 1.1.1.1 to 2.2.2.2 spi 4096:4097 authkey $k\n',
        "ike from 1.1.1.1 to 2.2.2.2 PSK topsecret\n",
        "ike from 1.1.1.1 to 2.2.2.2 pks topsecret\n",
        "ike from 1.1.1.1 to 2.2.2.2 psk=topsecret\n",
        "ike from 1.1.1.1 to 2.2.2.2 secret topsecret\n",
        '# k = "topsecret"\nike from 1.1.1.1 to 2.2.2.2 psk x\n',
        "# ike from 1.1.1.1 to 2.2.2.2 psk topsecret\n",
        "gw_psk = top(topsecret) topsecret\n",
    ],
)
def test_shown_texts_hold_no_key_and_keep_their_places(text: str) -> None:
    shown = compile_ipsec(text, "ipsec.conf", no_file, "gw").texts["ipsec.conf"]
    assert "topsecret" not in shown
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")


def test_words_behind_a_bare_key_are_hidden_up_to_what_may_follow_one() -> None:
    text = "ike from 1.1.1.1 to 2.2.2.2 psk a b tag c # d\nike from 1.1.1.1 to 2.2.2.3 psk a tag c\n"
    shown = compile_ipsec(text, "ipsec.conf", no_file, "gw").texts["ipsec.conf"]
    assert shown == text.replace("psk a b", "psk ***").replace("psk a", "psk *")


def test_of_two_rules_for_the_same_traffic_the_later_one_alone_is_allowed() -> None:
    rule = "ike from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.{} psk {}\n"
    text = rule.format(1, "a") + rule.format(2, "b")
    found = compile_ipsec(text, "ipsec.conf", no_file, "gw")
    assert [(each.code, each.span.line, each.severity) for each in found.diagnostics] == [
        (IpsecCode.REPLACED, 2, Severity.WARNING)
    ]
    assert "line 1" in found.diagnostics[0].message
    assert found.policy.count("Authorizer") == 1
    assert "192.000.002.002" in found.policy
    again = compile_ipsec(rule.format(1, "a") * 2, "ipsec.conf", no_file, "gw")
    assert (again.diagnostics, again.policy.count("Authorizer")) == ((), 1)


def test_what_is_doubted_is_said_in_the_words_of_rules(tmp_path: Path) -> None:
    text = "ike from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.1 main group modp1024 quick enc 3des auth hmac-md5 psk a\n"
    found = check_paths([written(tmp_path / "ipsec.conf", text)])
    told = [(each.code, each.message.partition(":")[0], each.hint) for each in found.diagnostics]
    assert told == [
        ("CF101", "GROUP_DESCRIPTION=MODP_1024 is weak", "take group modp2048 or above, or ecp256 or above"),
        ("CF101", "TRANSFORM_ID=3DES is weak", "take enc aes-256"),
        ("CF101", "AUTHENTICATION_ALGORITHM=HMAC_MD5 is weak", "take auth hmac-sha2-256"),
        (
            "CF106",
            "without dstid whoever has the key may call himself anything",
            "add dstid and the name or address by which the peer knows itself",
        ),
    ]
    assert [each.message.rpartition(", in ")[2] for each in found.diagnostics[:3]] == ["main", "quick", "quick"]
    assert not [each for each in found.diagnostics if "[" in each.message]


def test_a_readable_file_with_a_key_is_warned_about(tmp_path: Path) -> None:
    found = check_paths([written(tmp_path / "ipsec.conf", TEXT, 0o644)])
    assert [each.code for each in found.diagnostics] == ["PD003"]


@given(
    st.text(st.sampled_from("abc1.:/{}()\"'\\$#=, \t\n\0\xe9"), max_size=30),
    st.integers(0, len(TEXT)),
    st.integers(0, 12),
)
def test_no_text_makes_anything_but_findings(piece: str, place: int, taken: int) -> None:
    text = TEXT[:place] + piece + TEXT[place + taken :]
    compile_ipsec(text, "ipsec.conf", no_file, "gw")


def test_of_two_rules_for_one_peer_the_later_one_says_who_it_is_and_that_is_told() -> None:
    rule = "ike from 10.1.0.0/16 to 10.{0}.0.0/16 peer 192.0.2.1 dstid {1} psk {1}\n"
    [found] = findings(rule.format(2, "a") + rule.format(3, "a") + rule.format(4, "b"))
    assert (found.code, found.span.line, found.severity) == (IpsecCode.SAME_PEER, 3, Severity.WARNING)
    assert found.message.startswith("psk, dstid of this peer is otherwise in line 2")


def test_sections_that_nobody_wrote_are_not_said_to_be_unused(tmp_path: Path) -> None:
    rule = "ike from 10.1.0.0/16 to 10.{0}.0.0/16 peer 192.0.2.1 dstid {1} psk x\n"
    found = check_paths([written(tmp_path / "ipsec.conf", rule.format(2, "a") + rule.format(3, "b"))])
    assert [each.code for each in found.diagnostics] == [IpsecCode.SAME_PEER]


def test_a_network_may_leave_its_end_out(store: Path, tmp_path: Path) -> None:
    found = compiled(
        store, written(tmp_path / "ipsec.conf", "ike from 172.20/16 to 10.0/8 peer 192.0.2.1 dstid a psk x\n")
    )
    assert found.diagnostics == ()
    with open_snapshot(store) as snapshot:
        [connection] = snapshot.configuration.connections.values()
    ends = (connection.local_identity, connection.remote_identity)
    assert [str(each.network) for each in ends if each] == ["172.20.0.0/16", "10.0.0.0/8"]


@pytest.mark.parametrize("seed", range(5))
def test_keys_that_are_remembered_are_those_that_are_read_anew(seed: int) -> None:
    """Over edits of the file, each a version that RuleKeys has not seen."""
    files, keys, seen = Files(Random(seed)), RuleKeys(), set[str]()
    files.pieces["ipsec.conf"] = [rule(Random(number)) for number in range(8)]

    def included(name: str) -> str:
        return files.texts().get(Path(name).name, "")

    for _ in range(60):
        text = files.texts().get("ipsec.conf", "")
        again = keys.read(text, "ipsec.conf", included, "here")
        anew = RuleKeys().read(text, "ipsec.conf", included, "here")
        assert [(each.section, each.value) for each in again] == [(each.section, each.value) for each in anew]
        seen.update(each.section for each in anew)
        files.edit()
    assert len(seen) > 3
    assert "192.0.2" not in repr(keys)
