"""Explanations: the same answer as the checker's, the path, the atoms, and what became of each assertion."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import nodes
from policydb.decision import AssertionStatus, to_json
from policydb.graph import CompiledAssertion
from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker, decide
from policydb.keynote.conditions import compile_assertion
from policydb.keynote.explain import explain
from policydb.keynote.memory import MemoryGraph
from policydb.request import Request
from tests.policydb.policies import explained, graph
from tests.policydb.programs_of_nodes import AT, LOCAL, VALUES, environments, programs
from tests.sizes import examples

SITE = [
    'Authorizer: "POLICY"\nLicensees: "site"\nConditions: app == "ipsec" &&\n  enc == "aes" -> "true";\n',
    'Authorizer: "site"\nLicensees: "alice" || "bob"\nConditions: @life <= 3600;\n',
    'Authorizer: "site"\nLicensees: "carol" && "dave"\n',
    'Authorizer: "elsewhere"\nLicensees: "erin"\n',
]
GOOD = {"app": "ipsec", "enc": "aes", "life": "60"}


def test_a_yes_shows_the_way_and_its_atoms() -> None:
    decision = explained(SITE, ["alice"], GOOD)
    assert decision.allowed
    assert [(step.authorizer, step.held) for step in decision.path] == [("POLICY", True), ("site", True)]
    assert decision.path[1].licensees == ("alice", "bob")
    assert [(atom.text, atom.result) for atom in decision.atoms] == [
        ('app == "ipsec"', True),
        ('enc == "aes"', True),
        ("@life <= 3600", True),
    ]
    assert decision.nearest == ()


def test_a_no_shows_where_the_way_ends_and_both_sides() -> None:
    decision = explained(SITE, ["bob"], {**GOOD, "enc": "3des"})
    assert not decision.allowed
    assert [(step.authorizer, step.held) for step in decision.path] == [("POLICY", False), ("site", True)]
    step = decision.path[0]
    assert (step.conditions_value, step.licensees_value) == ("false", "true")
    failed = [atom for atom in decision.atoms if not atom.result]
    assert [(atom.left, atom.operator, atom.right, str(atom.place)) for atom in failed] == [
        ("3des", "==", "aes", "policy 1:4:3")
    ]
    assert failed[0].source_line == '  enc == "aes" -> "true";'


def test_the_way_that_failed_is_the_one_with_the_fewest_changes() -> None:
    texts = [
        'Authorizer: "POLICY"\nLicensees: "x"\nConditions: a == "1" && b == "1" && c == "1";\n',
        'Authorizer: "POLICY"\nLicensees: "x"\nConditions: d == "1" && e == "2";\n',
        'Authorizer: "POLICY"\nLicensees: "x"\nConditions: f == "1" && g == "1" && h == "1" && i == "1";\n',
    ]
    assert explained(texts, ["x"]).path[0].place.source == "policy 2"


def test_a_way_that_lacks_a_signer_is_shown_with_who_would_do() -> None:
    decision = explained(SITE, ["carol"], GOOD)
    assert [(step.authorizer, step.held) for step in decision.path] == [("POLICY", False), ("site", False)]
    assert decision.path[1].licensees_value == "false"
    assert [near.requesters for near in decision.nearest] == [("dave",)]
    reports = {each.place.source: each for each in decision.assertions}
    assert "dave" in reports["policy 3"].reason


def test_a_requester_whom_policy_does_not_reach_sees_his_longest_way_and_who_is_licensed() -> None:
    decision = explained(SITE, ["erin"], GOOD)
    assert [step.authorizer for step in decision.path] == ["elsewhere"]
    assert decision.licensed == ("site",)
    stranger = explained(SITE, ["nobody"], GOOD)
    assert (stranger.path, stranger.licensed) == ((), ("site",))


def test_attributes_nobody_set_are_missing_and_not_empty() -> None:
    text = 'Authorizer: "POLICY"\nConditions: $ptr == "x" || @n > 5 || set == "x";\n'
    decision = explained([text], ["a"], {"set": ""})
    assert [atom.missing for atom in decision.atoms] == [("ptr",), ("n",), ()]


def test_a_runtime_error_is_said() -> None:
    decision = explained(['Authorizer: "POLICY"\nConditions: a == "x" && 1 / @b == 1;\n'], ["a"], {"a": "x"})
    assert [(atom.result, atom.error) for atom in decision.atoms] == [(True, ""), (None, "division by zero")]
    assert to_json(decision)["atoms"][1]["error"] == "division by zero"


def test_every_assertion_has_its_part() -> None:
    assembly = assemble(
        policies=[Text(f"policy {number}", text) for number, text in enumerate(SITE, start=1)],
        credentials=[Text("forged", 'Authorizer: "POLICY"\nLicensees: "alice"\n')],
    )
    decision = explain(assembly.graph(), Request(("alice",), {**GOOD, "life": "9999"}))
    told = {each.place.source: (each.status, each.reason) for each in decision.assertions}
    assert told["policy 2"] == (AssertionStatus.FAILED, "@life <= 3600 is false")
    assert told["policy 3"][0] is AssertionStatus.UNREACHED
    assert told["forged"][0] is AssertionStatus.IGNORED
    assert "policy 4" not in told  # it leads neither from alice nor to POLICY
    assert to_json(decision)["ignored"] == [{"source": "forged", "line": 1, "reason": told["forged"][1]}]


def test_on_a_scale_the_next_higher_value_is_what_is_explained() -> None:
    texts = ['Authorizer: "POLICY"\nConditions: a == "x" -> "low"; b == "y" -> "high"; c == "z" -> "yes";\n']
    decision = explained(texts, ["a"], {"a": "x"}, VALUES)
    assert (decision.value, decision.allowed) == ("low", False)
    assert [atom.text for atom in decision.atoms] == ['a == "x"', 'b == "y"', 'c == "z"']
    assert [(near.value, near.changes[0].attribute) for near in decision.nearest] == [("high", "b"), ("yes", "c")]


def test_a_policy_that_licenses_everybody_has_a_way_without_requesters() -> None:
    decision = explained(['Authorizer: "POLICY"\nConditions: a == "x";\n'], ["a"], {"a": "y"})
    assert [step.licensees for step in decision.path] == [()]


def test_json_is_what_the_design_promises() -> None:
    told = to_json(explained(SITE, ["bob"], {**GOOD, "enc": "3des"}))
    assert told.keys() >= {
        "value", "allowed", "generation", "authorizers", "path", "atoms", "nearest", "ignored", "elapsed_us",
    }  # fmt: skip
    assert told["atoms"][0].keys() >= {"source", "line", "column", "text", "left", "op", "right", "result", "missing"}
    assert told["nearest"][0] == {"changes": [{"attribute": "enc", "from": "3des", "to": "aes"}], "value": "true"}


def test_a_long_way_is_explained_without_recursion() -> None:
    chain = [f'Authorizer: "c{n}"\nLicensees: "c{n + 1}"\nConditions: a == "x";\n' for n in range(1500)]
    decision = explained(['Authorizer: "POLICY"\nLicensees: "c0"\n', *chain], ["c1500"])
    assert len(decision.path) == 1501
    assert [near.changes[0].after for near in decision.nearest] == ["x"]


def test_one_very_long_line_is_not_told_with_every_atom() -> None:
    clauses = " ".join(f'v{number} == "x";' for number in range(2_000))
    decision = explained([f'Authorizer: "POLICY"\nConditions: {clauses}\n'], ["a"])
    assert len(decision.atoms) == 2_000
    assert sum(len(atom.source_line) for atom in decision.atoms) < 100_000


def assertions_of(rows: list[tuple[str, str | None, nodes.Program | None]]) -> list[CompiledAssertion]:
    return [
        compile_assertion(
            nodes.Assertion(
                AT,
                f"{number}",
                nodes.Principal(AT, authorizer),
                None if licensee is None else nodes.Principal(AT, licensee),
                tuple(nodes.Constant(AT, name, value) for name, value in LOCAL.items()),
                program,
                "",
                None,
            ),
            "t",
        )
        for number, (authorizer, licensee, program) in enumerate(rows)
    ]


rows = st.lists(
    st.tuples(
        st.sampled_from(("POLICY", "p", "q")), st.sampled_from(("p", "q", "A")) | st.none(), st.none() | programs
    ),
    max_size=4,
)


@settings(max_examples=examples(250))
@given(rows, environments)
def test_the_explained_value_is_the_decided_one_and_every_nearest_change_holds(
    found: list[tuple[str, str | None, nodes.Program | None]], attributes: dict[str, str]
) -> None:
    own = MemoryGraph(assertions_of(found))
    request = Request(("A",), attributes, VALUES)
    decision = explain(own, request)
    assert decision.value == decide(own, request)
    seen = set()
    for near in decision.nearest:
        asking = (*request.authorizers, *near.requesters)
        changed = {**attributes, **{change.attribute: change.after for change in near.changes}}
        assert decide(own, Request(asking, changed, VALUES)) == near.value
        assert VALUES.index(near.value) > VALUES.index(decision.value)
        assert all(change.before == attributes.get(change.attribute) for change in near.changes)
        seen.add((near.requesters, near.changes))
    assert len(seen) == len(decision.nearest)


LADDER = """Authorizer: "POLICY"
Licensees: "alice"
Conditions: app == "x" -> "log"; app == "x" && enc == "aes" -> "approve";
"""


def test_between_two_values_the_way_that_gave_one_and_the_way_to_the_next_are_told() -> None:
    decision = explained([LADDER], ["alice"], {"app": "x", "enc": "des"}, ("reject", "log", "approve"))
    assert (decision.value, decision.allowed) == ("log", False)
    assert [(each.conditions_value, each.held) for each in decision.granted] == [("log", True)]
    assert [(each.conditions_value, each.held) for each in decision.path] == [("log", False)]
    assert [(each.text, each.result) for each in decision.atoms][-1] == ('enc == "aes"', False)
    assert [(near.value, near.changes[0].after) for near in decision.nearest] == [("approve", "aes")]
    assert to_json(decision)["granted"][0]["held"]


def test_atoms_of_assertions_beside_the_path_are_told_too() -> None:
    texts = ['Authorizer: "POLICY"\nLicensees: "alice"\nConditions: a == "1";\n',
             'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: b == "1" && c == "2";\n']  # fmt: skip
    decision = explained(texts, ["alice"], {"b": "1"})
    assert {each.text for each in decision.atoms} == {'a == "1"', 'b == "1"', 'c == "2"'}


def test_no_passphrase_is_in_a_decision_or_in_its_json() -> None:
    text = (
        'Authorizer: "POLICY"\nLicensees: "passphrase:sesame" && "passphrase:open"\n'
        'Conditions: _ACTION_AUTHORIZERS ~= "passphrase:sesame" && a == "passphrase:open"; # passphrase:sesame\n'
    )
    for who in (("passphrase:sesame",), ("passphrase:other", "x"), ("passphrase:sesame", "passphrase:open")):
        decision = explained([text], who, {"a": "passphrase:sesame"})
        told = repr(decision) + json.dumps(to_json(decision))
        assert "passphrase-sha1-hex:" in told
        assert not {word for word in ("sesame", "open", "other") if f"passphrase:{word}" in told}


def test_a_checker_at_hand_is_used() -> None:
    checker = Checker(graph(*SITE))
    assert explain(checker.graph, Request(("alice",), GOOD), checker).allowed
    assert checker.decide(Request(("alice",), GOOD)) == "true"
