"""daemon/live.py: when FIFO changes come into force, in which order with commands, and when they are gone."""

from __future__ import annotations

import asyncio
import io
import json
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from daemon.ike.events import Command, Connect, Reinitialize, TearDown
from daemon.ike.surroundings import Oracle, Secrets
from daemon.keystore import KeyStore
from daemon.live import Live, Uses
from daemon.log import Levels, Log, StderrSink
from daemon.oracle import UNCHECKED, AcceptAll, Loaded
from policydb.configuration.overlay import Change, Verb
from policydb.configuration.sealing import secret_reference
from policydb.connections import Configuration
from policydb.decision import Decision
from policydb.folders import own_file
from policydb.graph import CompiledAssertion
from policydb.request import Request
from tests.policydb.confs import WHOLE, bindings, read

SOON = 1000.0


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time jumps when a test says so; otherwise it goes too slowly to matter."""

    jumped = 0.0

    def time(self) -> float:
        return super().time() + self.jumped


async def advance(seconds: float) -> None:
    """Let time pass, and whatever is due then run."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Clock)
    loop.jumped += seconds
    for _ in range(5):
        await asyncio.sleep(0)


class Generation:
    """An oracle of which the configuration alone matters."""

    def __init__(self, generation: int, text: str) -> None:
        self._generation = generation
        self._configuration = read(text)

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def configuration(self) -> Configuration:
        return self._configuration

    def allows(self, request: Request) -> bool:
        raise NotImplementedError

    def explain(self, request: Request) -> Decision:
        raise NotImplementedError

    def session(self, assertions: Sequence[CompiledAssertion]) -> Generation:
        raise NotImplementedError

    def delegates_to(self, principal: str) -> bool:
        raise NotImplementedError


class World:
    """What Live does: configurations by their Retransmits, and commands, in one list."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.secrets: Secrets = KeyStore({})
        self.written = io.StringIO()
        self.log = Log(StderrSink(self.written, datetime.now), Levels())

    def configure(self, oracle: Oracle, secrets: Secrets) -> None:
        self.done.append(oracle.configuration.general.schedule.tries)
        self.secrets = secrets

    def command(self, command: Command) -> None:
        self.done.append(command)

    def defect(self, what: str, error: BaseException) -> None:
        raise AssertionError(what) from error

    async def until(self, count: int) -> None:
        while len(self.done) < count:
            await asyncio.sleep(0.005)


def loaded(generation: int = 1, text: str = WHOLE) -> Loaded:
    return Loaded(Generation(generation, text), KeyStore({}), lambda: tuple(bindings(text)))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def run(tmp_path: Path, world: World) -> Callable[[Callable[[Live], Awaitable[None]]], None]:
    """Runs work with a Live on generation 1 of which a turn takes SOON."""

    def started(work: Callable[[Live], Awaitable[None]]) -> None:
        async def main() -> None:
            uses = Uses(world.configure, world.command, world.defect)
            live = Live(loaded(), own_file(tmp_path / "overlay.json"), world.log, uses, SOON)
            await work(live)
            live.close()

        with asyncio.Runner(loop_factory=Clock) as runner:
            runner.run(main())

    return started


Run = Callable[[Callable[[Live], Awaitable[None]]], None]


def retransmits(number: int) -> Change:
    return Change(Verb.SET, "General", "Retransmits", str(number), force=True)


def test_changes_come_into_force_together_after_the_last_one(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        for number in (7, 8, 9):
            live.change(retransmits(number))
            assert live.value("General", "Retransmits") == str(number)
            await advance(SOON / 2)
        assert world.done == []
        await advance(SOON)
        await world.until(1)
        await advance(3 * SOON)
        assert world.done == [9]

    run(work)


@pytest.mark.parametrize("tag", ["Connections", "Passive-connections", "PASSIVE-CONNECTIONS"])
@pytest.mark.parametrize("verb", [Verb.SET, Verb.ADD, Verb.RMV])
def test_a_change_of_the_lists_is_followed_by_connection_reinit(run: Run, world: World, verb: Verb, tag: str) -> None:
    async def work(live: Live) -> None:
        live.change(Change(verb, "PHASE 2", tag, "link", force=True))
        live.change(retransmits(9))
        await advance(SOON)
        await world.until(2)
        assert world.done == [9, Reinitialize()]

    run(work)


@pytest.mark.parametrize("change", [Change(Verb.RM, "Phase 2", "Connections"), Change(Verb.RMS, "Phase 2")])
def test_rm_and_rms_never_lead_to_connection_reinit(run: Run, world: World, change: Change) -> None:
    async def work(live: Live) -> None:
        live.change(change)
        await advance(SOON)
        await world.until(1)
        await advance(3 * SOON)
        assert world.done == [5]

    run(work)


def test_each_further_change_of_the_lists_starts_the_seconds_anew(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        for number in range(6):
            live.change(Change(Verb.ADD, "Phase 2", "Connections", f"link{number}"))
            await advance(SOON / 2)
            assert world.done == [], number
        await advance(SOON)
        await world.until(2)
        assert world.done.count(Reinitialize()) == 1

    run(work)


def test_another_change_does_not_put_connection_reinit_off(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.change(Change(Verb.ADD, "Phase 2", "Connections", "link"))
        for _ in range(6):
            live.change(retransmits(9))
            await advance(SOON / 5)
        await world.until(2)
        assert Reinitialize() in world.done

    run(work)


def test_a_change_before_one_of_the_lists_waits_with_it(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.change(retransmits(9))
        await advance(SOON * 0.7)
        live.change(Change(Verb.ADD, "Phase 2", "Connections", "link"))
        await advance(SOON * 0.7)
        await asyncio.sleep(0.05)
        assert world.done == []
        await advance(SOON)
        await world.until(2)
        assert world.done == [9, Reinitialize()]

    run(work)


def test_c_applies_what_came_before_it_and_commands_keep_their_order(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.command(TearDown("x"))
        live.command(Connect("x"))
        assert world.done == [TearDown("x"), Connect("x")]
        live.change(retransmits(9))
        live.command(Connect("a"))
        live.command(TearDown("b"))
        live.change(retransmits(8))
        live.command(Connect("c"))
        await world.until(6)
        rest = world.done[2:]
        assert [each for each in rest if not isinstance(each, int)] == [Connect("a"), TearDown("b"), Connect("c")]
        assert [each for each in rest[: rest.index(Connect("a"))] if isinstance(each, int)][-1] == 8

    run(work)


def test_a_reload_takes_changes_countdowns_and_the_file_with_it(run: Run, world: World, tmp_path: Path) -> None:
    async def work(live: Live) -> None:
        live.change(retransmits(9))
        await advance(SOON)
        await world.until(1)
        assert (tmp_path / "overlay.json").exists()
        live.change(Change(Verb.ADD, "Phase 2", "Connections", "new"))
        live.replace(loaded(2))
        await advance(3 * SOON)
        assert world.done == [9]
        assert live.value("General", "Retransmits") == "5"
        assert not (tmp_path / "overlay.json").exists()

    run(work)


def test_what_was_being_applied_when_a_reload_came_is_not_taken_into_use(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.change(retransmits(9))
        live.command(Connect("x"))
        await asyncio.sleep(0)
        live.replace(loaded(2))
        await world.until(1)
        assert world.done == [Connect("x")]

    run(work)


def test_the_file_tells_what_is_changed_to_its_owner_alone(run: Run, world: World, tmp_path: Path) -> None:
    path = tmp_path / "overlay.json"

    async def work(live: Live) -> None:
        live.change(retransmits(9))
        live.change(Change(Verb.SET, "east", "Authentication", "planted", force=True))
        live.change(Change(Verb.ADD, "main", "Transforms", "no-such"))
        await advance(SOON)
        await world.until(1)
        told = json.loads(path.read_text())
        assert (told["generation"], told["in_force"]) == (1, True)
        assert {"section": "General", "tag": "Retransmits", "from": "5", "to": "9"} in told["changes"]
        assert any("no-such" in each for each in told["findings"])
        assert "planted" not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert world.secrets.preshared_key(secret_reference("east")) == b"planted"
        assert "no-such" in world.written.getvalue()
        assert "still as before: peer east, connection link" in world.written.getvalue()

    run(work)
    assert not path.exists()


def test_what_a_killed_daemon_has_left_behind_is_no_overlay(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "overlay.json"
    path.write_text("left behind")

    async def work(_: Live) -> None:
        assert not path.exists()

    run(work)


def test_a_finding_is_logged_once(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.change(Change(Verb.ADD, "main", "Transforms", "no-such"))
        await advance(SOON)
        await world.until(1)
        live.change(retransmits(9))
        await advance(SOON)
        await world.until(2)
        assert world.written.getvalue().count("no such section") == 1

    run(work)


def test_what_is_refused_is_said_and_changes_nothing(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        live.change(Change(Verb.SET, "General", "Retransmits", "9"))
        await advance(2 * SOON)
        assert world.done == []
        assert "duplicate tag [General]:Retransmits, ignoring..." in world.written.getvalue()

    run(work)


@pytest.mark.parametrize("tag", ["Loglevel", "logverbose", "Policy-file"])
def test_a_tag_that_is_read_from_the_files_only_is_kept_and_said_to_do_nothing(
    run: Run, world: World, tag: str
) -> None:
    async def work(live: Live) -> None:
        live.change(Change(Verb.SET, "general", tag, "x"))
        assert live.value("General", tag) == "x"
        assert f"[General]:{tag} has no effect while isakmpd runs: it is read" in world.written.getvalue()

    run(work)


def use_keynote(value: str) -> Change:
    return Change(Verb.SET, "General", "Use-Keynote", value, force=True)


QUESTION = Request(("passphrase-sha1-hex:" + 40 * "a",), {"app_domain": "IPsec policy"}, ("false", "true"))


def test_policy_checks_are_switched_off_and_on_again(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        for count, (value, accepts) in enumerate((("no", True), ("yes", False)), 1):
            live.change(use_keynote(value))
            await advance(SOON)
            await world.until(count)
            assert isinstance(live.oracle, AcceptAll) is accepts
            assert live.oracle.configuration.general.use_keynote is not accepts
        written = world.written.getvalue()
        assert (written.count(UNCHECKED), written.count("policy checks are on again")) == (1, 1)

    run(work)


def test_policy_checks_cannot_be_switched_on_where_no_policy_was_loaded(run: Run, world: World) -> None:
    async def work(live: Live) -> None:
        generation = loaded(text=f"{WHOLE}\n[General]\nUse-Keynote=no\n")
        live.replace(replace(generation, oracle=AcceptAll(generation.oracle), checked=False))
        live.change(use_keynote("yes"))
        await advance(SOON)
        await world.until(1)
        assert live.oracle.allows(QUESTION)
        assert not live.oracle.configuration.general.use_keynote
        assert "no effect while isakmpd runs: no policy was loaded" in world.written.getvalue()

    run(work)
