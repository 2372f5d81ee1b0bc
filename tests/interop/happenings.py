"""What may happen to a tunnel that is up, and what must hold then: the checks of rows' `after`."""

from __future__ import annotations

import re

from tests.interop import nat
from tests.interop.bed import LEFT, RIGHT, eventually
from tests.interop.negotiating import SECONDS, agree, pairs_of, prove
from tests.interop.scenario import Begins, Check, Stage, Tunnel

MOVED = "10.77.0.3"
"""Where the peer goes."""

BURIAL = 60
"""A dead peer is probed for 25 seconds (RFC 3706 as isakmpd does it) before its SAs go."""


def _tunnels(stage: Stage) -> tuple[Tunnel, ...]:
    if not isinstance(stage.row.holds, tuple):
        raise TypeError("nothing can happen to what was refused")
    return stage.row.holds


def _ours(stage: Stage) -> frozenset[int]:
    return frozenset(sa.spi for sa in stage.ours.installed())


def peer_vanishes(stage: Stage) -> None:
    """The peer dies without a word: DPD finds out, and our SAs go."""
    stage.theirs.kill()
    eventually("our SAs go", lambda: not (stage.ours.installed() or stage.ours.sas()) or None, BURIAL, 0.2)
    stage.theirs.start()


def peer_is_back(stage: Stage) -> None:
    """The peer dies and starts again: DPD finds out, and our connection, an active one, comes up anew."""
    before = _ours(stage)
    stage.theirs.kill()
    stage.theirs.start()
    eventually("a new tunnel", lambda: _renewed(stage, before) or None, BURIAL, 0.2)
    prove(stage, _tunnels(stage))


def we_vanish(stage: Stage) -> None:
    """We die without a word: the peer's DPD finds out."""
    stage.ours.kill()
    eventually("the peer's SAs go", lambda: not stage.theirs.spis() or None, SECONDS, 0.2)
    stage.theirs.terminate()  # it would begin anew
    stage.ours.start()


def we_are_back(stage: Stage) -> None:
    """We die and start again: the peer's DPD finds out and brings the tunnel up anew."""
    stage.ours.kill()
    stage.ours.start()
    eventually("a new tunnel", lambda: agree(stage, _tunnels(stage)) or None, BURIAL, 0.2)
    prove(stage, _tunnels(stage))


def _renewed(stage: Stage, before: frozenset[int]) -> bool:
    """Whether our newest SAs are other ones than before, and the peer has them too."""
    for tunnel in _tunnels(stage):
        pairs = pairs_of(stage, tunnel.ours)
        if not pairs:
            return False
        newest = frozenset(sa.spi for sa in pairs[-1])
        if newest & before or frozenset(f"{spi:08x}" for spi in newest) not in stage.theirs.spis():
            return False
    return True


def _rekeyed(stage: Stage, before: frozenset[int]) -> None:
    eventually("new SPIs on both sides", lambda: _renewed(stage, before) or None, SECONDS, 0.1)
    prove(stage, _tunnels(stage))


def peer_rekeys(stage: Stage) -> None:
    """The peer renews its CHILD_SA: new SPIs and keys on both sides."""
    before = _ours(stage)
    stage.theirs.rekey(2)
    _rekeyed(stage, before)


def a_lifetime_ends(stage: Stage) -> None:
    """A short lifetime makes one side renew, and the other follows."""
    _rekeyed(stage, _ours(stage))


def peer_reauthenticates(stage: Stage) -> None:
    """The peer renews its IKE_SA, and the tunnel stays up."""
    before = {sa.text for sa in stage.ours.sas() if sa.phase == 1}
    stage.theirs.rekey(1)

    def renewed() -> bool | None:
        cookies = {_cookies(text) for text in before}
        return any(_cookies(sa.text) not in cookies for sa in stage.ours.sas() if sa.phase == 1) or None

    eventually("a new ISAKMP SA", renewed, SECONDS, 0.1)
    eventually("both sides have the same SPIs", lambda: agree(stage, _tunnels(stage)) or None, SECONDS, 0.1)
    prove(stage, _tunnels(stage))


def _cookies(text: str) -> str:
    return text.partition("icookie")[2]


def was_fragmented(stage: Stage) -> None:
    """Messages came in fragments both ways."""
    assert re.search(r"splitting IKE message .* into \d fragments", stage.theirs.log())
    assert "reassembled fragmented IKE message" in stage.theirs.log()


def offered(words: str) -> Check:
    """The peer had this among its proposals, as its log has it."""

    def check(stage: Stage) -> None:
        assert words in stage.theirs.log()

    return check


def passes_nat(stage: Stage) -> None:
    """What begins comes from ports that a NAT chose, and each side behind one is known to be there."""
    (ports,) = {sa.udp_ports for sa in stage.ours.installed() if not sa.inbound}
    assert ports, "not in UDP"
    heard = {int(port) for port in re.findall(rf"received packet: from {LEFT.address}\[(\d+)\]", stage.theirs.log())}
    chosen = heard if stage.begins is Begins.OURS else {ports[1]}
    assert chosen.isdisjoint(nat.PORTS), f"no NAT rewrote {chosen}"
    known = "remote host is behind NAT" in stage.theirs.log()
    assert known == (LEFT in stage.row.natted(stage.begins))


def peer_moves(stage: Stage) -> None:
    """The peer comes again from another address under the same identity."""
    before = _ours(stage)
    stage.theirs.kill()
    stage.bed.ip(RIGHT, f"addr del {RIGHT.address}/24 dev e0", f"addr add {MOVED}/24 dev e0")
    stage.theirs.start()
    stage.theirs.initiate(SECONDS)
    _rekeyed(stage, before)
    assert {sa.destination for sa in pairs_of(stage, "t")[-1] if not sa.inbound} == {MOVED}
    # What it left at its old address would stay until its lifetime ends, or an operator takes it down.
    stage.ours.command("T")
    stage.ours.command("t main peer")
