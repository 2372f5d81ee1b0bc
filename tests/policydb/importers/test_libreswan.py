"""What is particular to libreswan's ipsec.conf(5) and ipsec.secrets(5)."""

from __future__ import annotations

import pytest

from policydb.importers.conversion import Imported, Kind, Text, convert
from policydb.importers.ledger import Outcome

BASE = """\
conn a
\tikev2=no
\tauthby=secret
\tleft=192.0.2.1
\tright=192.0.2.9
\tleftsubnet=10.1.0.0/16
\trightsubnet=10.2.0.0/16
\tauto=add
"""
SECRETS = '192.0.2.1 192.0.2.9 : PSK "mekmitasdigoat"\n'


def libreswan(text: str, secrets: str = SECRETS, local: str | None = None) -> Imported:
    return convert(Kind.LIBRESWAN, Text("f", text), Text("s", secrets), local)


def reasons(imported: Imported) -> dict[str, str]:
    return {each.setting: each.reason for each in imported.entries if each.outcome is Outcome.LEFT}


def test_a_plain_connection_is_carried_whole() -> None:
    imported = libreswan(BASE)
    assert reasons(imported) == {}
    assert "Passive-connections=    tunnel-a\n" in imported.configuration


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("leftupdown=/bin/x", {"conn a.leftupdown"}),
        ("compress=yes", {"conn a.compress"}),
        ("compress=no", set()),
        ("mobike=yes", set()),
        ("nonsense=1", {"conn a.nonsense"}),
        ("also=nobody", {"conn a.also"}),
        ("ike=aes128-sha1;modp2048,chacha20-sha1;modp2048", {"conn a.ike"}),
        ("replay-window=0", {"conn a.replay-window"}),
        ("auto=route", {"conn a.auto"}),
    ],
)
def test_a_line_is_left_or_not_needed(line: str, left: set[str]) -> None:
    text = BASE.replace("\tauto=add\n", "") if line.startswith("auto") else BASE
    assert set(reasons(libreswan(f"{text}\t{line}\n"))) == left


@pytest.mark.parametrize(
    "line", ["keyexchange=ikev2", "type=passthrough", "ah=sha1", "ike=chacha20", "leftid=@#12", "phase2=ah"]
)
def test_a_connection_that_cannot_be_said_is_left_whole(line: str) -> None:
    imported = libreswan(f"{BASE}\t{line}\n")
    assert {each.outcome for each in imported.entries} == {Outcome.LEFT}
    assert "[tunnel-" not in imported.configuration


def test_pfs_without_a_group_takes_that_of_phase_1() -> None:
    assert (
        "QM-ESP-AES-128-SHA-PFS-GRP15-SUITE"
        in libreswan(f"{BASE}\tike=aes128-sha1;modp3072\n\tesp=aes128-sha1\n").configuration
    )
    assert "QM-ESP-AES-128-SHA-SUITE" in libreswan(f"{BASE}\tesp=aes128-sha1\n\tpfs=no\n").configuration
    assert "QM-ESP-AES-128-SHA-PFS-GRP5-SUITE" in libreswan(f"{BASE}\tphase2alg=aes128-sha1;modp1536\n").configuration


def test_which_side_is_ours() -> None:
    turned = BASE.replace("left=", "x=").replace("right=192.0.2.9", "right=%defaultroute").replace("x=", "left=")
    keyed = '192.0.2.1 : PSK "k"\n'
    assert "192.0.2.1=              peer-a" in libreswan(turned, keyed).configuration
    assert "192.0.2.9=              peer-a" in libreswan(BASE).configuration
    assert "192.0.2.1=              peer-a" in libreswan(BASE, local="right").configuration


def test_also_reaches_further_and_circles_end() -> None:
    text = BASE.replace("\tauthby=secret\n", "\talso=b\n") + "conn b\n\talso=c\nconn c\n\talso=a\n\tauthby=secret\n"
    imported = libreswan(text)
    assert reasons(imported) == {}
    assert "[tunnel-a]" in imported.configuration


def test_default_counts_last() -> None:
    imported = libreswan(f"conn %default\n\tauto=start\n\tikelifetime=2h\n{BASE}")
    assert "Passive-connections" in imported.configuration
    assert "LIFE-7200s" in imported.configuration
    assert reasons(imported) == {}


def test_a_connection_that_is_ignored_is_left() -> None:
    imported = libreswan(BASE.replace("auto=add", "auto=ignore"))
    assert {each.outcome for each in imported.entries} == {Outcome.LEFT}


def test_includes_and_doubles_are_left() -> None:
    imported = libreswan(f"include /etc/ipsec.d/*.conf\n{BASE}{BASE}")
    assert "included" in reasons(imported)["include"]
    assert "line 2" in reasons(imported)["conn a"]


def test_the_secret_of_the_pair_comes_before_that_of_everybody() -> None:
    secrets = '%any : PSK "everybody"\n' + SECRETS
    assert "mekmitasdigoat" in libreswan(BASE, secrets).configuration
    assert "everybody" in libreswan(BASE, '%any : PSK "everybody"\n').configuration
    assert "no pre-shared key" in reasons(libreswan(BASE, '1.1.1.1 2.2.2.2 : PSK "x"\n'))["conn a"]


def test_a_quoted_secret_is_text_and_a_bare_one_may_be_hexadecimal() -> None:
    assert "Authentication=         0x30783631\n" in libreswan(BASE, ': PSK "0x61"\n').configuration
    assert "Authentication=         a\n" in libreswan(BASE, ": PSK 0x61\n").configuration


def test_transport_between_hosts() -> None:
    text = BASE.replace(
        "\tleftsubnet=10.1.0.0/16\n\trightsubnet=10.2.0.0/16\n",
        "\ttype=transport\n\tleftprotoport=17/1701\n\trightprotoport=17/%any\n",
    )
    imported = libreswan(text)
    assert reasons(imported) == {}
    assert "QM-ESP-TRP-" in imported.configuration
    assert 'local_filter_proto == "udp" && local_filter_port == "1701"' in imported.policy
    anybody = libreswan(text.replace("192.0.2.9", "%any"), ': PSK "k"\n')
    assert "has to be known" in reasons(anybody)["conn a"]
