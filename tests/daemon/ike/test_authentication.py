"""The table of authentication methods: what each needs, proves and refuses (RFC 2409 section 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.ike.authentication import CARRIERS, METHODS
from daemon.ike.exchange import Role
from daemon.ike.messages.payloads import Hash, Signature
from daemon.ike.messages.transforms import AUTHENTICATION_METHODS
from daemon.ike.policy import psk_authorizers
from policydb.negotiation import Reason
from tests.daemon.ike.forgery import held_at, state_of
from tests.daemon.ike.network import SECRET, connected


def test_every_method_that_can_be_negotiated_has_a_row() -> None:
    assert METHODS.keys() == AUTHENTICATION_METHODS
    assert {each.of(side).carrier for each in METHODS.values() for side in Role} <= CARRIERS


def test_a_pre_shared_key_gives_its_three_principals() -> None:
    for node in connected().nodes:
        (isakmp,) = node.engine._core.sas.isakmp
        assert isakmp.authorizers == psk_authorizers(SECRET)
        assert SECRET.decode() not in repr(isakmp)


@pytest.mark.parametrize("number", [5, 6])
def test_a_proof_in_the_wrong_payload_is_dropped(number: int) -> None:
    held = held_at(number)
    before = state_of(held.receiver)
    signed = tuple(Signature(each.data) if isinstance(each, Hash) else each for each in held.message.payloads)
    held.inject(held.forged(signed))
    assert state_of(held.receiver) == before
    assert "PRE_SHARED is proved by HASH" in held.receiver.log[-1]
    held.release()
    assert held.pair.established


@pytest.mark.parametrize("number", [5, 6])
def test_a_wrong_hash_is_recorded_once_and_changes_nothing(number: int) -> None:
    held = held_at(number)
    before = state_of(held.receiver)
    wrong = tuple(
        replace(each, data=bytes(len(each.data))) if isinstance(each, Hash) else each for each in held.message.payloads
    )
    for _ in range(3):
        held.inject(held.forged(wrong))
    assert state_of(held.receiver) == before
    (record,) = held.receiver.records
    assert record.reason is Reason.AUTHENTICATION_FAILED
    assert "the pre-shared keys differ" in record.detail
    held.release()
    assert held.pair.established
