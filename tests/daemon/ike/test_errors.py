"""Errors: each ProtocolError class tells the peer its own notification."""

from __future__ import annotations

import re

import pytest

from daemon.ike import errors
from daemon.ike.errors import LocalError, NoProposalChosen, ProtocolError, Silent
from daemon.ike.registries import Notification
from policydb.negotiation import Comparison

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, ProtocolError) and each not in (ProtocolError, Silent)
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda each: each.__name__)
def test_a_class_is_named_after_its_notification(kind: type[ProtocolError]) -> None:
    words = re.findall("[A-Z][a-z]+", kind.__name__)
    assert kind.notification is Notification["_".join(words).upper()]
    assert kind("text").args == ("text",)


def test_a_silent_error_tells_the_peer_nothing() -> None:
    assert Silent("x").notification is None


def test_a_refusal_carries_its_comparisons() -> None:
    comparison = Comparison("a", "b", ())
    assert NoProposalChosen("none", (comparison,)).comparisons == (comparison,)


def test_our_own_errors_are_not_the_peers() -> None:
    assert not issubclass(LocalError, ProtocolError)
