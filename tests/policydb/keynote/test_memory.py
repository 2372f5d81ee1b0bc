"""Graphs in memory find assertions from both ends."""

from __future__ import annotations

from policydb.decision import AssertionReport, AssertionStatus, Place
from policydb.keynote.memory import MemoryGraph, Overlay
from tests.policydb.stores import assertion

ROOT = assertion("POLICY", ("and", "a", ("of", 1, "b", "c", "b")))
OPEN = assertion("a", None)
NOBODY = assertion("b", ())
DROPPED = AssertionReport(Place("x", 1), AssertionStatus.IGNORED, "syntax")
GRAPH = MemoryGraph([ROOT, OPEN, NOBODY], [DROPPED], generation=3)


def test_assertions_are_found_by_each_licensee_once() -> None:
    assert [list(GRAPH.licensing(name)) for name in ("a", "b", "c")] == [[ROOT]] * 3
    assert list(GRAPH.licensing("POLICY")) == []


def test_assertions_are_found_by_their_authorizer() -> None:
    assert [list(GRAPH.authorized_by(name)) for name in ("POLICY", "a", "b", "c")] == [[ROOT], [OPEN], [NOBODY], []]


def test_only_a_missing_licensees_field_is_open_to_all() -> None:
    assert list(GRAPH.open_to_all()) == [OPEN]


def test_the_rest_is_kept() -> None:
    assert (GRAPH.generation, GRAPH.assertions, GRAPH.ignored()) == (3, (ROOT, OPEN, NOBODY), (DROPPED,))


def test_an_overlay_adds_and_changes_nothing_below() -> None:
    more, everybody = assertion("c", "a"), assertion("d", None)
    overlay = Overlay(GRAPH, [more, everybody], [DROPPED])
    assert list(overlay.licensing("a")) == [ROOT, more]
    assert list(overlay.open_to_all()) == [OPEN, everybody]
    assert list(overlay.authorized_by("c")) == [more]
    assert list(overlay.ignored()) == [DROPPED, DROPPED]
    assert overlay.generation == 3
    assert list(GRAPH.licensing("a")) == [ROOT]
