"""The daemon and stores that nobody's program wrote: it starts or says in one line why not, and a reload is refused."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.keystore import KeyStore
from daemon.log import Kind, Levels, Log
from daemon.oracle import Compiled, LoadError, Sources, load_at_start, open_loaded
from policydb.compiling.compiler import compile_paths
from policydb.keynote.shapes import ShapeError
from policydb.request import Request
from policydb.storage.storefile import StoreError
from tests.policydb.hostile_stores import Hostile, every, make
from tests.policydb.test_hostile_stores import CONF, POLICY
from tests.sizes import sized

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOME = sized(24, 600)
QUESTION = Request(("alice",), {"colour": "red", "size": "4"})


class Sink:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, kind: Kind, category: str, level: int, text: str) -> None:  # noqa: ARG002 - a sink of any kind
        self.lines.append(text)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in (("isakmpd.conf", CONF.read_text()), ("isakmpd.policy", POLICY)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return Sources(tmp_path / "isakmpd.conf", tmp_path, tmp_path / "policy.db", os.geteuid())


@pytest.fixture
def good(sources: Sources) -> Path:
    path = sources.confdir / "good.db"
    for name in ("isakmpd.policy", "isakmpd.conf"):
        compile_paths([sources.confdir / name], path, NOW)
    return path


def fault(hostile: Hostile, good: Path, sources: Sources) -> str:
    """What is wrong with how the daemon took a store, "" for nothing."""
    for left in sources.store.parent.glob("policy.db*"):
        left.unlink()
    make(hostile, good, sources.store)
    sink = Sink()
    try:
        loaded = load_at_start(sources, NOW, Log(sink, Levels()))
        with suppress(StoreError, ShapeError):  # no answer is no yes; daemon.loop says what was wrong
            loaded.oracle.allows(QUESTION)
    except LoadError:
        if not sink.lines:
            return "a silent refusal"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"at start: {error!r}"
    make(hostile, good, sources.store)
    try:
        open_loaded(sources, Compiled(KeyStore({})))
    except LoadError as error:
        if len(error.lines) != 1 or not error.lines[0].isprintable():
            return f"at reload: {error.lines}"
    except Exception as error:  # noqa: BLE001 - as above
        return f"at reload: {error!r}"
    return ""


@pytest.mark.full_size
@pytest.mark.timeout(3600)
def test_a_hostile_store_is_refused_in_one_line_or_serves(good: Path, sources: Sources) -> None:
    kinds = every(good)
    chosen = random.Random(16).sample(kinds, SOME)
    faults = {each.name: found for each in chosen if (found := fault(each, good, sources))}
    print(f"{len(chosen)} of {len(kinds)} hostile stores")
    assert faults == {}
