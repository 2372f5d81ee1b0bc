"""The command line as a whole: help that helps, colour where it is wanted, completion, and little to load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from policydb.cli import commands
from tests.policydb.command_line import Run

POLICY = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'
DEMANDED = {"compile", "check", "lint", "fmt", "query", "explain", "log", "generations", "diff", "rollback"}


def in_process(project: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_every_command_of_the_contract_is_there() -> None:
    assert set(commands.commands) >= DEMANDED


@pytest.mark.parametrize("name", sorted(DEMANDED))
def test_every_command_has_help_an_example_and_help_for_every_option(name: str) -> None:
    command = commands.commands[name]
    result = CliRunner().invoke(commands, [name, "--help"])
    assert result.exit_code == 0
    assert f"policydb {name}" in (command.help or "").partition("Example")[2]
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


def test_the_list_of_commands_shows_whole_sentences() -> None:
    result = CliRunner().invoke(commands, ["--help"])
    assert result.exit_code == 0
    assert "..." not in result.output.partition("Commands:")[2]
    assert [name for name in DEMANDED if f"  {name} " not in result.output] == []


def test_examples_of_the_help_are_commands_with_known_options() -> None:
    for name, command in commands.commands.items():
        known = {each for param in command.params for each in param.opts}
        for line in (command.help or "").splitlines():
            if line.strip().startswith(f"policydb {name}"):
                used = {each for each in line.split() if each.startswith("--")}
                assert used <= known


def test_version(policydb: Run) -> None:
    code, out, _ = policydb("--version")
    assert code == 0
    assert out.startswith("policydb ")


def test_no_colour_off_a_terminal(policydb: Run) -> None:
    Path("p.kn").write_text(POLICY + "\nrubbish\n")
    assert "\x1b" not in "".join(policydb("check", "p.kn")[1:])


@pytest.mark.parametrize(("wish", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_no_color_is_set(
    tmp_path: Path, wish: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.kn").write_text(POLICY)
    monkeypatch.setenv("NO_COLOR", wish)
    ask = ["explain", "--policy", str(tmp_path / "p.kn"), "--authorizer", "alice"]
    result = CliRunner().invoke(commands, ask, color=True)
    assert ("\x1b[" in result.output) is coloured


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(tmp_path: Path, project: Path, shell: str) -> None:
    if shell == "bash" and not Path("/bin/bash").exists():
        pytest.skip("needs bash")
    done = in_process(
        project, tmp_path, "-c", "from policydb.cli import main; main()", _POLICYDB_COMPLETE=f"{shell}_source"
    )
    assert done.returncode == 0
    assert "_POLICYDB_COMPLETE" in done.stdout


# What only compiling, configuring or negotiating needs; checked by what Python itself says it has loaded.
HEAVY = {"lark", "pyroute2", "sqlite_utils", "cryptography", "tabulate", "daemon"}


@pytest.mark.parametrize("command", ["query", "explain", "log", "generations", "diff"])
def test_asking_a_store_loads_nothing_heavy(policydb: Run, tmp_path: Path, project: Path, command: str) -> None:
    Path("p.policy").write_text(POLICY)
    assert policydb("compile", "p.policy")[0] == 0
    question = {"diff": ("1",), "log": (), "generations": ()}.get(
        command, ("--authorizer", "alice", "--attribute", "colour=red")
    )
    if command == "log":
        from policydb.records.decisionlog import DecisionLog

        DecisionLog("decisions.db").close()
    done = in_process(project, tmp_path, "-X", "importtime", "-m", "policydb.cli", command, *question)
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "policydb" in loaded
    assert not loaded & HEAVY
