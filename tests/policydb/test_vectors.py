"""Every KeyNote vector, through parser, compiler, signatures and checker; the exceptions are listed with reasons."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from policydb.keynote.assemble import Text, assemble
from policydb.keynote.checker import Checker
from policydb.keynote.explain import explain
from policydb.request import Request, RequestError

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
EXCEPTIONS = {
    identity: each["reason"]
    for each in json.loads((FOLDER / "exceptions.json").read_text(encoding="utf-8"))
    for identity in each["ids"]
}


@cache
def cases() -> dict[str, list[dict[str, Any]]]:
    """The cases by category."""
    found: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(FOLDER / "keynote-cases.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            found.setdefault(case["category"], []).append(case)
    return found


def texts(case: dict[str, Any], key: str) -> list[Text]:
    return [Text(f"{key} {number}", text) for number, text in enumerate(case.get(key, []), start=1)]


def answers(case: dict[str, Any]) -> tuple[str | None, str | None]:
    """The bare decision and the explained one."""
    # Those who signed these credentials knew SHA-1 and MD5 alone.
    assembly = assemble(texts(case, "policies"), texts(case, "files"), texts(case, "credentials"), accept_weak=True)
    try:
        request = Request(tuple(case["authorizers"]), dict(case["attributes"]), tuple(case["values"]))
        checker = Checker(assembly.graph())
        return checker.decide(request), explain(checker.graph, request, checker).value
    except RequestError:
        return None, None


@pytest.mark.parametrize("category", sorted(cases()))
def test_vectors_agree(category: str) -> None:
    wrong = [
        (case["id"], value, case["want"])
        for case in cases()[category]
        for value in answers(case)
        if value != case["want"] and case["id"] not in EXCEPTIONS
    ]
    assert wrong == []


def test_every_exception_is_one_and_has_a_reason() -> None:
    by_identity = {case["id"]: case for group in cases().values() for case in group}
    for identity, reason in EXCEPTIONS.items():
        case = by_identity[identity]
        assert answers(case)[0] != case["want"], f"{identity} is no exception any more"
        assert len(reason) > 20
    by_reason = Counter(EXCEPTIONS.values())
    numbers = sum(
        count for reason, count in by_reason.items() if "docs/departures.md, D19" in reason or "D20" in reason
    )
    assert numbers == 28
    assert len(EXCEPTIONS) - numbers <= 10
