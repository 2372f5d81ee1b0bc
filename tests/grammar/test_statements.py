"""Configurations of other IKE daemons as statements: swanctl.conf(5), libreswan's ipsec.conf(5), racoon.conf(5)."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grammar.codes import Code
from grammar.errors import GrammarError
from grammar.nodes import Statement
from grammar.statements import Language, parse_statements

Shape: TypeAlias = list[object]


def shape(statements: tuple[Statement, ...] | None) -> Shape | None:
    if statements is None:
        return None
    return [each.words if each.body is None else (each.words, shape(each.body)) for each in statements]


def parsed(text: str, language: Language) -> Shape | None:
    return shape(parse_statements(text, "f", language))


def refused(text: str, language: Language) -> tuple[str, int, int]:
    with pytest.raises(GrammarError) as caught:
        parse_statements(text, "f", language)
    (found,) = caught.value.diagnostics
    return found.code, found.span.line, found.span.column


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("# only a comment", []),
        ("a = b", [("a", "b")]),
        ("a = b c # d\n", [("a", "b c")]),
        ("a =\nb = c\n", [("a", ""), ("b", "c")]),
        ('a = "x # \\"y\\" } \\n"\n', [("a", 'x # "y" } \n')]),
        ('a = "one\ntwo"\n', [("a", "one\ntwo")]),
        ("a { b = c }", [(("a",), [("b", "c")])]),
        ("a\n{\n}\n", [(("a",), [])]),
        ("a : b, c.d { }", [(("a", "b", "c.d"), [])]),
        ("a { b { c = d } } e = f", [(("a",), [(("b",), [("c", "d")])]), ("e", "f")]),
        ("include conf.d/*.conf # more\n", [("include", "conf.d/*.conf")]),
        ("include = x\n", [("include", "x")]),
        ("%x-1 = y\r\n", [("%x-1", "y")]),
    ],
)
def test_swanctl(text: str, wanted: Shape) -> None:
    assert parsed(text, Language.SWANCTL) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("version 2.0\n\nconn a\n\tleft=1.2.3.4 # x\n", [("version", "2.0"), (("conn", "a"), [("left", "1.2.3.4")])]),
        ("conn a\n  leftid=@b#c\n", [(("conn", "a"), [("leftid", "@b#c")])]),
        ('conn a\n  leftid="C=DE, O=x # y"\n', [(("conn", "a"), [("leftid", "C=DE, O=x # y")])]),
        ("conn a\n  x = y z\n", [(("conn", "a"), [("x", "y z")])]),
        ("conn a\n\n# c\n  x=\nconn b\n", [(("conn", "a"), [("x", "")]), (("conn", "b"), [])]),
        ("conn a\ninclude /x/*.conf\n x=y\n", [(("conn", "a"), []), ("include", "/x/*.conf"), ("x", "y")]),
        ("config setup\n\tconn=y\n", [(("config", "setup"), [("conn", "y")])]),
    ],
)
def test_libreswan(text: str, wanted: Shape) -> None:
    assert parsed(text, Language.LIBRESWAN) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('path certificate "/a b";', [("path", "certificate", "/a b")]),
        ("a { b 1, 2; ; c { } } # x", [(("a",), [("b", "1", ",", "2"), (("c",), [])])]),
        ("remote 1.2.3.4\n[500]\n{\n}\n", [(("remote", "1.2.3.4", "[500]"), [])]),
    ],
)
def test_racoon(text: str, wanted: Shape) -> None:
    assert parsed(text, Language.RACOON) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('1.2.3.4 2001:db8::1 : PSK "a b"\n', [("1.2.3.4", "2001:db8::1", ":", "PSK", '"a b"')]),
        ("%any: PSK 0x12 # x\n", [("%any", ":", "PSK", "0x12")]),
        (": PSK\n  'a'\n\n: RSA {\n  x: y\n  }\n", [(":", "PSK", "'a'"), (":", "RSA", "{\n  x: y\n  }")]),
    ],
)
def test_secrets_keep_their_quotes(text: str, wanted: Shape) -> None:
    assert parsed(text, Language.SECRETS) == wanted


def test_a_key_of_psk_txt_goes_to_the_end_of_the_line() -> None:
    text = "# x\n1.2.3.4\ta key  with blanks \n\nfoo@bar # y\n"
    assert parsed(text, Language.PSK) == [("1.2.3.4", "a key  with blanks"), ("foo@bar", "# y")]


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("a = b\nc {\n  d {\n  }\n", Language.SWANCTL, (Code.FOREIGN_UNCLOSED, 2, 3)),
        ("a b {\n c;\n", Language.RACOON, (Code.FOREIGN_UNCLOSED, 1, 5)),
        ("a = b\n}\n", Language.SWANCTL, (Code.FOREIGN_SYNTAX, 2, 1)),
        ("a { b }", Language.RACOON, (Code.FOREIGN_SYNTAX, 1, 7)),
        ("a b", Language.RACOON, (Code.FOREIGN_SYNTAX, 1, 4)),
        ('x = 1\na = "b\n', Language.SWANCTL, (Code.FOREIGN_STRING, 2, 5)),
        ("conn a\n\tleft\n", Language.LIBRESWAN, (Code.FOREIGN_SYNTAX, 2, 6)),
        ("nobody\n", Language.PSK, (Code.FOREIGN_SYNTAX, 1, 7)),
        ("a = b\0\n", Language.SWANCTL, (Code.FOREIGN_NUL, 1, 6)),
    ],
)
def test_a_mistake_has_its_place(text: str, language: Language, wanted: tuple[str, int, int]) -> None:
    assert refused(text, language) == wanted


def test_a_mistake_tells_no_secret() -> None:
    with pytest.raises(GrammarError) as caught:
        parse_statements('secrets { ike { secret = "hush hush', "f", Language.SWANCTL)
    assert "hush" not in str(caught.value)


def test_places_are_those_of_the_text() -> None:
    (block,) = parse_statements("\n a {\n  b = c\n}\n", "f", Language.SWANCTL)
    assert block.body is not None
    assert (block.span.line, block.span.column) == (2, 2)
    assert (block.body[0].span.line, block.body[0].span.column) == (3, 3)


def test_deep_nesting_is_read() -> None:
    (found,) = parse_statements("a{" * 3000 + "}" * 3000, "f", Language.SWANCTL)
    assert found.words == ("a",)


_PIECES = st.sampled_from(
    [*"abc={}\",;:#\\'[]%@. \t\n\r\0", "conn ", "include ", "version ", "remote ", "0x1", ": PSK ", "é", "\x85"]
)


@given(st.lists(_PIECES, max_size=40).map("".join), st.sampled_from(list(Language)))
def test_any_text_is_read_or_refused_in_a_place_of_it(text: str, language: Language) -> None:
    try:
        for each in parse_statements(text, "f", language):
            assert 0 <= each.span.start < each.span.end <= len(text)
            assert each.words
    except GrammarError as problem:
        for found in problem.diagnostics:
            assert 0 <= found.span.start <= len(text)
            assert found.span.line <= text.count("\n") + 1
