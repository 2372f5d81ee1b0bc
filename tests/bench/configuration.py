"""What configurations cost: compiling them and changes in them, and finding what an incoming negotiation gets."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import NamedTuple

from daemon.oracle import Loaded, Sources, compile_sources, open_loaded
from grammar.conf import parse_conf
from policydb.compiling.compiler import compile_paths
from policydb.configuration.config import resolve
from policydb.configuration.selection import Incoming, select
from policydb.connections import Configuration, Identity
from policydb.request import Request
from policydb.storage.portable import dump_snapshot, load_snapshot
from policydb.storage.snapshot import open_snapshot

Timer = Callable[[Callable[[], object], int], float]
"""Something to be done, and how often in a round -> the median of its time in seconds."""


class Compiled(NamedTuple):
    """What compiling a configuration cost, and another network for one of its connections; time, then CPU of it."""

    shape: str
    all_s: float
    all_cpu_s: float
    one_ms: float
    one_cpu_ms: float
    command_ms: float
    command_cpu_ms: float


class Loading(NamedTuple):
    """What a daemon takes to read a configuration, in seconds of CPU, and how large it is, in megabytes.

    At its start, at a reload of what has not changed, at a reload of one changed connection; `jailed_s`: reading the
    generation that it is handed over in bytes.
    """

    shape: str
    start_s: float
    same_s: float
    changed_s: float
    jailed_s: float
    store_mb: float
    handed_over_mb: float


class Selected(NamedTuple):
    """What a configuration of so many connections costs whoever reads and asks it, without a store."""

    connections: int
    parse_s: float
    resolve_s: float
    found_us: float
    explain_ms: float


class Fifty(NamedTuple):
    """`policydb check` of a file of about 50 sections, start-up included, and one question to its store."""

    sections: int
    check_ms: float
    check_cpu_ms: float
    ask_ms: float


_HEAD = """\
[main-mode]
EXCHANGE_TYPE=ID_PROT
Transforms=AES-SHA2-256-GRP14
[quick-mode]
EXCHANGE_TYPE=QUICK_MODE
Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE
[here]
ID-type=IPV4_ADDR_SUBNET
Network=172.16.0.0
Netmask=255.240.0.0
"""
_PEERS_IN_FIFTY = 11
_CHANGES = 5
_LOCAL = Identity("IPV4_ADDR_SUBNET", network=IPv4Network("172.16.0.0/12"))


def text(peers: int) -> str:
    """A configuration of so many peers, each with a connection, an identity and a network of its own."""
    numbers = range(peers)
    lines = ["[Phase 1]", *(f"{_address(each)}=p{each}" for each in numbers), "[Phase 2]"]
    lines += ["Passive-connections=" + ",".join(f"c{each}" for each in numbers)]
    for each in numbers:
        address, network = _address(each), _network(each)
        lines += [f"[p{each}]", "Phase=1", f"Address={address}", "Configuration=main-mode", "Authentication=k"]
        lines += [f"Remote-ID=i{each}", f"[i{each}]", "ID-type=IPV4_ADDR", f"Address={address}"]
        lines += [f"[c{each}]", "Phase=2", f"ISAKMP-peer=p{each}", "Configuration=quick-mode", "Local-ID=here"]
        lines += [f"Remote-ID=n{each}", f"[n{each}]", "ID-type=IPV4_ADDR_SUBNET"]
        lines += [f"Network={network.network_address}", f"Netmask={network.netmask}"]
    return _HEAD + "\n".join(lines) + "\n"


def _address(number: int) -> str:
    return str(ip_address(0xC0000000 + number))


def _network(number: int) -> IPv4Network:
    return IPv4Network((0x0A000000 + 256 * number, 24))


def rules(connections: int) -> str:
    """An ipsec.conf of so many rules, each with a peer and a network of its own."""
    return "".join(
        f'ike esp from {_LOCAL.network} to {_network(each)} peer {_address(each)} psk "k{each}"\n'
        for each in range(connections)
    )


def listing(connections: int) -> str:
    """An ipsec.conf of one rule with a list of so many networks."""
    networks = ", ".join(str(_network(each)) for each in range(connections))
    return f'ike esp from {_LOCAL.network} to {{ {networks} }} peer 192.0.2.1 psk "k"\n'


SHAPES: dict[str, tuple[str, Callable[[int], str], str]] = {
    "ipsec.conf, a rule each": ("ipsec.conf", rules, " to {network} peer"),
    "ipsec.conf, one rule with a list": ("ipsec.conf", listing, " {network},"),
    "isakmpd.conf": ("isakmpd.conf", text, "Network={address}\n"),
}
"""What compiles to connections: the name of the file, its text, and how a connection's network stands in it."""


LOADED = ("ipsec.conf, a rule each", "isakmpd.conf")
"""What a daemon is measured with."""


def compile_row(shape: str, size: int, folder: Path) -> Compiled:
    """Compiling it all and, in the same process and by the command, another network; of time and of CPU each."""
    name, make, place = SHAPES[shape]
    conf, store = folder / f"of {shape}" / name, folder / f"{shape}.db"
    conf.parent.mkdir()
    conf.touch(0o600)
    conf.write_text(make(size))
    whole = _timed(lambda: compile_paths([conf], store, datetime.now(UTC)))
    changes = []
    for number in range(_CHANGES):
        _change(conf, place, size // 2 + number, size + number)
        changes.append(_timed(lambda: compile_paths([conf], store, datetime.now(UTC))))
    _change(conf, place, size // 3, 2 * size)
    argv = [str(Path(sys.executable).with_name("policydb")), "compile", str(conf), "--store", str(store)]
    command = _timed(lambda: subprocess.run(argv, capture_output=True, check=True))
    wall, used = (statistics.median(each[column] for each in changes) for column in (0, 1))
    return Compiled(shape, *whole, wall * 1e3, used * 1e3, command[0] * 1e3, command[1] * 1e3)


def _change(conf: Path, place: str, old: int, new: int) -> None:
    """Another network for one connection."""
    before, after = (
        place.format(network=network, address=network.network_address) for network in map(_network, (old, new))
    )
    found = conf.read_text()
    if before not in found:
        raise LookupError(before)
    conf.write_text(found.replace(before, after, 1))


def _timed(what: Callable[[], object]) -> tuple[float, float]:
    """Seconds of time and of CPU, of this process and of those that it waits for."""
    begun, used = time.perf_counter(), _used()
    what()
    return time.perf_counter() - begun, _used() - used


def _used() -> float:
    both = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def explain_row(size: int, folder: Path) -> list[object]:
    """`policydb explain --peer` among so many connections, its start included: time and CPU in ms."""
    conf, store = folder / "isakmpd.conf", folder / "explain.db"
    conf.write_text(text(size))
    conf.chmod(0o600)
    compile_paths([conf], store, datetime.now(UTC))
    number = size * 3 // 4
    argv = [str(Path(sys.executable).with_name("policydb")), "explain", "--store", str(store)]
    argv += ["--peer", _address(number), "--local-id", str(_LOCAL.network), "--remote-id", str(_network(number))]
    found = [_timed(lambda: subprocess.run(argv, capture_output=True, check=True)) for _ in range(_CHANGES)]
    return [size, *(statistics.median(each[column] for each in found) * 1e3 for column in (0, 1))]


def daemon_row(shape: str, size: int, folder: Path) -> Loading:
    """What isakmpd takes to read a configuration that the store has, and what the store takes."""
    name, make, place = SHAPES[shape]
    conf, store = folder / f"daemon of {shape}" / name, folder / f"daemon of {shape}.db"
    conf.parent.mkdir()
    conf.touch(0o600)
    conf.write_text(make(size))

    def sources() -> Sources:
        """As a daemon that starts has them: nothing is remembered of an earlier one."""
        checked = name == "ipsec.conf"
        return Sources(conf.parent / "isakmpd.conf", conf.parent, store, os.geteuid(), check_policy=checked)

    compile_sources(sources(), datetime.now(UTC))
    octets = store.stat().st_size
    running = sources()
    loaded: list[Loaded] = []

    def load() -> None:
        before = loaded[-1] if loaded else None
        loaded.append(open_loaded(running, compile_sources(running, datetime.now(UTC)), before))

    start, same = (_timed(load)[1] for _ in ("start", "reload"))
    changes = []
    for number in range(_CHANGES):
        _change(conf, place, size // 2 + number, size + number)
        changes.append(_timed(load)[1])
    with open_snapshot(store) as snapshot:
        handed_over = dump_snapshot(snapshot)
    with load_snapshot(handed_over) as copy:
        jailed = _timed(lambda: copy.configuration)[1]
    sizes = (octets / 1e6, len(handed_over) / 1e6)
    return Loading(shape, start, same, statistics.median(changes), jailed, *sizes)


def selection_row(size: int, timer: Timer) -> Selected:
    """Parsing and resolving in seconds, a look-up in microseconds, an explanation in milliseconds."""
    source = text(size)
    parsed = timer(lambda: parse_conf(source, "isakmpd.conf"), 1)
    bindings = [("isakmpd.conf", each) for each in parse_conf(source, "isakmpd.conf").bindings]
    resolved = timer(lambda: resolve(bindings), 1)
    configuration = resolve(bindings).configuration
    number = size * 3 // 4
    address = ip_address(_address(number))
    remote = Identity("IPV4_ADDR_SUBNET", network=_network(number))
    found = timer(lambda: _find(configuration, number), 500)
    explained = timer(lambda: select(configuration, Incoming(address, traffic=(_LOCAL, remote))), 3)
    return Selected(size, parsed, resolved, found * 1e6, explained * 1e3)


def _find(configuration: Configuration, number: int) -> None:
    """What the daemon does for a negotiation, the address from text and the identity from octets included."""
    peer = configuration.peer_at(ip_address(_address(number)))
    remote = Identity("IPV4_ADDR_SUBNET", network=_network(number))
    if peer is None or configuration.connection_for(peer.name, _LOCAL, remote, hosts=False) is None:
        raise LookupError(number)


def fifty_row(folder: Path, timer: Timer) -> Fifty:
    """`policydb check` of a file of about 50 sections (time, CPU) and opening its store for one question, in ms."""
    conf, store = folder / "isakmpd.conf", folder / "fifty.db"
    conf.write_text(text(_PEERS_IN_FIFTY))
    conf.chmod(0o600)
    compile_paths([conf], store, datetime.now(UTC))
    argv = [str(Path(sys.executable).with_name("policydb")), "check", str(conf)]
    wall = timer(lambda: subprocess.run(argv, stdout=subprocess.DEVNULL, check=True), 1)
    used = statistics.median(_cpu(argv) for _ in range(3))
    asked = timer(lambda: _ask(store), 10)
    return Fifty(conf.read_text().count("\n["), wall * 1e3, used * 1e3, asked * 1e3)


def _cpu(argv: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _ask(store: Path) -> None:
    with open_snapshot(store) as snapshot:
        snapshot.decide(Request(("nobody",), {}, ("false", "true")))
