"""Filling a known shape and parsing: one and the same, for good texts, bad ones and whatever lies between."""

from __future__ import annotations

import gzip
import json
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import keynote, nodes
from grammar.keynote import Piece
from grammar.layouts import lay_out
from policydb.keynote import reading
from policydb.keynote.reading import Reader, Reading
from policydb.keynote.templates import NoTemplateError, make_template
from tests.sizes import examples, sized

SLICES = 8
"""Pieces of the vectors that pytest-xdist may read side by side."""

VECTORS = Path(__file__).parents[2] / "vectors" / "keynote-cases.jsonl.gz"
RULE = """\
# rule 1
KeyNote-Version: 2
Comment: free "text
  of rule 1
Local-Constants: KEY = "rsa-hex:30060201030201 03" PEER="p1"
Authorizer: "POLICY"
Licensees: "alice" && ("b" . PEER || 2-of("x", "y", "z")) # of 1
Conditions: app_domain == "IPsec policy" && @port >= 1 && port != PEER . "5"
    && a ~= "^x\\"$" -> "true"; # tail
  &weight < 1.5 -> { true && 2 * @n == 10; };
""".replace(" 03", "03")


@cache
def slow(text: str) -> Reading:
    """What parsing yields, by a reader that has never seen anything."""
    return Reader().read(Piece(7, 3, text), "", "x.policy")


def digest_of(read: Reading) -> str:
    return "" if read.compiled is None else read.compiled.digest


def check(reader: Reader, text: str) -> Reading:
    """The reader agrees with the parser about this text, in everything that is kept, said or looked at."""
    expected = slow(text)
    found = reader.read(Piece(7, 3, text), digest_of(expected), "x.policy")
    assert found.compiled == expected.compiled
    assert found.diagnostics == expected.diagnostics
    if expected.compiled is not None:
        assert found.exact() == expected.exact()
        assert without_places(found.draft()) == without_places(expected.exact())
    return found


def without_places(node: Any) -> Any:  # noqa: ANN401 - any field of a node
    """A node as nested tuples, without its places and without the texts that drafts leave out."""
    if isinstance(node, nodes.Span):
        return None
    if isinstance(node, tuple):
        return tuple(without_places(each) for each in node)
    if is_dataclass(node):
        left_out = {"text", "comment"} if isinstance(node, nodes.Assertion) else set()
        parts = [without_places(getattr(node, each.name)) for each in fields(node) if each.name not in left_out]
        return (type(node), *parts)
    return node


def taught(text: str) -> Reader:
    """A reader that knows the shape of a text."""
    reader = Reader()
    for _ in range(2):
        reader.read(Piece(0, 1, text), "", "x.policy")
    return reader


@cache
def texts() -> tuple[str, ...]:
    with gzip.open(VECTORS, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    found = {
        piece.text
        for case in cases
        for text in (*case.get("policies", ()), *case.get("files", ()), *case.get("credentials", ()))
        for piece in keynote.split_assertions(text)
        if len(text) < 2_000
    }
    return (RULE, *sorted(found))


def test_a_shape_is_parsed_twice_and_filled_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    first, second, third = (check(reader, RULE.replace("alice", name)) for name in ("a", "bb", "ccc"))
    assert first.template is None
    assert second.template is third.template is not None
    monkeypatch.setattr(reading, "parse_piece", None)
    fourth = reader.read(Piece(0, 1, RULE.replace("alice", "dddd")), "", "x.policy")
    assert fourth.compiled is not None
    assert fourth.compiled.licensees == ("and", "dddd", ("or", "bp1", ("of", 2, "x", "y", "z")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rule 1\n", 'rule "2" with # and "\n'),
        ("of rule 1", "of\n\n  rule 2"),
        ("of rule 1", "of\n # rule\n\t2"),
        ('"alice"', '"rsa-hex:zz"'),
        ('"alice"', '""'),
        ('"alice"', '"a\\\n   b"'),
        ('"alice"', '"a\\\nb"'),
        ('"alice"', '"a\\\n"'),
        ('"alice"', '"a\\\n  \n  b"'),
        ('"alice"', '"alice'),
        ('"alice"', "'alice'"),
        ('"alice"', '"\\x\\101\\"\\\\"'),
        ('"p1"', '"\x01\x02"'),
        ('"rsa-hex:3006020103020103"', '"RSA-HEX:3006020103020103"'),
        (">= 1 ", ">= 0999999999999999999999 "),
        (">= 1 ", ">= 1.0 "),
        (">= 1 ", ">= 1-of "),
        (">= 1 ", ">= 1a "),
        (">= 1 ", ">= 7040700017040 "),
        ("port ", "a70407000970407 "),
        ("1.5", "70407000970407.70407000970407"),
        ("2-of", "4-of"),
        ("2-of", "0-of"),
        ("1.5", "2.25"),
        ('"^x\\"$"', '"("'),
        ("# tail", "#"),
        ("# tail", '# "tail'),
        ("# tail", ""),
        ("KeyNote-Version: 2", "KeyNote-Version: 3"),
        ("KeyNote-Version: 2", 'KeyNote-Version: "2"'),
        ("KeyNote-Version: 2", 'keynote-version:2 # "'),
        ("KeyNote-Version: 2", "KeyNote-Version: 2 3"),
        ("KeyNote-Version: 2", "KeyNote-Version: 2.0"),
        ("KeyNote-Version: 2", "KeyNote-Version: 2-of"),
        ("KeyNote-Version: 2", 'KeyNote-Version: "2" . "1"'),
        ("KeyNote-Version: 2", "KeyNote-Version: 2\n 1"),
        ("KeyNote-Version: 2", "KeyNote-Version:\n 2"),
        ("Comment:", "comment:"),
        ("Comment:", "Coment:"),
        ("Authorizer:", 'Comment: "x"\nAuthorizer:'),
        ("Authorizer:", "# Comment: x\nAuthorizer:"),
        ("Authorizer:", " # x\nAuthorizer:"),
        ("\nAuth", "\r\nAuth"),
        ("free", "fr\0ee"),
        ('"POLICY"', "KEY"),
        ('"POLICY"', "nobody"),
        ('"POLICY"', '$"KEY"'),
        ('"POLICY"', '"\xe9\xff"'),
        ("&& a ~=", '&& $"port" == "x" && a ~='),
        ("&& a ~=", '&& "1" < 2 && a ~='),
    ],
)
def test_a_text_near_to_a_known_shape_is_read_as_the_parser_does(old: str, new: str) -> None:
    assert old in RULE
    altered = RULE.replace(old, new)
    check(taught(RULE), altered)
    reader = taught(altered)
    check(reader, altered)
    check(reader, RULE)


@pytest.mark.full_size
@pytest.mark.parametrize("start", range(sized(2, SLICES)))
def test_a_vector_is_read_the_same_when_its_shape_is_known_and_most_good_ones_have_a_template(start: int) -> None:
    reader = Reader()
    good = filled = 0
    for text in texts()[start::SLICES]:
        for _ in range(3):
            found = check(reader, text)
        is_good = found.compiled is not None and not found.diagnostics
        if lay_out(text) is None or not is_good or found.exact().signature is not None:
            assert found.template is None
        good += is_good
        filled += found.template is not None
    assert filled > 0.8 * good > 100


LITERALS = [
    *['"x"', '""', '"rsa-hex:00"', '"binary-hex:0a"', '"a\\"b"', '"a\\\n b"', '"a\\\nb"', '"a\\\n\n b"', '"# no"'],
    *['"$x"', '"', '"\\', "0", "17", "1.5", "2-of", "9a", "#", "# c", '# "c', "true", "$", "\0", "\r\n", '"KEY"'],
]


@settings(max_examples=examples(300))
@given(st.data())
def test_other_literals_in_a_known_shape_are_read_as_the_parser_does(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts()))
    layout = lay_out(text)
    if layout is None:
        return
    parts = list(layout.parts)
    for number in range(1, len(parts), 2):
        if data.draw(st.booleans()):
            parts[number] = data.draw(st.sampled_from(LITERALS) | st.sampled_from(parts[1::2]))
    check(taught(text), "".join(parts))


@settings(max_examples=examples(300))
@given(st.data())
def test_any_mutation_of_a_known_shape_is_read_as_the_parser_does(data: st.DataObject) -> None:
    text = data.draw(st.just(RULE) | st.sampled_from(texts()))
    reader = taught(text)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 4)))
        new = st.sampled_from(LITERALS) | st.text(st.characters(max_codepoint=255), max_size=3)
        text = text[:start] + data.draw(new) + text[end:]
    check(reader, text)
    check(taught(text), text)


@pytest.mark.parametrize(
    "text",
    [
        'Authorizer: "POLICY"\nSignature: "s"\n',
        'Authorizer: "POLICY"\nConditions: a = "b";\n',
        'Authorizer: nobody\nLicensees: "a"\n',
        'Authorizer: "POLICY"\nConditions: ' + "(" * 5 + "!" * 80 + 'a == "b"' + ")" * 5 + ";\n",
    ],
)
def test_what_is_signed_wrong_doubtful_or_deep_is_parsed_each_time(text: str) -> None:
    layout = lay_out(text)
    assert layout is not None
    with pytest.raises(NoTemplateError):
        make_template(layout)
    assert check(taught(text), text).template is None


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_SHAPES", 5)
    reader = Reader()
    for number in range(50):
        for _ in range(2):
            reader.read(Piece(0, 1, f'Authorizer: "POLICY"\nConditions: a{number} == "b";\n'), "", "x")
        assert len(reader._templates) <= len(reader._seen) <= 5
