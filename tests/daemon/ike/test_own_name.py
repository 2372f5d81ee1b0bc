"""Nobody is kept out in his own name: first messages with his address on them, as fast as may be, and he gets in.

On the virtual clock: the network takes 100 ms there and back, and every forged message is answered. What comes faster
than it can be answered is daemon/intake.py's.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from daemon.ike.events import Connect, Path, Send, TearDown
from daemon.ike.surroundings import Settings
from daemon.ike.trust.keyring import Keyring
from policydb.connections import Configuration, General
from tests.daemon.ike import network
from tests.daemon.ike.network import EAST, WEST, Pair, configuration
from tests.daemon.ike.test_signed_phase1 import holding, host, written
from tests.sizes import sized

RATE = 3000
HANDSHAKES = sized(1, 20)
QUIET = Settings()
"""Nothing is captured: the flood would be."""


@pytest.fixture(autouse=True)
def slow_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "LATENCY", 0.05)


def pair_of(mode: str, *, section: bool) -> Pair:
    """East begins when it is told to. `section`: its address has one of its own at west, else it is anybody."""
    peer, general = {"exchange": mode}, General(accept_aggressive_psk=True)
    west = configuration(WEST, EAST, peer=peer, general=general)
    if not section:
        west = replace(west, peers_by_address={}, default_peer="gateway")
    return Pair(configuration(EAST, WEST, peer=peer, general=general), west, settings=(QUIET, QUIET))


def certified_pair() -> Pair:
    """The same in aggressive mode with certificates."""
    keyrings = (Keyring(holding(host(EAST))), Keyring(holding(host(WEST))))
    return Pair(certified(EAST), certified(WEST), credentials=keyrings, settings=(QUIET, QUIET))


def certified(address: str) -> Configuration:
    made = written(address, "AGGRESSIVE")
    return replace(made, connections={name: replace(each, initiates=False) for name, each in made.connections.items()})


def first_message(pair: Pair) -> Send:
    """What east of such a pair begins with."""
    pair.start()
    pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
    sent = pair.east.sent[0][1]
    assert isinstance(sent, Send)
    return sent


class Flood:
    """First messages like that one, under other cookies, from its address and from its port or any."""

    def __init__(self, pair: Pair, like: Send, rate: float, ports: str) -> None:
        self._pair = pair.start()
        self._like = like
        self._step = 1 / rate
        self._dice = random.Random(7)
        self._ports = ports
        self.forged: set[bytes] = set()
        pair.filter = lambda _source, _path, data: [] if data[:8] in self.forged else [data]

    def go_on(self, seconds: float) -> bool:
        """Let time pass, at most so much, until east is in; whether it is."""
        pair, path = self._pair, self._like.path
        ends = pair.now + seconds
        while pair.now < ends and not pair.east.kernel:
            pair.run(pair.now + self._step)
            cookie = self._dice.randbytes(8)
            self.forged.add(cookie)
            source = replace(path.local, port=self._dice.randrange(1024, 65536)) if self._ports == "any" else path.local
            pair.inject(pair.west, cookie + self._like.data[8:], Path(path.remote, source))
        return bool(pair.east.kernel)


def handshakes(flood: Flood, pair: Pair, seconds: float) -> list[bool]:
    """East comes up and goes down again and again, the flood going on."""
    came: list[bool] = []
    flood.go_on(0.7)
    for _ in range(HANDSHAKES):
        pair.do(pair.east, pair.east.engine.command(Connect("net"), pair.now))
        came.append(flood.go_on(seconds))
        for node in pair.nodes:
            pair.do(node, node.engine.command(TearDown(None), pair.now))
            node.outputs.clear()
    return came


KINDS = [
    ("ID_PROT", "with a section", "its own"),
    ("AGGRESSIVE", "anybody behind a NAT", "any"),
    ("AGGRESSIVE", "with a section", "its own"),
    ("ID_PROT", "anybody behind a NAT", "any"),
    ("ID_PROT", "anybody behind a NAT", "its own"),
]


@pytest.mark.full_size
@pytest.mark.parametrize(("mode", "who", "ports"), KINDS[: sized(2, len(KINDS))])
def test_three_thousand_a_second_in_its_name_keep_nobody_out(mode: str, who: str, ports: str) -> None:
    section = who == "with a section"
    pair = pair_of(mode, section=section)
    flood = Flood(pair, first_message(pair_of(mode, section=section)), RATE, ports)
    assert handshakes(flood, pair, 5.0) == [True] * HANDSHAKES


@pytest.mark.full_size
def test_two_hundred_a_second_that_have_us_sign_keep_nobody_out() -> None:
    pair, like = certified_pair(), first_message(certified_pair())
    assert handshakes(Flood(pair, like, 200, "its own"), pair, 30.0) == [True] * HANDSHAKES


@pytest.mark.parametrize("mode", ["ID_PROT", "AGGRESSIVE"])
def test_every_forged_message_of_the_flood_is_answered(mode: str) -> None:
    """Else the tests above prove nothing."""
    pair = pair_of(mode, section=True)
    flood = Flood(pair, first_message(pair_of(mode, section=True)), RATE, "its own")
    flood.go_on(0.2)
    assert len(flood.forged) >= 0.2 * RATE - 1
    assert pair.west.census()["half-open"] == len(flood.forged)
