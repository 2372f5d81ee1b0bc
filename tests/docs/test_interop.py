"""docs/interop.md and the matrix: the same scenarios, each with a result of a run."""

from __future__ import annotations

from pathlib import Path

from tests.interop.document import known, tables, text

STRONGSWAN = frozenset(
    (
        "compress",
        "config-payload",
        "config-payload-push",
        "double-nat",
        "double-nat-net",
        "dpd-clear",
        "dpd-restart",
        "dynamic-initiator",
        "dynamic-responder",
        "ecdsa-certs",
        "host2host-ah",
        "host2host-cert",
        "host2host-transport",
        "ip-pool",
        "nat-rw",
        "nat-virtual-ip",
        "net2net-ah",
        "net2net-cert",
        "net2net-esn",
        "net2net-psk",
        "net2net-psk-fail",
        "protoport-dual",
        "rw-cert",
        "rw-cert-aggressive",
        "rw-cert-unity",
        "rw-initiator-only",
        "rw-multi-ciphers",
        "rw-psk-aggressive",
        "rw-psk-fqdn",
        "rw-psk-ip-ranges",
        "rw-psk-ipv4",
        "xauth-id-psk-config",
        "xauth-id-rsa-aggressive",
        "xauth-id-rsa-config",
        "xauth-id-rsa-hybrid",
        "xauth-psk",
        "xauth-rsa",
    )
)
"""The IKEv1 scenarios of its sources (testing/tests/ikev1), without those that need RADIUS, EAP or a database."""


def names() -> list[str]:
    return [name for table in tables() for line in table.lines for name in line.results if name]


def versions(document: str) -> list[str]:
    (line,) = (line for line in document.splitlines() if line.startswith("Peers: "))
    return line.removeprefix("Peers: ").removesuffix(".").split(", ")


def test_the_document_is_what_the_matrix_and_its_results_make(project: Path) -> None:
    """`make interop` and `make interop-kernel` write it; whoever changes a row runs them."""
    document = (project / "docs" / "interop.md").read_text()
    assert sorted(known(document)) == sorted(names())
    assert text(known(document), versions(document)) == document


def test_results_have_names_of_their_own() -> None:
    assert len(set(names())) == len(names())


def test_at_least_25_of_strongswans_scenarios_are_there() -> None:
    (ours,) = ([line.words[0] for line in table.lines] for table in tables() if table.heading == "strongSwan")
    assert len(STRONGSWAN & set(ours)) >= 25
