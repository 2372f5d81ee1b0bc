"""The options of `explain --peer`, as one question: apart from the command, which loads much more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class PeerQuestion:
    """What is known of an incoming negotiation, as typed."""

    address: str
    local_ids: tuple[str, ...]
    remote_ids: tuple[str, ...]
    offers: tuple[str, ...]


_OPTIONS = (
    click.option("--peer", metavar="ADDRESS", help="Show which peer section and connection this address would get."),
    click.option(
        "--local-id",
        "local_ids",
        multiple=True,
        metavar="ID",
        help="With --peer: our name, or the network or host here; NETWORK,6,22 for one protocol and port.",
    ),
    click.option(
        "--remote-id",
        "remote_ids",
        multiple=True,
        metavar="ID",
        help="With --peer: the peer's name, or the network or host there; for both give it twice.",
    ),
    click.option(
        "--offer",
        "offers",
        multiple=True,
        metavar="NAME",
        help="With --peer: a transform or suite that is offered, such as AES-256-SHA2-256-GRP14.",
    ),
)


def peer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which gets them as `peer`: a PeerQuestion, or None without --peer."""

    @wraps(command)
    def asked(
        *given: object,
        peer: str | None,
        local_ids: tuple[str, ...],
        remote_ids: tuple[str, ...],
        offers: tuple[str, ...],
        **rest: object,
    ) -> object:
        if peer is None and (local_ids or remote_ids or offers):
            raise click.UsageError("--local-id, --remote-id and --offer belong to --peer ADDRESS")
        question = None if peer is None else PeerQuestion(peer, local_ids, remote_ids, offers)
        return command(*given, peer=question, **rest)

    for option in reversed(_OPTIONS):
        asked = option(asked)
    return asked
