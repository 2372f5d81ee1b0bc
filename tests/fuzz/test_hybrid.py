"""Rubbish where hybrid mode takes a HASH that proves nobody, and where the unknown peer then speaks under its keys.

Whoever does the key exchange comes as far as this without a key of its own, so all of it is a stranger's input.
"""

from __future__ import annotations

from random import Random

import pytest

from daemon.ike.events import InstallSas, LogLine
from daemon.ike.messages.payloads import Attributes, DataAttribute, Delete, Notify, encode_payloads
from daemon.ike.registries import ConfigurationAttribute as Kind
from daemon.ike.registries import ConfigurationType, ExchangeType, Notification, Protocol
from tests.daemon.ike.roadwarrior import isakmp_of
from tests.daemon.ike.test_hybrid import hybrid, waiting
from tests.fuzz.mutations import HEADER, damaged
from tests.fuzz.test_authenticated import sealed
from tests.fuzz.test_datagrams import OffenceError, check_lines
from tests.fuzz.test_signed import Stopped, caught

COUNT = 400
MOST_LINES = 100


def test_rubbish_in_the_place_of_the_hash() -> None:
    seed = "hybrid"
    trial: Stopped = caught(hybrid())
    before = trial.pair.west.census()
    for message in damaged([trial.clear], COUNT, Random(seed)):
        try:
            check_lines(trial.receive(trial.sealed(message)))
        except Exception as error:
            raise OffenceError(f"{type(error).__name__}: {error}; seed {seed!r}, message {message.hex()}") from error
        if trial.pair.west.phase(1):  # damage to what no HASH covers
            assert isakmp_of(trial.pair.west).unproved
            trial = caught(hybrid())
            continue
        assert trial.pair.west.census() == before
    trial.receive(trial.genuine)
    assert isakmp_of(trial.pair.west).unproved


@pytest.mark.parametrize("exchange", [ExchangeType.TRANSACTION, ExchangeType.QUICK_MODE, ExchangeType.INFO], ids=str)
def test_rubbish_from_a_peer_that_is_nobody_yet(exchange: ExchangeType) -> None:
    seed = f"hybrid/{exchange}"
    random = Random(seed)
    pair = waiting()
    west, sa, lines = pair.west, isakmp_of(pair.west), 0
    reply = Attributes(ConfigurationType.REPLY, 1, (DataAttribute(Kind.XAUTH_USER_NAME, b"bob"),))
    news = (
        Delete(Protocol.IPSEC_ESP, (b"\1\2\3\4",)),
        Notify(Notification.INITIAL_CONTACT, Protocol.ISAKMP, sa.cookies),
    )
    first, rest = encode_payloads((reply,) if exchange != ExchangeType.INFO else news)
    for chain in damaged([bytes([*[0] * 16, first, *[0] * 11]) + rest], COUNT, random):
        data = sealed(sa, exchange, random.randrange(1, 1 << 32), chain[16] if len(chain) > 16 else 0, chain[HEADER:])
        try:
            outputs = west.engine.receive_datagram(data, sa.path, pair.now)
        except Exception as error:
            raise OffenceError(f"{type(error).__name__}: {error}; seed {seed!r}, chain {chain.hex()}") from error
        assert not [each for each in outputs if isinstance(each, InstallSas)]
        assert not sa.user
        if sa not in west.engine._core.sas.isakmp:  # it has deleted its own ISAKMP SA, and nothing else
            pair = waiting()
            west, sa = pair.west, isakmp_of(pair.west)
            lines = 0
        lines += sum(isinstance(each, LogLine) and each.level == 0 and not each.verbose for each in outputs)
        assert lines <= MOST_LINES, "at one instant, so nothing has given it leave for more"
