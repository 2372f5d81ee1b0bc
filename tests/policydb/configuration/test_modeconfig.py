"""IKECFG-ID sections, and the users of XAUTH: what of isakmpd.conf they become."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tests.policydb.confs import WHOLE, with_lines
from tests.policydb.test_isakmpd_conf_rows import codes, conf, peer


def test_a_row_of_mode_config() -> None:
    lines = "Attributes=nameserver,Address,Prefix\nAddress=10.0.0.7\nNameserver=2001:db8::1\nNetwork=10.1.0.0\n"
    found = conf(f"[UFQDN/U@h]\n{lines}Prefix=16\nLifetime=600\n").mode_config["ufqdn/u@h"]
    assert (found.name, found.push, found.attributes) == ("UFQDN/U@h", True, ("Nameserver", "Address", "Prefix"))
    assert found.values == {
        "Address": ip_address("10.0.0.7"),
        "Nameserver": ip_address("2001:db8::1"),
        "Network": ip_address("10.1.0.0"),
    }
    assert (found.prefix, found.lifetime) == (16, 600)


@pytest.mark.parametrize(
    ("line", "push"), [("Attributes=\n", True), ("Mode=SET\n", True), ("Mode=REQUEST\n", False), ("Mode=x\n", False)]
)
def test_any_mode_but_set_asks(line: str, push: bool) -> None:
    found = conf(f"[fqdn/h]\n{line}").mode_config["fqdn/h"]
    assert (found.push, found.attributes, found.values, found.prefix, found.lifetime) == (push, (), {}, None, 1200)


def test_a_peer_with_a_user_and_the_users_of_a_gateway() -> None:
    found = peer("XAUTH-User=bob", "XAUTH-Password=hush")
    assert (found.user, found.password) == ("bob", "password:east")
    assert conf(f"{WHOLE}\n[XAUTH-users]\nBob=hush\nalice=x\n").users == {"bob": "user:bob", "alice": "user:alice"}
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), True),
        (("[east]", "XAUTH-User=bob", "XAUTH-Password=x"), False),
        (("[east]", "XAUTH-User=bob"), True),
        (("[east]", "XAUTH-Password=x"), True),
        (("[XAUTH-users]", "bob=x"), False),
    ],
)
def test_xauth_without_a_user_on_either_side_is_doubted(lines: tuple[str, ...], expected: bool) -> None:
    method = ("[AES-SHA2-256-GRP14]", "AUTHENTICATION_METHOD=XAUTH_INIT_PRE_SHARED")
    assert ("CF108" in codes(with_lines(*method, *lines))) is expected
