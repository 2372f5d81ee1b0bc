"""When a message that got no answer is sent again: isakmpd's rule, or the Retransmit- tags of isakmpd.conf."""

from __future__ import annotations

from daemon.ike.exchange import AnyExchange


def retransmission_wait(exchange: AnyExchange, sends: int) -> float | None:
    """Seconds until the exchange's last message, sent so often by now, is sent again; None: it is given up.

    isakmpd: 2n + 5 seconds after the nth sending, [General]:Retransmits times. A peer's own tags go before that.
    """
    configuration = exchange.oracle.configuration
    peer = configuration.peers.get(exchange.state.subject().peer_name)
    backoff = peer.backoff if peer is not None else configuration.general.backoff
    if backoff is not None:
        return backoff.wait(sends) if sends <= backoff.tries else None
    return 2 * sends + 5 if sends <= configuration.general.retransmits else None
