"""Taking things out so that nothing of them is left: no timer, no token, no table entry, nothing in the kernel."""

from __future__ import annotations

from daemon.ike.core import Core
from daemon.ike.events import DeleteSas
from daemon.ike.exchange import AnyExchange
from daemon.ike.keying import protocol_name
from daemon.ike.quick import QuickMode
from daemon.ike.sa import IpsecSa, IsakmpSa
from daemon.ike.timers import TimerKey, TimerKind

_OF_AN_SA = (
    TimerKind.SOFT_EXPIRY,
    TimerKind.HARD_EXPIRY,
    TimerKind.KEEPALIVE,
    TimerKind.DPD,
    TimerKind.ADMISSION,
    TimerKind.FOLLOW,
    TimerKind.LAST_WORD,
)


def abandon(core: Core, exchange: AnyExchange) -> None:
    """Take an exchange out, and from the kernel the SPIs and SAs that it asked for.

    A peer names SPIs as it likes. What has the one of an SA that stands is that SA's own, whoever asked for it again.
    """
    core.forget(exchange.number)
    if isinstance(exchange.state, QuickMode):
        local = exchange.path.local.address
        held = {(protocol_name(each), local, spi) for each, spi in exchange.state.spis.items()}
        held |= {(each.protocol, each.destination, each.spi) for each in exchange.state.sas}
        if ours := sorted(key for key in held if core.sas.by_key(key) is None):
            core.emit(DeleteSas(tuple(ours)))


def abandon_rivals(core: Core, done: AnyExchange) -> tuple[str, ...]:
    """The connections that wait for phase 1s of ours that this one makes needless: the peer never answered them.

    Those are taken out. So where both begin at the same time, whoever is refused need not wait for its turn.
    """
    waiting: tuple[str, ...] = ()
    for each in core.exchanges.ours_with(done.name):
        if each.step == 1 and each.path.remote.address == done.path.remote.address:
            waiting += each.waiting
            abandon(core, each)
    return waiting


def remove(core: Core, sa: IsakmpSa | IpsecSa) -> None:
    """Take an SA out: a phase 1 with the exchanges under it (its phase 2 SAs stay), a phase 2 from the kernel too."""
    for kind in _OF_AN_SA:
        core.timers.cancel(TimerKey(kind, sa.number))
    core.drop_tokens(sa.number)
    core.sas.remove(sa)
    core.unadmitted.leave(sa.number)
    core.dynamic.doubt(sa.name)
    if isinstance(sa, IpsecSa):
        core.emit(DeleteSas(sa.keys))
        return
    for exchange in core.exchanges.under(sa.cookies):
        abandon(core, exchange)
