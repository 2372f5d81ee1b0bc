"""What the engine holds, as values: for FIFO `S`, the report file and tests."""

from __future__ import annotations

from daemon.ike.core import Core
from daemon.ike.events import EngineReport, ExchangeReport, SaReport
from daemon.ike.exchange import AnyExchange
from daemon.ike.records import printed
from daemon.ike.sa import IpsecSa, IsakmpSa


def engine_report(core: Core, now: float) -> EngineReport:
    """Everything, phase 1 first, oldest first."""
    return EngineReport(
        generation=core.oracle.generation,
        sas=(
            *(_isakmp(each, now) for each in core.sas.isakmp),
            *(_ipsec(each, now) for each in core.sas.ipsec),
        ),
        exchanges=tuple(_exchange(each, now) for each in core.exchanges),
        timers=len(core.timers),
        dynamic=tuple((name, section.shown()) for name, section in core.dynamic.sections.items()),
    )


def census(core: Core) -> dict[str, int]:
    """How many of everything that has to be gone when an exchange or SA is gone."""
    return {
        "exchanges": len(core.exchanges),
        "half-open": core.exchanges.half_open,
        "tokens": len(core.awaited),
        "fragments": len(core.fragments),
        "dynamic sections": len(core.dynamic),
        "phase 1": len(core.sas.isakmp),
        "phase 2": len(core.sas.ipsec),
        "timers": len(core.timers),
    }


def _left(deadline: float | None, now: float) -> int | None:
    return None if deadline is None else max(0, round(deadline - now))


def _isakmp(sa: IsakmpSa, now: float) -> SaReport:
    return SaReport(
        name=sa.name,
        phase=1,
        role=str(sa.role),
        source=sa.path.local.address,
        destination=sa.path.remote.address,
        ready=True,
        flags=int(sa.flags),
        lifetime_seconds=sa.lifetime_seconds,
        lifetime_kilobytes=sa.lifetime_kilobytes,
        soft_timeout=_left(sa.soft_at, now),
        hard_timeout=_left(sa.hard_at, now),
        initiator_cookie=sa.initiator_cookie.hex(),
        responder_cookie=sa.responder_cookie.hex(),
        spis=(),
        protocol="ISAKMP",
        transform=sa.transform,
        local_id=printed(sa.local_id),
        remote_id=printed(sa.remote_id),
        local_filter="",
        remote_filter="",
        user="" if sa.unproved else sa.user,
        received=sa.received,
    )


def _ipsec(sa: IpsecSa, now: float) -> SaReport:
    local_filter, remote_filter = sa.selectors
    return SaReport(
        name=sa.name,
        phase=2,
        role=str(sa.role),
        source=sa.path.local.address,
        destination=sa.path.remote.address,
        ready=True,
        flags=int(sa.flags),
        lifetime_seconds=sa.lifetime_seconds,
        lifetime_kilobytes=sa.lifetime_kilobytes,
        soft_timeout=_left(sa.soft_at, now),
        hard_timeout=_left(sa.hard_at, now),
        initiator_cookie="",
        responder_cookie="",
        spis=tuple(f"{each.spi:08x}" for each in sa.sas),
        protocol=sa.sas[0].protocol,
        transform=sa.transform,
        local_id=sa.local_id,
        remote_id=sa.remote_id,
        local_filter=local_filter,
        remote_filter=remote_filter,
    )


def _exchange(exchange: AnyExchange, now: float) -> ExchangeReport:
    limit = exchange.started + exchange.oracle.configuration.general.exchange_max_time
    return ExchangeReport(
        name=exchange.name,
        type=exchange.script.title,
        role=str(exchange.role),
        step=exchange.step,
        peer=str(exchange.path.remote),
        message_id=f"{exchange.message_id:08x}",
        expires_in=max(0, round(limit - now)),
    )
