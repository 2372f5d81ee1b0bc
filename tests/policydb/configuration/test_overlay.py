"""policydb/configuration/overlay.py: FIFO changes on a generation, tag by tag (isakmpd(8), FIFO command C)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.nodes import Binding, Span
from policydb.configuration.config import resolve
from policydb.configuration.overlay import (
    BLANK,
    SOURCE,
    Change,
    ChangeError,
    Difference,
    Overlay,
    OverlayError,
    Verb,
    WorkingCopy,
    from_text,
    members_of,
    to_json,
)
from policydb.configuration.sealing import secret_reference

HERE = Span(0, 0, 1, 1)


def copy(*bindings: tuple[str, str, str]) -> WorkingCopy:
    """A generation of `(section, tag, value)`."""
    made = (Binding(HERE, section, tag, value, HERE, HERE) for section, tag, value in bindings)
    return WorkingCopy(7, [("isakmpd.conf", each) for each in made])


def changed(working: WorkingCopy, *changes: Change) -> WorkingCopy:
    for each in changes:
        working.apply(each)
    return working


def do(verb: str, section: str, tag: str = "", value: str = "", *, force: bool = False) -> Change:
    return Change(Verb(verb), section, tag, value, force)


# --- each row -----------------------------------------------------------------------------------------------------


def test_set_creates_a_tag_and_get_finds_it_whatever_the_case() -> None:
    working = changed(copy(), do("set", "a b", "Port", "500"))
    assert working.value("A B", "PORT") == "500"


def test_set_without_force_leaves_a_tag_that_is_set_and_says_so() -> None:
    working = copy(("a", "Port", "500"))
    with pytest.raises(ChangeError, match=r"duplicate tag \[A\]:port, ignoring\.\.\.$"):
        working.apply(do("set", "A", "port", "501"))
    assert working.value("a", "Port") == "500"
    assert working.overlay().differences == ()


@pytest.mark.parametrize(("section", "tag"), [("AES-SHA2-256-GRP14", "Life"), ("LIFE_MAIN_MODE", "LIFE_TYPE")])
def test_what_is_predefined_is_set_and_asks_for_force(section: str, tag: str) -> None:
    working = copy()
    with pytest.raises(ChangeError, match="duplicate tag"):
        working.apply(do("set", section, tag, "mine"))
    assert changed(working, do("set", section, tag, "mine", force=True)).value(section, tag) == "mine"


def test_set_with_force_overwrites() -> None:
    working = changed(copy(("a", "Port", "500")), do("set", "A", "PORT", "501", force=True))
    assert working.value("a", "Port") == "501"
    assert [each.value for _, each in working.bindings()] == ["501"]


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (None, "x", "x"),
        ("x", "x", "x"),
        ("x", "X", "x,X"),
        ("x,y", "z", "x,y,z"),
        ("x, y", "z", "x, y,z"),
        ("x,", "y", "x,y"),
        ("", "x", "x"),
        ("x", "y,x,z", "x,y,z"),
        ("x", ",", "x"),
    ],
)
def test_add_appends_what_is_no_member_yet(before: str | None, value: str, after: str) -> None:
    working = copy(*([("l", "Transforms", before)] if before is not None else []))
    assert changed(working, do("add", "l", "transforms", value)).value("L", "Transforms") == after


def test_add_goes_on_from_what_is_predefined() -> None:
    name = "Default-phase-1-configuration"
    working = changed(copy(), do("add", name, "Transforms", "AES-SHA"))
    assert working.value(name, "Transforms") == "3DES-SHA-RSA_SIG,AES-SHA"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("x,y,z", "y", "x,z"),
        ("x, y", "y", "x"),
        ("x,y,x", "x", "y"),
        ("x,y", "X", "x,y"),
        ("x,y", "w", "x,y"),
        ("x", "x", None),
        (None, "x", None),
    ],
)
def test_rmv_removes_a_member_and_with_the_last_one_the_tag(before: str | None, value: str, after: str | None) -> None:
    working = copy(*([("l", "Suites", before)] if before is not None else []))
    assert changed(working, do("rmv", "L", "suites", value)).value("l", "Suites") == after


def test_rm_removes_one_tag_and_rms_a_section() -> None:
    working = copy(("a", "Port", "1"), ("a", "Address", "192.0.2.1"), ("A", "Flags", "ikecfg"), ("b", "Port", "2"))
    changed(working, do("rm", "a", "PORT"), do("rm", "a", "nothing"), do("rm", "nowhere", "x"))
    assert working.value("a", "Port") is None
    assert working.value("a", "Address") == "192.0.2.1"
    changed(working, do("set", "a", "Phase", "1"), do("rms", "A"), do("rms", "nowhere"))
    assert [(each.section, each.tag) for _, each in working.bindings()] == [("b", "Port")]


def test_what_is_predefined_comes_back_when_its_override_is_removed() -> None:
    working = copy(("AES-SHA", "KEY_LENGTH", "256"))
    changed(working, do("rm", "AES-SHA", "KEY_LENGTH"))
    assert working.value("AES-SHA", "KEY_LENGTH") == "128,128:256"


def test_a_default_lifetime_that_is_set_counts_at_once() -> None:
    """Facts, section 9: the original takes it from the file alone."""
    working = changed(copy(), do("set", "General", "Default-phase-1-lifetime", "100,50:200"))
    assert working.value("LIFE_MAIN_MODE", "LIFE_DURATION") == "100,50:200"
    changed(working, do("rm", "General", "Default-phase-1-lifetime"))
    assert working.value("LIFE_MAIN_MODE", "LIFE_DURATION") == "3600,60:86400"


def test_findings_about_changes_name_the_number_of_the_change() -> None:
    working = changed(copy(), do("set", "p", "Phase", "1"), do("set", "p", "Configuration", "nowhere"))
    found = [each for each in resolve(working.bindings()).errors if each.source == SOURCE]
    assert [(each.code, each.span.line) for each in found] == [("CF201", 2)]


# --- keys ---------------------------------------------------------------------------------------------------------


def test_a_key_is_kept_beside_and_a_reference_stands_for_it() -> None:
    working = changed(copy(("p", "Phase", "1")), do("set", "P", "AUTHENTICATION", "mekmitasdigoat"))
    reference = secret_reference("p")
    assert working.keys == {reference: b"mekmitasdigoat"}
    assert working.value("p", "Authentication") == reference
    assert "mekmitasdigoat" not in f"{working.bindings()} {working.shown()} {to_json(working.overlay())}"


def test_another_key_is_a_difference_though_its_reference_is_the_same() -> None:
    working = copy(("p", "Authentication", secret_reference("p")))
    changed(working, do("set", "p", "Authentication", "0x6d656b", force=True))
    assert working.keys == {secret_reference("p"): b"mek"}
    assert working.overlay().differences == (Difference("p", "Authentication", BLANK, BLANK),)


@pytest.mark.parametrize(("section", "tag"), [("p", "XAUTH-Password"), ("XAUTH-users", "bob")])
def test_a_password_is_kept_beside_as_well(section: str, tag: str) -> None:
    working = changed(copy(), do("set", section, tag, "mekmitasdigoat"))
    reference = secret_reference(section, tag)
    assert working.keys == {reference: b"mekmitasdigoat"}
    assert working.value(section, tag) == reference
    assert working.overlay().differences == (Difference(section, tag, None, BLANK),)
    assert "mekmitasdigoat" not in f"{working.bindings()} {working.shown()} {to_json(working.overlay())}"


@pytest.mark.parametrize(
    "change",
    [
        do("set", "p", "Authentication", "0xmekmi"),
        do("add", "p", "Authentication", "mekmi"),
        do("add", "XAUTH-users", "Authentication", "mekmi"),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_telling_it(change: Change) -> None:
    working = copy()
    with pytest.raises(ChangeError) as refusal:
        working.apply(change)
    assert "mekmi" not in str(refusal.value)
    assert working.value("p", "Authentication") is None
    assert working.keys == {}


def test_the_value_of_an_unknown_tag_is_not_shown() -> None:
    working = changed(copy(), do("set", "p", "Authenticaton", "mekmi"))
    assert working.overlay().differences == (Difference("p", "Authenticaton", None, BLANK),)
    assert [each.value for each in working.shown()] == [BLANK]


# --- the overlay as a value ---------------------------------------------------------------------------------------


def test_the_overlay_is_what_differs() -> None:
    working = copy(("a", "Port", "1"), ("a", "Address", "x"), ("Phase 2", "Connections", "c"))
    changed(
        working,
        do("set", "a", "Port", "2", force=True),
        do("set", "a", "Port", "1", force=True),
        do("rm", "a", "Address"),
        do("add", "Phase 2", "Connections", "d"),
        do("set", "b", "Phase", "1"),
    )
    assert working.overlay() == Overlay(
        7,
        (
            Difference("a", "Address", "x", None),
            Difference("Phase 2", "Connections", "c", "c,d"),
            Difference("b", "Phase", None, "1"),
        ),
    )


_TEXTS = st.text(st.characters(max_codepoint=255), max_size=5)
_DIFFERENCES = st.builds(Difference, _TEXTS, _TEXTS, st.none() | _TEXTS, st.none() | _TEXTS)


@given(
    st.builds(Overlay, st.integers(0), st.lists(_DIFFERENCES).map(tuple), st.booleans(), st.lists(_TEXTS).map(tuple))
)
def test_an_overlay_survives_its_file(overlay: Overlay) -> None:
    assert from_text(json.dumps(to_json(overlay))) == overlay


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"generation": 1}', '{"generation": "x"', "[" * 100_000])
def test_any_other_text_is_no_overlay(text: str) -> None:
    with pytest.raises(OverlayError):
        from_text(text)


# --- properties ---------------------------------------------------------------------------------------------------

_SECTIONS = st.sampled_from(["a", "A", "b", "General"])
_TAGS = st.sampled_from(["Port", "PORT", "Suites", "Transforms"])
_VALUES = st.sampled_from(["x", "y", "z", "x,y", "Z"])
_CHANGES = st.builds(Change, st.sampled_from(Verb), _SECTIONS, _TAGS, _VALUES, st.booleans())
_BASES = st.lists(st.tuples(_SECTIONS, _TAGS, _VALUES), max_size=5)


class Model:
    """The same, as simply as it can be said: a dictionary."""

    def __init__(self, bindings: list[tuple[str, str, str]]) -> None:
        self.values: dict[tuple[str, str], str] = {}
        for section, tag, value in bindings:
            self.values.setdefault((section.lower(), tag.lower()), value)

    def apply(self, change: Change) -> None:
        key = (change.section.lower(), change.tag.lower())
        there = members_of(self.values.get(key, ""))
        if change.verb is Verb.SET and (change.force or key not in self.values):
            self.values[key] = change.value
        elif change.verb is Verb.ADD:
            there += [each for each in members_of(change.value) if each not in there]
            self.values[key] = ",".join(there)
        elif change.verb is Verb.RMV:
            there = [each for each in there if each not in members_of(change.value)]
            self.values[key] = ",".join(there)
        elif change.verb is Verb.RM:
            self.values.pop(key, None)
        elif change.verb is Verb.RMS:
            self.values = {each: value for each, value in self.values.items() if each[0] != key[0]}
        if change.verb is Verb.RMV and not there:
            del self.values[key]


@given(_BASES, st.lists(_CHANGES, max_size=30))
def test_any_changes_agree_with_a_dictionary(base: list[tuple[str, str, str]], changes: list[Change]) -> None:
    working, model = copy(*base), Model(base)
    for change in changes:
        model.apply(change)
        try:
            working.apply(change)
        except ChangeError:
            assert change.verb is Verb.SET
        found = {(each.section.lower(), each.tag.lower()): each.value for _, each in working.bindings()}
        assert found == model.values
        key = (change.section.lower(), change.tag.lower())
        assert working.value(change.section, change.tag) == model.values.get(key)


@given(_BASES, st.lists(_CHANGES, max_size=10))
def test_the_overlay_leads_from_the_generation_to_what_holds(
    base: list[tuple[str, str, str]], changes: list[Change]
) -> None:
    working = copy(*base)
    for change in changes:
        try:
            working.apply(change)
        except ChangeError:
            continue
    told = Model(base).values
    for each in working.overlay().differences:
        key = (each.section.lower(), each.tag.lower())
        assert told.get(key) == each.before != each.after
        if each.after is None:
            del told[key]
        else:
            told[key] = each.after
    assert told == {(each.section.lower(), each.tag.lower()): each.value for _, each in working.bindings()}


@given(_BASES, _SECTIONS, _TAGS, _VALUES)
def test_add_is_idempotent(base: list[tuple[str, str, str]], section: str, tag: str, value: str) -> None:
    working = changed(copy(*base), do("add", section, tag, value))
    once = working.bindings(), working.value(section, tag)
    changed(working, do("add", section, tag, value))
    assert [each.value for _, each in working.bindings()] == [each.value for _, each in once[0]]
    assert working.value(section, tag) == once[1]


@given(_BASES, _SECTIONS, _TAGS)
def test_rmv_undoes_add(base: list[tuple[str, str, str]], section: str, tag: str) -> None:
    working = copy(*base)
    before = members_of(working.value(section, tag) or "")
    changed(working, do("add", section, tag, "new"), do("rmv", section, tag, "new"))
    assert members_of(working.value(section, tag) or "") == list(dict.fromkeys(before))
