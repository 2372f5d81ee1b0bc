"""Phase1-ID and IPsec-ID sections of isakmpd.conf(5)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from policydb.connections import Identity
from tests.policydb.confs import altered, findings, read, shown


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("ID-type=IPV4_ADDR\nAddress=192.0.2.3", Identity("IPV4_ADDR", address=ip_address("192.0.2.3"))),
        ("ID-type=IPV6_ADDR\nAddress=2001:db8::3", Identity("IPV6_ADDR", address=ip_address("2001:db8::3"))),
        (
            "ID-type=IPV4_ADDR_SUBNET\nNetwork=10.0.0.0\nNetmask=255.0.0.0",
            Identity("IPV4_ADDR_SUBNET", network=ip_network("10.0.0.0/8")),
        ),
        (
            "ID-type=IPV6_ADDR_SUBNET\nNetwork=2001:db8::\nNetmask=ffff:ffff::",
            Identity("IPV6_ADDR_SUBNET", network=ip_network("2001:db8::/32")),
        ),
        ("ID-type=FQDN\nName=a.example.org", Identity("FQDN", name="a.example.org")),
        ("ID-type=USER_FQDN\nName=me@example.org", Identity("USER_FQDN", name="me@example.org")),
        ("ID-type=KEY_ID\nName=some key", Identity("KEY_ID", name="some key")),
    ],
)
def test_identities_of_phase_1(lines: str, expected: Identity) -> None:
    text = altered(("ID-type=FQDN\nName=west.example.org", lines))
    assert read(text).peers["east"].identity == expected


@pytest.mark.parametrize(
    ("lines", "protocol", "port"),
    [
        ("Protocol=6\nPort=22", 6, 22),
        ("Protocol=tcp\nPort=ssh", 6, 22),
        ("Protocol=udp", 17, 0),
        ("Protocol=0", 0, 0),
        ("", 0, 0),
    ],
)
def test_selectors_may_name_protocol_and_port(lines: str, protocol: int, port: int) -> None:
    text = altered(("Network=10.2.0.0\n", f"Network=10.2.0.0\n{lines}\n"))
    identity = read(text).connections["link"].local_identity
    assert identity is not None
    assert (identity.protocol, identity.port) == (protocol, port)


def test_both_identities_or_neither() -> None:
    both = "Local-ID=here\nRemote-ID=there\n"
    neither = read(altered((both, ""))).connections["link"]
    assert (neither.local_identity, neither.remote_identity) == (None, None)
    text = altered((both, "Local-ID=here\n"))
    (error,) = findings(text)
    assert shown(text, error) == ("CF209", "here")
    assert "Local-ID is given without Remote-ID" in error.message
