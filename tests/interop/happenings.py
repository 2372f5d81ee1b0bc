"""What may happen to a tunnel that is up (scenario.After), and what must hold then."""

from __future__ import annotations

from collections.abc import Callable

from tests.interop.bed import RIGHT, eventually
from tests.interop.negotiating import SECONDS, agree, pairs_of, prove
from tests.interop.scenario import After, Stage, Tunnel

MOVED = "10.77.0.3"
"""Where the peer goes."""


def _tunnels(stage: Stage) -> tuple[Tunnel, ...]:
    if not isinstance(stage.row.holds, tuple):
        raise AssertionError("nothing can happen to what was refused")
    return stage.row.holds


def _ours(stage: Stage) -> frozenset[int]:
    return frozenset(sa.spi for sa in stage.ours.installed())


def _peer_vanishes(stage: Stage) -> None:
    stage.theirs.kill()
    eventually("our SAs go", lambda: not (stage.ours.installed() or stage.ours.sas()) or None, SECONDS, 0.2)
    stage.theirs.start()


def _peer_is_back(stage: Stage) -> None:
    before = _ours(stage)
    stage.theirs.kill()
    stage.theirs.start()
    eventually("a new tunnel", lambda: _renewed(stage, before) or None, SECONDS, 0.2)
    prove(stage, _tunnels(stage))


def _we_vanish(stage: Stage) -> None:
    stage.ours.kill()
    eventually("the peer's SAs go", lambda: not stage.theirs.spis() or None, SECONDS, 0.2)
    stage.ours.start()


def _we_are_back(stage: Stage) -> None:
    stage.ours.kill()
    stage.ours.start()
    eventually("a new tunnel", lambda: agree(stage, _tunnels(stage)) or None, 2 * SECONDS, 0.2)
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


def _peer_rekeys(stage: Stage) -> None:
    before = _ours(stage)
    stage.theirs.rekey(2)
    _rekeyed(stage, before)


def _we_rekey(stage: Stage) -> None:
    _rekeyed(stage, _ours(stage))


def _peer_reauthenticates(stage: Stage) -> None:
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


def _peer_moves(stage: Stage) -> None:
    before = _ours(stage)
    stage.theirs.kill()
    stage.bed.ip(RIGHT, f"addr del {RIGHT.address}/24 dev e0", f"addr add {MOVED}/24 dev e0")
    stage.theirs.start()
    stage.theirs.initiate(SECONDS)
    _rekeyed(stage, before)
    assert {sa.destination for sa in pairs_of(stage, "t")[-1] if not sa.inbound} == {MOVED}


HAPPENINGS: dict[After, Callable[[Stage], None]] = {
    After.PEER_VANISHES: _peer_vanishes,
    After.PEER_IS_BACK: _peer_is_back,
    After.WE_VANISH: _we_vanish,
    After.WE_ARE_BACK: _we_are_back,
    After.PEER_REKEYS: _peer_rekeys,
    After.PEER_REAUTHENTICATES: _peer_reauthenticates,
    After.WE_REKEY: _we_rekey,
    After.PEER_MOVES: _peer_moves,
}
