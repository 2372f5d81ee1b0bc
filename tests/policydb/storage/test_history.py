"""Generations compared and restored: what differs is shown, what was in force is in force again, nothing is lost."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.compiling.compiler import compile_paths
from policydb.request import Request
from policydb.storage import schema
from policydb.storage.history import Status, compare, list_generations, roll_back
from policydb.storage.snapshot import open_snapshot
from policydb.storage.store import Publication, Source, open_store
from policydb.storage.storefile import StoreError
from tests.policydb.old_stores import SCHEMAS, write_old_store
from tests.policydb.stores import NOON, assertion, configuration, forget_records, publish, resolved, source
from tests.sizes import examples


def said(name: str, text: str, digest: str = "") -> Source:
    """A source that says `text`; nothing was compiled of it."""
    return Source(name, "policy", digest or text, text=text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.db"


def compiled(path: Path, policy: str) -> int:
    """The generation that a policy file of this text becomes."""
    file = path.with_name("site.policy")
    file.write_text(policy)
    generation = compile_paths([file], path, NOON, author="alice").generation
    assert generation is not None
    return generation


ALICE = 'Authorizer: "POLICY"\nLicensees: "alice"\n'
BOB = 'Authorizer: "POLICY"\nLicensees: "bob"\n'


# --- what there is ------------------------------------------------------------------------------------------------


def test_a_generation_knows_its_author_and_time(path: Path) -> None:
    compiled(path, ALICE)
    (only,) = list_generations(path)
    assert (only.number, only.author, only.published, only.restores) == (1, "alice", "2026-05-04T12:00:00+00:00", None)


def test_the_text_of_a_source_is_kept_to_the_letter(path: Path) -> None:
    odd = "\n# \x80\xff; no newline\n\n\n" + ALICE.rstrip("\n")
    publish(path, said("a", odd))
    publish(path)
    (change,) = compare(path, 2, 1).changes
    assert change.status is Status.ADDED
    shown = "".join(f"{line[1:]}\n" for line in change.lines[3:])
    assert shown == odd + "\n\\ No newline at end of file\n"


# --- differences --------------------------------------------------------------------------------------------------


def test_a_generation_is_the_same_as_itself(path: Path) -> None:
    publish(path, said("a", "x\n"))
    comparison = compare(path, 1)
    assert (comparison.before, comparison.after, comparison.changes, comparison.same) == (1, 1, (), True)


def test_without_a_second_generation_the_one_in_force_is_meant(path: Path) -> None:
    for text in ("one\n", "two\n", "three\n"):
        publish(path, said("a", text))
    assert compare(path, 1) == compare(path, 1, 3)
    assert compare(path, 1).changes[0].lines == (
        "--- a\tgeneration 1",
        "+++ a\tgeneration 3",
        "@@ -1 +1 @@",
        "-one",
        "+three",
    )


def test_added_removed_and_changed_sources_are_told_apart(path: Path) -> None:
    publish(path, said("kept", "k\n"), said("gone", "g\n"), said("other", "1\n"))
    publish(path, said("kept", "k\n"), said("other", "2\n"), said("new", "n\n"))
    comparison = compare(path, 1)
    assert {each.name: each.status for each in comparison.changes} == {
        "gone": Status.REMOVED,
        "other": Status.CHANGED,
        "new": Status.ADDED,
    }
    gone, _, new = comparison.changes
    assert gone.lines == ("--- gone\tgeneration 1", "+++ /dev/null", "@@ -1 +0,0 @@", "-g")
    assert new.lines == ("--- /dev/null", "+++ new\tgeneration 2", "@@ -0,0 +1 @@", "+n")
    assert not comparison.reordered


def test_another_order_alone_is_a_difference(path: Path) -> None:
    publish(path, said("a", "1\n"), said("b", "2\n"))
    publish(path, said("b", "2\n"), said("a", "1\n"))
    comparison = compare(path, 1, 2)
    assert (comparison.changes, comparison.reordered, comparison.same) == ((), True, False)


def test_a_source_whose_text_is_the_same_may_differ_all_the_same(path: Path) -> None:
    """An ipsec.conf that includes a file that has changed."""
    publish(path, said("a", "1\n", "before"))
    publish(path, said("a", "1\n", "after"))
    (change,) = compare(path, 1, 2).changes
    assert (change.status, change.lines) == (Status.CHANGED, ())


LINES = st.lists(st.sampled_from(["", "a", "b", "Authorizer: x", "  -> yes;"]), max_size=30)


@settings(max_examples=examples(40))
@given(LINES, LINES, st.sampled_from([0, 3_000]))
def test_a_difference_is_what_patch_understands(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], more: int
) -> None:
    """The hunks take the old text to the new one, and stand where they say, in long texts too."""
    folder = tmp_path_factory.mktemp("diff")
    around = [f"line {number}" for number in range(more)]
    before, after = ("".join(f"{line}\n" for line in (*around, *each, *around)) for each in (old, new))
    publish(folder / "policy.db", said("a", before))
    publish(folder / "policy.db", said("a", after))
    changes = compare(folder / "policy.db", 1, 2).changes if before != after else ()
    assert applied(before.split("\n"), [line for each in changes for line in each.lines]) == after.split("\n")


def applied(text: list[str], lines: list[str]) -> list[str]:
    """A text with the hunks of a unified diff applied, each exactly in its place."""
    shift = 0
    for line in lines[2:]:
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            place = int(start) - (length != "0") + shift
        elif line.startswith("+"):
            text = [*text[:place], line[1:], *text[place:]]
            place, shift = place + 1, shift + 1
        else:
            assert text[place] == line[1:]
            if line.startswith("-"):
                text = [*text[:place], *text[place + 1 :]]
                shift -= 1
            else:
                place += 1
    return text


@settings(max_examples=examples(40))
@given(LINES, LINES)
def test_it_is_laid_out_as_difflib_does(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str]
) -> None:
    """Where both differ from the first line to the last, nothing is left out of the search and both must agree."""
    folder = tmp_path_factory.mktemp("diff")
    before, after = (["begin " + side, *each, "end " + side] for side, each in (("old", old), ("new", new)))
    for each in (before, after):
        publish(folder / "policy.db", said("a", "".join(f"{line}\n" for line in each)))
    expected = difflib.unified_diff(before, after, "a", "a", "generation 1", "generation 2", lineterm="")
    assert list(compare(folder / "policy.db", 1).changes[0].lines) == list(expected)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs patch(1)")
def test_patch_1_takes_one_text_to_the_other(path: Path) -> None:
    texts = [f"# site\n\n{who}\n\n{last}" for who, last in ((ALICE, BOB), (BOB + "Comment: x\n", ALICE.rstrip("\n")))]
    for text in texts:
        publish(path, said("a", text))
    file = path.with_name("a")
    file.write_text(texts[0])
    lines = "\n".join(compare(path, 1).changes[0].lines) + "\n"
    subprocess.run(["patch", "-p0", str(file)], input=lines, text=True, check=True, capture_output=True, timeout=200)
    assert file.read_text() == texts[1]


@pytest.mark.parametrize(("before", "after"), [(1, 9), (9, 1), (2**70, 1), (1, 2**70)])
def test_a_generation_that_is_not_there_cannot_be_compared(path: Path, before: int, after: int) -> None:
    publish(path, said("a", "1\n"))
    with pytest.raises(StoreError, match="holds no generation") as raised:
        compare(path, before, after)
    assert raised.value.hint == "policydb generations lists them"


@pytest.mark.parametrize("old", [1])
def test_what_an_older_program_published_without_texts_cannot_be_compared(path: Path, old: int) -> None:
    write_old_store(path, old)
    compiled(path, ALICE)
    with pytest.raises(StoreError, match="of generation 1 was published by an older program, which kept no texts"):
        compare(path, 1, 3)


def test_a_source_without_a_text_gets_it_when_it_is_compiled_again(path: Path) -> None:
    """So that a store which was brought up to date can be compared from then on."""
    one = source("a", assertion("POLICY", "k"))
    publish(path, one)
    assert (
        publish(path, Source(one.name, one.kind, one.digest, one.stretches, one.compiled, text="now\n")).published
        is False
    )
    publish(path)
    assert compare(path, 1).changes[0].lines[-1] == "-now"


# --- going back ---------------------------------------------------------------------------------------------------


def test_going_back_is_a_new_generation_that_answers_as_the_old_one_did(path: Path) -> None:
    assert [compiled(path, each) for each in (ALICE, BOB)] == [1, 2]
    assert roll_back(path, 1, NOON + timedelta(hours=1), "carol") == Publication(3, published=True)
    newest = list_generations(path)[-1]
    assert (newest.published, newest.author, newest.restores) == ("2026-05-04T13:00:00+00:00", "carol", 1)
    with open_snapshot(path) as snapshot:
        assert snapshot.generation == 3
        assert snapshot.allows(Request(("alice",)))
        assert not snapshot.allows(Request(("bob",)))
    assert compare(path, 1, 3).same
    assert compare(path, 2, 3).changes[0].lines[-2:] == ('-Licensees: "bob"', '+Licensees: "alice"')


def test_going_back_to_what_is_in_force_changes_nothing(path: Path) -> None:
    compiled(path, ALICE)
    compiled(path, BOB)
    roll_back(path, 1, NOON)
    assert roll_back(path, 1, NOON) == Publication(3, published=False)
    assert roll_back(path, 3, NOON) == Publication(3, published=False)
    assert len(list_generations(path)) == 3


def test_going_back_adds_a_row_and_no_copies(path: Path) -> None:
    compiled(path, "\n".join(f'Authorizer: "POLICY"\nLicensees: "k{number}"\n' for number in range(1_000)))
    compiled(path, ALICE)
    before = path.stat().st_size
    roll_back(path, 1, NOON)
    assert path.stat().st_size == before


def test_a_generation_that_is_not_there_cannot_be_restored(path: Path) -> None:
    compiled(path, ALICE)
    with pytest.raises(StoreError, match="holds no generation 2"):
        roll_back(path, 2, NOON)
    with open_store(path) as store, pytest.raises(StoreError, match="holds no generation 2"):
        store.restore(2, resolved(), NOON)
    assert len(list_generations(path)) == 1


def test_what_another_compiler_made_is_not_put_into_force(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(path, ALICE)
    compiled(path, BOB)
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)
    with pytest.raises(StoreError, match="was compiled by an older program; compile its files again"):
        roll_back(path, 1, NOON)
    assert len(list_generations(path)) == 2


def test_a_configuration_that_is_refused_today_is_not_put_into_force(path: Path) -> None:
    publish(path, configuration("c", (1, "Phase 1", "192.0.2.1", "nowhere")))
    publish(path)
    forget_records(path)
    with pytest.raises(StoreError, match="holds a configuration that this version of the program refuses"):
        roll_back(path, 1, NOON)
    assert len(list_generations(path)) == 2


@pytest.mark.parametrize("old", SCHEMAS)
def test_an_older_store_is_brought_up_to_date_by_a_compile_not_by_going_back(path: Path, old: int) -> None:
    write_old_store(path, old)
    before = path.read_bytes()
    with open_store(path) as store, pytest.raises(StoreError, match="written by an older program"):
        store.restore(1, resolved(), NOON)
    with pytest.raises(StoreError, match="written by an older program"):
        roll_back(path, 1, NOON)
    assert path.read_bytes() == before
    compiled(path, BOB)
    assert roll_back(path, 1, NOON).generation == 4
    with open_snapshot(path) as snapshot:
        assert set(snapshot.configuration.connections) == {"offices"}


# --- secrets ------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_what_is_kept_or_shown(path: Path) -> None:
    conf = path.with_name("isakmpd.conf")
    policy = path.with_name("site.policy")
    texts = []
    for secret in ("hunter2hunter2", "swordfish"):
        policy.write_text(f'# passphrase:{secret}\nAuthorizer: "POLICY"\nLicensees: "passphrase:{secret}"\n')
        conf.write_text(
            "[Phase 1]\n192.0.2.2=West\n[West]\nPhase=1\nAddress=192.0.2.2\nConfiguration=main\n"
            f"Authentication={secret}\n#Authentication= {secret}\nSecret={secret}\n; Key={secret}\n"
            "[main]\nEXCHANGE_TYPE=ID_PROT\nTransforms=AES-256-SHA2-256-GRP14\n"
        )
        assert compile_paths([conf, policy], path, NOON).published
        texts.append(secret)
    shown = "\n".join(line for each in compare(path, 1).changes for line in each.lines)
    kept = b"".join(each.read_bytes() for each in path.parent.glob("policy.db*"))
    assert "+Licensees" in shown
    for secret in texts:
        assert secret not in shown
        assert os.fsencode(secret) not in kept
