"""1,000 random mutations of valid files: findings with places, never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from grammar.codes import MEANINGS as GRAMMAR
from grammar.conf import parse_conf
from grammar.errors import render
from policydb.codes import MEANINGS
from policydb.configuration.config import check_keys, resolve
from tests.policydb.confs import WHOLE
from tests.policydb.mutations import mutated

_EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*/*/isakmpd.conf"))
TEXTS = [WHOLE, *(path.read_text(encoding="latin-1") for path in _EXAMPLES)]


@pytest.mark.parametrize("batch", range(10))
def test_a_mutated_file_is_told_about_and_raises_nothing(batch: int) -> None:
    for seed in range(100 * batch, 100 * batch + 100):
        chance = random.Random(seed)
        text = mutated(chance.choice(TEXTS), chance)
        parsed = parse_conf(text, "isakmpd.conf")
        bound = [("isakmpd.conf", each) for each in parsed.bindings]
        resolved = resolve(bound)
        for each in (*parsed.diagnostics, *check_keys(bound), *resolved.diagnostics):
            assert each.code in MEANINGS or each.code in set(GRAMMAR)
            assert 0 <= each.span.start <= each.span.end <= len(text)
            assert render(each, text)
        for connection in resolved.configuration.connections.values():
            assert connection.peer in resolved.configuration.peers
