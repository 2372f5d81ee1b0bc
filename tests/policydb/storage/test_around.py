"""The part of a configuration that a negotiation may concern says of it what the whole configuration says."""

from ipaddress import IPv4Network, ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from policydb.configuration.selection import Incoming, select
from policydb.connections import Identity
from policydb.storage.snapshot import open_snapshot
from tests.policydb.compiling.test_recompiling import CONFS, SLOW, compiled

ADDRESSES = st.sampled_from([f"192.0.2.{number}" for number in range(5)])
NETWORKS = st.sampled_from([f"10.{number}.0.0/16" for number in range(5)])


def subnet(text: str) -> Identity:
    return Identity("IPV4_ADDR_SUBNET", network=IPv4Network(text))


@SLOW
@given(CONFS, ADDRESSES, st.none() | st.tuples(NETWORKS, NETWORKS))
def test_a_negotiation_gets_what_it_gets_of_the_whole(
    texts: list[str], address: str, traffic: tuple[str, str] | None
) -> None:
    ours, theirs = traffic or ("", "")
    pair = (subnet(ours), subnet(theirs)) if traffic else None
    incoming = Incoming(ip_address(address), traffic=pair)
    with TemporaryDirectory() as name:
        folder = Path(name)
        if compiled(folder, "policy.db", {"isakmpd.conf": "".join(texts)}).generation is None:
            return
        with open_snapshot(folder / "policy.db") as snapshot:
            part = select(snapshot.around(ip_address(address), pair[1] if pair else None), incoming)
            assert part == select(snapshot.configuration, incoming)
