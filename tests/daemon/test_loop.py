"""daemon/loop.py: order, answers, the one timer, and that nothing a turn does ends the daemon."""

# ruff: noqa: ARG002 - fakes have the signatures of what they stand for

from __future__ import annotations

import asyncio
import errno
import io
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from daemon.ike.events import (
    AllocateSpi,
    Captured,
    Command,
    Connect,
    DeleteSas,
    Endpoint,
    EngineReport,
    Expired,
    Installed,
    InstallSas,
    KernelFailed,
    KeyMaterial,
    LastUse,
    LastUsed,
    LogLine,
    Outcome,
    Output,
    Path,
    Record,
    SecurityAssociation,
    Send,
    SendKeepalive,
    SpiAllocated,
    Upcall,
)
from daemon.ike.surroundings import Credentials, Oracle, Secrets
from daemon.kernel import KernelError, SaKey
from daemon.log import Levels, Log, StderrSink
from daemon.loop import Loop, Surface
from policydb.negotiation import NegotiationRecord, Reason
from policydb.negotiation import Outcome as Ending

PATH = Path(Endpoint("192.0.2.1", 500), Endpoint("198.51.100.7", 500))


def record(outcome: Ending, reason: Reason | None = None) -> Record:
    return Record(NegotiationRecord("2026-01-01T00:00:00Z", outcome, "main mode", "responder", "a", "b", 1, reason))


class Script:
    """A protocol core whose verbs answer what a test says; it writes down what it hears."""

    def __init__(self, **answers: Sequence[Output]) -> None:
        self.answers = {verb: list(outputs) for verb, outputs in answers.items()}
        self.heard: list[object] = []
        self.deadline: float | None = None
        self.failing: set[str] = set()

    def _hear(self, verb: str, what: object) -> list[Output]:
        self.heard.append(what)
        if verb in self.failing:
            raise KeyError("a defect")
        return self.answers.get(verb, [])

    def receive_datagram(self, data: bytes, path: Path, now: float) -> list[Output]:
        return self._hear("receive_datagram", data)

    def handle_timer(self, now: float) -> list[Output]:
        self.deadline = None if "stuck" not in self.failing else now
        return self._hear("handle_timer", "timer")

    def next_deadline(self) -> float | None:
        return self.deadline

    def upcall(self, event: Upcall, now: float) -> list[Output]:
        return self._hear("upcall", event)

    def result(self, token: int, outcome: Outcome, now: float) -> list[Output]:
        return self._hear("result", (token, outcome))

    def command(self, command: Command, now: float) -> list[Output]:
        return self._hear("command", command)

    def reconfigure(
        self, oracle: Oracle, secrets: Secrets, now: float, credentials: Credentials | None = None
    ) -> list[Output]:
        return self._hear("reconfigure", oracle)

    def report(self, now: float) -> EngineReport:
        return EngineReport(0, (), (), 0)


@dataclass
class World:
    """Transports, kernel, recorder and files in one; `done` is what was carried out, in order."""

    done: list[object] = field(default_factory=list)
    kernel_fails: bool = False
    disk_full: bool = False

    def send(self, path: Path, data: bytes, *, priority: bool = False) -> None:
        self.done.append(("send", data, priority))

    def send_keepalive(self, path: Path) -> None:
        self.done.append("keepalive")

    async def allocate_spi(self, protocol: str, local: str, remote: str) -> int:
        await asyncio.sleep(0.01)
        if self.kernel_fails:
            raise KernelError("no such device")
        self.done.append("allocate")
        return 0x1000

    async def install(self, sas: Sequence[SecurityAssociation]) -> None:
        await asyncio.sleep(0.01)
        self.done.append("install")

    async def delete(self, sas: Iterable[SaKey]) -> None:
        await asyncio.sleep(0.01)
        self.done.append("delete")

    async def move(self, moves: Iterable[tuple[SaKey, SecurityAssociation]]) -> None:
        self.done.append(("move", tuple(moves)))

    async def last_use(self, sas: Iterable[SaKey]) -> float | None:
        self.done.append(("last use", tuple(sas)))
        return 7.5

    def close(self) -> None:
        self.done.append("close")

    def append(self, record: NegotiationRecord) -> None:
        self.done.append(record.outcome)

    def write(self, what: Captured | KeyMaterial) -> None:
        self.done.append(what)
        if self.disk_full:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def surface(world: World, stream: io.StringIO) -> Surface:
    journal = Log(StderrSink(stream, lambda: datetime(2026, 1, 1)), Levels())
    return Surface(journal, world, world, world, capture=world.write, key_log=world.write)


def drive(core: Script, surface: Surface, work: Callable[[Loop], Awaitable[None] | None]) -> None:
    """Run `work` with a loop around `core`, let everything settle, stop."""

    async def main() -> None:
        loop = Loop(core, surface)
        waiting = work(loop)
        if waiting is not None:
            await waiting
        await loop.settle(5)
        loop.stop()

    asyncio.run(main())


def test_outputs_are_carried_out_in_order_however_long_each_takes(world: World, surface: Surface) -> None:
    core = Script(
        command=[
            Send(PATH, b"one"),
            DeleteSas((("ESP", "192.0.2.1", 0x1000),)),
            Send(PATH, b"two", priority=True),
            SendKeepalive(PATH),
        ],
        receive_datagram=[Send(PATH, b"three")],
    )

    def work(loop: Loop) -> None:
        loop.command(Connect("x"))
        loop.receive(b"datagram", PATH)

    drive(core, surface, work)
    assert world.done == [
        ("send", b"one", False),
        "delete",
        ("send", b"two", True),
        "keepalive",
        ("send", b"three", False),
    ]


def test_the_kernel_answers_by_token(world: World, surface: Surface) -> None:
    core = Script(
        command=[AllocateSpi(7, "ESP", "192.0.2.1", "198.51.100.7"), InstallSas(8, ())],
        result=[Send(PATH, b"next")],
    )
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert core.heard[1:] == [(7, SpiAllocated(0x1000, "ESP", "192.0.2.1")), (8, Installed())]
    assert world.done == ["allocate", "install", ("send", b"next", False), ("send", b"next", False)]


def test_a_kernel_that_fails_is_an_answer_too(world: World, surface: Surface) -> None:
    world.kernel_fails = True
    core = Script(command=[AllocateSpi(7, "ESP", "192.0.2.1", "198.51.100.7")])
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert core.heard[1:] == [(7, KernelFailed("no such device"))]


def test_the_kernel_is_asked_when_sas_were_last_used(world: World, surface: Surface) -> None:
    keys = (("ESP", "192.0.2.1", 0x1000),)
    core = Script(command=[LastUse(7, keys)])
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert core.heard[1:] == [(7, LastUsed(7.5))]
    assert world.done == [("last use", keys)]


def test_the_kernels_events_reach_the_core(surface: Surface) -> None:
    core = Script()
    event = Expired("ESP", "192.0.2.1", 0x1000, hard=False)
    drive(core, surface, lambda loop: loop.upcall(event))
    assert core.heard == [event]


def test_the_timer_fires_at_the_deadline_and_not_after_it_was_taken_back(surface: Surface) -> None:
    core = Script()

    async def work(loop: Loop) -> None:
        core.deadline = asyncio.get_running_loop().time() + 0.02
        loop.receive(b"arms", PATH)
        await asyncio.sleep(0.1)
        core.deadline = asyncio.get_running_loop().time() + 0.05
        loop.receive(b"arms", PATH)
        core.deadline = None
        loop.receive(b"disarms", PATH)
        await asyncio.sleep(0.1)

    drive(core, surface, work)
    assert core.heard == [b"arms", "timer", b"arms", b"disarms"]


def test_a_core_that_always_wants_its_timer_now_does_not_make_the_daemon_spin(surface: Surface) -> None:
    core = Script()
    core.failing = {"stuck", "handle_timer"}

    async def work(loop: Loop) -> None:
        core.deadline = 0.0
        loop.receive(b"arms", PATH)
        await asyncio.sleep(0.2)

    drive(core, surface, work)
    assert core.heard == [b"arms", "timer"]


def test_a_defect_in_the_core_is_one_line_and_life_goes_on(world: World, surface: Surface, stream: io.StringIO) -> None:
    core = Script(command=[Send(PATH, b"alive")])
    core.failing = {"receive_datagram"}

    def work(loop: Loop) -> None:
        loop.receive(b"12345", PATH)
        loop.command(Connect("x"))

    drive(core, surface, work)
    assert world.done == [("send", b"alive", False)]
    (line,) = stream.getvalue().splitlines()
    assert "internal error: KeyError at test_loop.py:" in line
    assert "a datagram of 5 octets from 198.51.100.7:500" in line


def test_the_traceback_of_a_defect_is_shown_at_debug_level(surface: Surface, stream: io.StringIO) -> None:
    surface.log.levels.change("0", "10")
    core = Script()
    core.failing = {"receive_datagram"}
    drive(core, surface, lambda loop: loop.receive(b"x", PATH))
    assert "Traceback" in stream.getvalue()


def test_an_output_that_fails_does_not_stop_those_after_it(
    world: World, surface: Surface, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: NegotiationRecord) -> int:
        raise RuntimeError("disk I/O error")

    monkeypatch.setattr(world, "append", broken)
    core = Script(command=[record(Ending.REFUSED, Reason.POLICY), Send(PATH, b"after")])
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert world.done == [("send", b"after", False)]
    assert "disk I/O error" in stream.getvalue()


def test_captures_and_keys_go_to_their_files_until_those_fail(
    world: World, surface: Surface, stream: io.StringIO
) -> None:
    world.disk_full = True
    captured, key = Captured(PATH, b"clear", outbound=True), KeyMaterial(bytes(8), bytes(16))
    core = Script(command=[captured, key] * 5)
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert world.done == [captured, key]
    assert [line.split("Default ")[1] for line in stream.getvalue().splitlines()] == [
        "packet capture stopped: No space left on device",
        "key log stopped: No space left on device",
    ]


def test_without_files_captures_and_keys_go_nowhere(world: World, surface: Surface) -> None:
    surface.capture = surface.key_log = None
    core = Script(command=[Captured(PATH, b"clear", outbound=True), KeyMaterial(bytes(8), bytes(16))])
    drive(core, surface, lambda loop: loop.command(Connect("x")))
    assert world.done == []


def test_a_flood_of_datagrams_leaves_three_lines_and_a_sum(surface: Surface, stream: io.StringIO) -> None:
    core = Script(receive_datagram=[LogLine("Default", 0, "dropped message")])

    def work(loop: Loop) -> None:
        for _ in range(1000):
            loop.receive(b"x", PATH)

    drive(core, surface, work)
    lines = stream.getvalue().splitlines()
    assert [line.split("Default ")[1] for line in lines] == ["dropped message"] * 3 + [
        "997 more messages about 198.51.100.7 not shown"
    ]


def test_debug_lines_successes_and_lines_without_a_datagram_are_not_limited(
    surface: Surface, stream: io.StringIO
) -> None:
    surface.log.verbose = True
    surface.log.levels.change("7", "10")
    lines = [LogLine("Exch", 10, "debug"), LogLine("Default", 0, "quick mode done", verbose=True)]
    core = Script(receive_datagram=lines, command=[LogLine("Default", 0, "ordered")])

    def work(loop: Loop) -> None:
        for _ in range(20):
            loop.receive(b"x", PATH)
            loop.command(Connect("x"))

    drive(core, surface, work)
    assert len(stream.getvalue().splitlines()) == 60


def test_failures_that_anybody_can_cause_do_not_fill_the_decision_log(world: World, surface: Surface) -> None:
    core = Script(
        receive_datagram=[
            record(Ending.FAILED, Reason.NO_PEER_CONFIGURED),
            record(Ending.REFUSED, Reason.POLICY),
            record(Ending.ACCEPTED),
        ]
    )

    def work(loop: Loop) -> None:
        for _ in range(200):
            loop.receive(b"x", PATH)

    drive(core, surface, work)
    counts = {each: world.done.count(each) for each in Ending}
    assert counts[Ending.REFUSED] == counts[Ending.ACCEPTED] == 200
    assert 0 < counts[Ending.FAILED] < 100
