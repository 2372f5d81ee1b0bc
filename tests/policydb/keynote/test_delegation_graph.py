"""The delegations as a drawing: the path is marked, and no name becomes more than a name."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.keynote.delegation_graph import render
from tests.policydb.policies import explained

SITE = [
    'Authorizer: "POLICY"\nLicensees: "site"\nConditions: enc == "aes";\n',
    'Authorizer: "site"\nLicensees: "alice" || "bob"\n',
    'Authorizer: "site"\nLicensees: 2-of("alice", "carol", "dave")\n',
    'Authorizer: "POLICY"\nLicensees: "elsewhere"\n',
]
_DOT_NODE = re.compile(r'  n\d+ \[label="((?:[^"\\]|\\["\\n])*)", (shape=\w+(?:, peripheries=2)?)\];\Z')
_DOT_ARROW = re.compile(r'  n(\d+) -> n(\d+) \[(?:label="(?:[^"\\]|\\["\\n])*", )?([^\]]*)\];\Z')
_LABEL = r'"(?:[\w _.,:/@=+<>-]|#\d+;)*"'
_MERMAID_LINE = re.compile(
    rf"  (?:n\d+(?:\[{_LABEL}\]|\[\[{_LABEL}\]\]|\(\[{_LABEL}\]\))"
    rf"|n\d+ (?:==>|-->|-\.->)(?:\|{_LABEL}\|)? n\d+|linkStyle \d+ [\w:#,-]+)\Z"
)


def dot(*policies: str, who: tuple[str, ...] = ("alice",), **attributes: str) -> list[str]:
    return render(explained(policies or SITE, who, attributes), "dot").splitlines()


def arrows(lines: list[str]) -> dict[tuple[str, str], str]:
    """The arrows by the names at their ends; a group has the name of its label."""
    text = "\n".join(lines)
    names = dict(re.findall(r'  (n\d+) \[label="((?:[^"\\]|\\.)*)"', text))
    return {(names[start], names[end]): rest for start, end, rest in re.findall(r"  (n\d+) -> (n\d+) \[(.*)\];", text)}


def test_the_path_that_held_is_bold() -> None:
    drawn = arrows(dot(enc="aes"))
    assert "penwidth=3" in drawn["POLICY", "site"]
    assert "penwidth=3" in drawn["site", "alice"]
    assert "penwidth" not in drawn["site", "bob"]


def test_the_step_that_failed_is_dashed_and_red_and_says_why() -> None:
    drawn = arrows(dot(enc="3des"))
    assert "style=dashed" in drawn["POLICY", "site"]
    assert "#cc0000" in drawn["POLICY", "site"]
    assert r"policy 1:1\nenc == \"aes\" is false" in drawn["POLICY", "site"]
    assert "penwidth=3" in drawn["site", "alice"]


def test_what_nobody_reached_is_dotted() -> None:
    assert "style=dotted" in arrows(dot(enc="aes"))["POLICY", "elsewhere"]


def test_a_threshold_is_a_node_of_its_own() -> None:
    drawn = arrows(dot(enc="aes"))
    assert ("site", "2 of 3") in drawn
    assert {end for start, end in drawn if start == "2 of 3"} == {"alice", "carol", "dave"}


def test_who_asks_has_a_double_border_whether_licensed_or_not() -> None:
    lines = dot(who=("nobody", "alice"), enc="aes")
    assert len([line for line in lines if "peripheries=2" in line]) == 2


def test_who_asks_by_another_spelling_of_a_key_is_the_same_principal() -> None:
    lines = dot('Authorizer: "POLICY"\nLicensees: "binary-hex:6162"\n', who=("binary-base64:YWI=",))
    assert sum("shape=" in each for each in lines) == 2
    (drawn,) = arrows(lines).values()
    assert "penwidth=3" in drawn


def test_an_assertion_for_everybody_leads_to_everybody() -> None:
    assert "penwidth=3" in arrows(dot('Authorizer: "POLICY"\n'))["POLICY", "everybody"]


def test_of_many_licensees_the_one_on_the_path_is_drawn() -> None:
    many = " || ".join(f'"k{number}"' for number in range(100))
    drawn = arrows(dot(f'Authorizer: "POLICY"\nLicensees: {many}\n', who=("k77",)))
    assert "penwidth=3" in drawn["POLICY", "k77"]
    assert ("POLICY", "92 more") in drawn
    assert len(drawn) == 9


def test_a_large_policy_gives_a_drawing_that_can_be_looked_at() -> None:
    chain = [f'Authorizer: "c{n}"\nLicensees: "c{n + 1}"\n' for n in range(500)]
    assert len(dot('Authorizer: "POLICY"\nLicensees: "c0"\n', *chain, who=("c500",))) < 100


def test_a_long_key_is_shortened_and_a_passphrase_hidden() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: "passphrase:sesame" || "{}"\n'.format("x" * 400)
    lines = dot(text, who=("passphrase:sesame",))
    assert max(map(len, lines)) < 120
    assert "sesame" not in "\n".join(lines)


def test_mermaid_draws_the_same() -> None:
    lines = render(explained(SITE, ["alice"], {"enc": "3des"}), "mermaid").splitlines()
    assert lines[0] == "flowchart TB"
    assert next(line for line in lines if "-.->" in line).endswith("n1")
    assert any(line.startswith("  linkStyle 0 stroke:#cc0000") for line in lines)
    assert any("==>" in line for line in lines)


@pytest.mark.parametrize("form", ["dot", "mermaid"])
@given(name=st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_name_breaks_out_of_its_label(form: Literal["dot", "mermaid"], name: str) -> None:
    quoted = "".join(f"\\{ord(each):03o}" if each in '"\\\n\r' else each for each in name if each != "\0")
    plain = name.replace("\0", "")
    decision = explained([f'Authorizer: "POLICY"\nLicensees: "{quoted}"\n'], [plain])
    lines = render(decision, form).splitlines()
    if form == "dot":
        assert (lines[:2], lines[-1]) == (["digraph delegation {", "  rankdir=TB;"], "}")
        assert all(_DOT_NODE.match(line) or _DOT_ARROW.match(line) for line in lines[2:-1]), lines
        assert len(lines) == 6
    else:
        assert all(map(_MERMAID_LINE.match, lines[1:])), lines
        assert len(lines) == 4
