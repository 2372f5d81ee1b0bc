"""Batch queries (docs/formats.md): order, broken lines, the store, and the vectors of RFC 2704."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policydb.commands.batch import answers
from policydb.compiling.compiler import compile_paths
from policydb.library import read_policy
from policydb.request import Request
from policydb.storage.snapshot import Snapshot, open_snapshot
from policydb.storage.storefile import StoreError
from tests.policydb.signers import RSA, credential, name_of
from tests.sizes import sized

NOW = datetime(2026, 7, 14, tzinfo=UTC)
ALICE = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'


def no_store() -> Snapshot:
    raise StoreError("there is no store")


def answer(*queries: object) -> list[dict[str, Any]]:
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in queries]
    return list(answers(lines, no_store))


def test_an_answer_has_the_promised_keys() -> None:
    broken = 'Authorizer: "POLICY\n'
    query = {"id": 7, "policies": [broken, ALICE], "attributes": [["colour", "red"]], "authorizers": ["alice"]}
    (told,) = answer(query)
    assert set(told) == {"id", "value", "assertions", "errors"}
    assert (told["id"], told["value"], told["errors"]) == (7, "true", [])
    assert all(set(each) == {"source", "line", "status", "reason"} for each in told["assertions"])
    by_source = {each["source"]: each for each in told["assertions"]}
    assert (by_source["policies[0]"]["status"], by_source["policies[1]"]["status"]) == ("ignored", "used")
    assert "KN003" in by_source["policies[0]"]["reason"]


def test_files_hold_several_assertions_and_credentials_need_signatures() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: "A"\n\nAuthorizer: "POLICY"\nLicensees: "B"\n'
    assert answer({"files": [text], "authorizers": ["B"]})[0]["value"] == "true"
    unsigned = {"files": [text], "credentials": ['Authorizer: "B"\nLicensees: "C"\n'], "authorizers": ["C"]}
    (told,) = answer(unsigned)
    assert told["value"] == "false"
    assert {"source": "credentials[0]", "line": 1, "status": "ignored", "reason": "it is not signed"} in (
        told["assertions"]
    )


def test_values_run_from_low_to_high_and_the_later_attribute_counts() -> None:
    policy = 'Authorizer: "POLICY"\nConditions: a == "1" -> "weak"; a == "2" -> "strong";\n'
    query = {"policies": [policy], "authorizers": ["x"], "values": ["none", "weak", "strong"]}
    told = answer(query | {"attributes": [["a", "2"], ["a", "1"]]}, query | {"attributes": [["a", "2"]]}, query)
    assert [each["value"] for each in told] == ["weak", "strong", "none"]


def test_strings_hold_octets() -> None:
    policy = 'Authorizer: "POLICY"\nLicensees: "m\xc3\xbcller"\n'
    (told,) = answer({"policies": [policy], "authorizers": ["m\xc3\xbcller"]})
    assert told["value"] == "true"


BROKEN = {
    "no JSON": b"{\n",
    "no UTF-8": b'{"id": "\xff"}\n',
    "nested without end": b"[" * 100_000 + b"\n",
    "an array": b"[]\n",
    "a number": b"1\n",
    "no authorizers": {"policies": [ALICE]},
    "authorizers are no list": {"policies": [ALICE], "authorizers": "alice"},
    "an authorizer is no text": {"policies": [ALICE], "authorizers": [1]},
    "attributes are no pairs": {"policies": [ALICE], "authorizers": ["alice"], "attributes": {"colour": "red"}},
    "an attribute is no pair": {"policies": [ALICE], "authorizers": ["alice"], "attributes": [["colour"]]},
    "an ill-formed name": {"policies": [ALICE], "authorizers": ["alice"], "attributes": [["1a", "x"]]},
    "no values": {"policies": [ALICE], "authorizers": ["alice"], "values": []},
    "a value is no text": {"policies": [ALICE], "authorizers": ["alice"], "values": [None]},
    "policies are null": {"policies": None, "authorizers": ["alice"]},
    "a character that is no octet": {"policies": ["☂"], "authorizers": ["alice"]},
    "half a character": {"policies": ["\ud800"], "authorizers": ["alice"]},
    "an undecodable key": {"policies": [ALICE], "authorizers": ["rsa-base64:!!!!"]},
    "no store": {"authorizers": ["alice"]},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_has_no_value_and_the_next_is_answered(broken: object) -> None:
    good = {"id": "good", "policies": [ALICE], "attributes": [["colour", "red"]], "authorizers": ["alice"]}
    first, second, third = answer(good, broken, good)
    assert first == third
    assert (first["id"], first["value"]) == ("good", "true")
    assert (second["value"], second["assertions"]) == (None, [])
    assert len(second["errors"]) == 1
    assert second["errors"][0].startswith("line 2: ")


def test_a_query_in_error_keeps_its_name() -> None:
    assert answer({"id": [1, "a"], "authorizers": 5})[0]["id"] == [1, "a"]


def test_empty_lines_are_skipped() -> None:
    good = {"policies": [ALICE], "authorizers": ["bob"]}
    assert [each["value"] for each in answer(good, b"\n", b"  \r\n", good)] == ["false", "false"]


def test_a_line_is_answered_before_the_next_is_read() -> None:
    read = []

    def lines() -> Iterator[bytes]:
        for name in ("a", "b"):
            read.append(name)
            yield json.dumps({"id": name, "policies": [ALICE], "authorizers": ["alice"]}).encode()

    told = answers(lines(), no_store)
    assert next(told)["id"] == "a"
    assert read == ["a"]


def test_without_a_store_what_brings_no_policy_is_asked_of_an_empty_one() -> None:
    lines = [json.dumps({"id": each, "authorizers": [each]}).encode() for each in ("POLICY", "alice")]
    told = list(answers(lines, lambda: None))
    assert [each["value"] for each in told] == ["true", "false"]
    assert all("no store: asked of an empty policy" in each["errors"][0] for each in told)


def test_the_store_answers_what_brings_no_policy(tmp_path: Path) -> None:
    (tmp_path / "p.policy").write_text(ALICE)
    compile_paths([tmp_path / "p.policy"], tmp_path / "policy.db", NOW)
    red = {"attributes": [["colour", "red"]], "authorizers": ["alice"]}
    with open_snapshot(tmp_path / "policy.db") as snapshot:
        lines = [json.dumps(each).encode() for each in (red, red | {"credentials": ["x"]}, {"authorizers": ["bob"]})]
        told = list(answers(lines, lambda: snapshot))
    assert [each["value"] for each in told] == ["true", "true", "false"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)
_KEYS = st.sampled_from(
    ["policies", "files", "credentials", "attributes", "authorizers", "values", "accept_weak_signatures"]
)


def test_weak_signatures_count_where_the_query_brings_its_policy() -> None:
    """DESIGN 4.2's own vectors are signed with SHA-1 and MD5; docs/decisions/0006-weak-signatures.md."""
    query = {
        "policies": [f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}"\n'],
        "credentials": [credential("sig-rsa-md5")],
        "authorizers": ["bob"],
        "attributes": [["a", "x"]],
    }
    assert answer(query)[0]["value"] == "true"
    assert answer(query | {"accept_weak_signatures": True})[0]["value"] == "true"
    (refused,) = answer(query | {"accept_weak_signatures": False})
    assert refused["value"] == "false"
    assert any("MD5 is broken" in each["reason"] for each in refused["assertions"])


def test_whether_weak_signatures_count_is_true_or_false() -> None:
    (told,) = answer({"policies": [ALICE], "authorizers": ["alice"], "accept_weak_signatures": "yes"})
    assert told["value"] is None
    assert "accept_weak_signatures" in told["errors"][0]


@given(st.dictionaries(_KEYS, _JSON | st.lists(st.text()) | st.just(["alice"]) | st.just([ALICE])), st.binary())
def test_whatever_stands_in_a_line_is_answered(query: dict[str, Any], octets: bytes) -> None:
    line = octets.replace(b"\n", b"")
    told = answer(query, b"x" + line)
    assert len(told) == 2
    assert all(isinstance(each["value"], str) or each["errors"] for each in told)


@pytest.mark.full_size
def test_at_least_95_of_100_vectors_agree(project: Path) -> None:
    with gzip.open(project / "tests" / "vectors" / "keynote-cases.jsonl.gz") as lines:
        cases = list(lines)[:: sized(4, 1)]
    wanted = [json.loads(each) for each in cases]
    told = list(answers(cases, no_store))
    assert [each["id"] for each in told] == [each["id"] for each in wanted]
    agreed = sum(each["value"] == want["want"] for each, want in zip(told, wanted, strict=True))
    assert agreed >= 0.95 * len(cases)


NAMES = st.sampled_from(["POLICY", "p", "q", "A"])
CLAUSES = st.sampled_from(
    ['a == "x";', 'a == "y" -> "low";', '@n > 1 -> "high"; b ~= "^x" -> "low";', 'c == "" -> "no";']
)
POLICIES = st.lists(
    st.builds(
        'Authorizer: "{}"\nLicensees: "{}" && ("{}" || "A")\nConditions: {}\n'.format, NAMES, NAMES, NAMES, CLAUSES
    ),
    max_size=5,
)
ATTRIBUTES = st.dictionaries(st.sampled_from("abcn"), st.sampled_from(["x", "y", "2", ""]))


@given(POLICIES, ATTRIBUTES, st.randoms(use_true_random=False))
def test_batch_explanation_and_decision_agree_whatever_the_order(
    policies: list[str], attributes: dict[str, str], order: random.Random
) -> None:
    values = ("no", "low", "high", "yes")
    request = Request(("A",), attributes, values)
    shuffled = order.sample(policies, len(policies))
    query = {"attributes": list(attributes.items()), "authorizers": ["A"], "values": values}
    one, other = answer({"files": [""], "policies": policies, **query}, {"files": [""], "policies": shuffled, **query})
    policy = read_policy(*policies)
    decision = policy.explain(request)
    assert one["value"] == other["value"] == policy.decide(request) == decision.value
    assert read_policy(*shuffled).explain(request).value == decision.value
    told = {(each.place.line, each.status) for each in decision.assertions}
    assert told == {(each["line"], each["status"]) for each in one["assertions"]}
