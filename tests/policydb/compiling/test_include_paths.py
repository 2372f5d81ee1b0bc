"""What `include` of ipsec.conf and the files that commands are given may name: every kind of path, and none that waits.

The daemon holds each included file to the rule for secret ones; `policydb` reads what it may.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon.oracle import LoadError, Sources, compile_sources, open_loaded
from tests.policydb.command_line import Run
from tests.policydb.test_folders import NOBODY, as_root

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RULE = 'ike esp from 10.1.0.0/16 to 10.2.0.0/16 peer 192.0.2.2 psk "a secret of ours"\n'
OTHER = 'ike esp from 10.1.0.0/16 to 10.3.0.0/16 peer 192.0.2.3 psk "another secret"\n'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path


@pytest.fixture
def sources(policydb: Run) -> Sources:
    confdir = Path.cwd() / "etc"
    write(confdir / "ipsec.conf", RULE)
    return Sources(confdir / "isakmpd.conf", confdir, Path.cwd() / "policy.db", os.geteuid())


def including(sources: Sources, *names: object) -> str:
    """The path of an ipsec.conf that includes these."""
    return str(write(sources.rules, RULE + "".join(f'include "{name}"\n' for name in names)))


def connections(sources: Sources) -> int:
    return len(open_loaded(sources, compile_sources(sources, NOW)).oracle.configuration.connections)


@pytest.mark.parametrize(
    "name", ["more.conf", "./more.conf", "sub/../more.conf", "../{here}/more.conf", "{cwd}/more.conf", "link", "chain"]
)
def test_every_way_to_name_a_file_leads_to_it(policydb: Run, sources: Sources, name: str) -> None:
    """A relative name counts from the folder in which the command was started (docs/daemon.md)."""
    write(Path("more.conf"), OTHER)
    Path("sub").mkdir()
    Path("link").symlink_to("more.conf")
    Path("chain").symlink_to(Path.cwd() / "link")
    main = including(sources, name.format(cwd=Path.cwd(), here=Path.cwd().name))
    assert policydb("check", main)[0] == 0
    assert connections(sources) == 2


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _large(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _circle(path: Path) -> None:
    write(path, 'include "second"\n')
    write(Path("second"), f'include "{path}"\n')


def _nothing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _itself(path: Path) -> None:
    write(path, f'include "{path}"\n')


TRAPS: dict[str, Callable[[Path], None]] = {
    "missing": _nothing,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a loop of links": _loop,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "an empty device": lambda path: path.symlink_to("/dev/null"),
    "too large": _large,
    "itself": _itself,
    "a circle": _circle,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_what_is_no_file_is_an_error_in_its_place_and_publishes_nothing(
    policydb: Run, sources: Sources, trap: str
) -> None:
    TRAPS[trap](Path("more"))
    for path in (Path("more"), Path("second")):
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600)
    main = including(sources, "more")
    for verb in ("check", "compile"):
        code, _, err = policydb(verb, main)
        assert code == 2
        assert "error[IP" in err
        assert ("2:" in err) or ("more:1:" in err) or ("second:1:" in err)
        assert "a secret of ours" not in err
    assert not Path("policy.db").exists()
    with pytest.raises(LoadError) as refusal:
        compile_sources(sources, NOW)
    assert any("more" in each or "second" in each for each in refusal.value.lines)
    assert not Path("policy.db").exists()


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o660, 0o604, 0o644, 0o666])
def test_the_daemon_includes_no_file_that_others_may_touch(sources: Sources, mode: int) -> None:
    more = write(Path("more.conf"), OTHER)
    including(sources, "more.conf")
    assert connections(sources) == 2
    more.chmod(mode)
    with pytest.raises(LoadError, match=r"more\.conf - too open permissions\nmend it with: chmod 600 more\.conf"):
        compile_sources(sources, NOW)
    more.chmod(0o600)
    main = including(sources, "again.conf")
    write(Path("again.conf"), 'include "more.conf"\n')
    assert connections(sources) == 2
    more.chmod(mode)
    with pytest.raises(LoadError, match="too open permissions"):
        compile_sources(sources, NOW)
    Path(main).chmod(mode)
    with pytest.raises(LoadError, match=r"ipsec\.conf - too open permissions"):
        compile_sources(sources, NOW)


@as_root
def test_the_daemon_includes_no_file_of_somebody_else(sources: Sources) -> None:
    os.chown(write(Path("more.conf"), OTHER), NOBODY, -1)
    including(sources, "more.conf")
    with pytest.raises(LoadError, match="file owner is not process user"):
        compile_sources(sources, NOW)


def test_very_many_files_are_read_and_each_is_let_go_of(policydb: Run, sources: Sources) -> None:
    """1,000 may be included (grammar.ipsec); with as few descriptors as a shell gives."""
    names = [f"more-{number}.conf" for number in range(1_001)]
    for number, name in enumerate(names):
        write(Path(name), f"flow esp from 10.1.0.0/16 to 10.{number // 250 + 10}.{number % 250}.0/24 type require\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        assert policydb("check", including(sources, *names[:999]))[0] == 0
        assert connections(sources) == 1
        code, _, err = policydb("check", including(sources, *names))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (code, err.count("error[IP")) == (2, 1)


# --- files that commands are given --------------------------------------------------------------------------------


@pytest.mark.parametrize("trap", ["missing", "a dangling link", "a loop of links", "a folder", "an endless device"])
@pytest.mark.parametrize(
    "command",
    [
        ("import", "libreswan", "more"),
        ("import", "racoon", "main", "--secrets", "more"),
        ("query", "--policy", "more", "--authorizer", "a"),
        ("check", "more"),
        ("compile", "main", "more"),
        ("overlay", "--state", "more"),
    ],
    ids=" ".join,
)
def test_a_command_ends_whatever_it_is_given(policydb: Run, command: tuple[str, ...], trap: str) -> None:
    TRAPS[trap](Path("more"))
    write(Path("main"), "")
    code, out, err = policydb(*command)
    if command[0] == "overlay" and trap == "a folder":
        assert (code, out) == (1, "no overlay: there is no more/overlay.json\n")
        return
    assert code == 2
    assert out in {"", "1 error, 0 warnings\n"}
    assert "more" in err
    assert not Path("policy.db").exists()


@pytest.mark.parametrize("trap", ["a FIFO", "an endless device", "a folder", "a loop of links", "too large"])
def test_an_overlay_that_is_no_file_is_not_waited_for(policydb: Run, trap: str) -> None:
    Path("state").mkdir()
    TRAPS[trap](Path("state/overlay.json"))
    code, out, err = policydb("overlay", "--state", "state")
    assert (code, out) == (2, "")
    assert "overlay.json" in err


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("libreswan", "include /etc/shadow\nconn a\n\tleft=192.0.2.1\n\tright=192.0.2.2\n\tauthby=secret\n"),
        ("racoon", 'include "../../../etc/shadow";\nremote 192.0.2.2 { exchange_mode main; }\n'),
        ("swanctl", "include /etc/sh*\nconnections { a { remote_addrs = 192.0.2.2 } }\n"),
    ],
)
def test_import_follows_no_include_and_says_so(policydb: Run, kind: str, text: str) -> None:
    write(Path("main"), text)
    _, out, err = policydb("import", kind, "main")
    assert "included files are not read" in err
    assert "root:" not in out + err


@pytest.mark.parametrize("name", ["isakmpd.conf", "isakmpd.policy"])
@pytest.mark.parametrize("trap", ["link", "dangling link", "FIFO"])
def test_import_writes_through_nothing_that_has_the_name_of_its_files(policydb: Run, name: str, trap: str) -> None:
    text = "connections { a { remote_addrs = 192.0.2.2 } }\n"
    write(Path("main"), text)
    precious = write(Path("precious"), "precious")
    Path("out").mkdir()
    place = Path("out") / name
    if trap == "FIFO":
        os.mkfifo(place)
    else:
        place.symlink_to(precious.absolute() if trap == "link" else "nowhere")
    code, _, err = policydb("import", "swanctl", "main", "--output", "out")
    assert (code, "would be overwritten" in err) == (2, True)
    policydb("import", "swanctl", "main", "--output", "out", "--force")
    assert precious.read_text() == "precious"
    assert not Path("out/nowhere").exists()
    assert place.is_file()
    assert not place.is_symlink()
