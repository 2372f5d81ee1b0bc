"""The files of keynote(1): folded literals, environments, and files that are never overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.keynote.keyfiles import KeyFileError, NewFile, create, environment, fold, unfold

KEY = "rsa-hex:" + "0123456789abcdef" * 10


@given(st.text("0123456789abcdef", max_size=300), st.integers(0, 30), st.integers(10, 90))
def test_a_folded_key_is_the_key_again(digits: str, offset: int, length: int) -> None:
    text = f"rsa-hex:{digits}"
    folded = fold(text, offset, length)
    assert unfold(folded) == text
    for line in folded.splitlines():
        assert line.startswith(" " * offset)
        assert len(line) - offset <= length


def test_the_lines_are_those_of_the_manual() -> None:
    """keynote(1): print-length counts the quotes and the backslashes; print-offset the blanks in front."""
    first, second, *_, last = fold(KEY, 12, 50).splitlines()
    assert (len(first), len(second)) == (62, 62)
    assert first.startswith('            "rsa-hex:')
    assert first.endswith("\\")
    assert last.endswith('"')


def test_the_first_line_holds_the_algorithm_and_more() -> None:
    """keynote(1): print-length is longer than AlgorithmName by 2 at least."""
    assert unfold(fold(KEY, 0, 10)) == KEY
    with pytest.raises(KeyFileError, match="10 are needed"):
        fold(KEY, 0, 9)


@pytest.mark.parametrize("text", [KEY, f" {KEY}\n", f'"{KEY}"', f'\n\t"{KEY[:20]}\\\n   {KEY[20:]}"\n'])
def test_a_key_is_read_with_quotes_or_without(text: str) -> None:
    assert unfold(text) == KEY


@pytest.mark.parametrize("text", ["", " ", '"a" "b"', '"a', "a b", '"a\nb"', 'a"'])
def test_what_is_not_one_key_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(KeyFileError, match=r"one key is expected, as a string in quotes\Z"):
        unfold(text)


def test_an_environment_is_read_line_by_line() -> None:
    text = (
        '# who and what\napp_domain = "IPsec policy"\n\n  b="x\\"y\\n" # tail\nlong = "one\\\n   two"\nc = "1"\nc = "2"'
    )
    wanted = {"app_domain": "IPsec policy", "b": 'x"y\n', "long": "onetwo", "c": "2"}
    assert environment(text) == wanted
    assert environment("") == {}


@pytest.mark.parametrize(
    ("text", "line"), [("a", 1), ("a = b\n", 1), ('a = "x" b\n', 1), ('a = "x"\nb = "\n', 2), ('= "x"\n', 1), ("\0", 1)]
)
def test_a_line_that_sets_nothing_is_refused(text: str, line: int) -> None:
    with pytest.raises(KeyFileError, match=f"line {line} is not"):
        environment(text)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    for read in (environment, unfold):
        try:
            read(text)
        except KeyFileError:
            continue


def test_a_secret_is_for_its_owner_alone(tmp_path: Path) -> None:
    secret, public = tmp_path / "key", tmp_path / "pub"
    create([NewFile(str(secret), "s", secret=True), NewFile(str(public), "p", secret=False)])
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) & 0o400
    assert (secret.read_text(), public.read_text()) == ("s", "p")


def test_nothing_is_overwritten_and_then_nothing_is_left(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("precious")
    with pytest.raises(KeyFileError, match="never overwritten"):
        create([NewFile(str(new), "s", secret=True), NewFile(str(old), "p", secret=False)])
    assert old.read_text() == "precious"
    assert not new.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """O_EXCL: nobody can have the key written elsewhere."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(KeyFileError):
        create([NewFile(str(tmp_path / "link"), "s", secret=True)])
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("name", ["no/such/folder", "a\0b"])
def test_a_file_that_cannot_be_made_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="cannot be written"):
        create([NewFile(f"{tmp_path}/{name}", "s", secret=True)])
