"""`generations`, `diff` and `rollback`: what was published, how it differs, going back; the exit codes of each."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from policydb.cli import commands
from tests.policydb.command_line import Run

ALICE = 'Authorizer: "POLICY"\nLicensees: "alice"\n'
BOB = 'Authorizer: "POLICY"\nLicensees: "bob"\n'


@pytest.fixture(autouse=True)
def two_generations(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    for text in (ALICE, BOB):
        Path("site.policy").write_text(text)
        assert policydb("compile", "site.policy")[0] == 0


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


# --- generations --------------------------------------------------------------------------------------------------


def test_generations_are_listed(policydb: Run) -> None:
    code, out, err = policydb("generations")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert [each.split()[0] for each in (first, second)] == ["1", "2"]
    assert [each.split()[-2:] for each in (first, second)] == [[me(), "site.policy"]] * 2
    assert ["in force" in each for each in (first, second)] == [False, True]


def test_generations_as_json(policydb: Run) -> None:
    policydb("rollback", "1")
    told = json.loads(policydb("generations", "--format", "json")[1])
    assert [(each["generation"], each["in_force"], each["restores"]) for each in told] == [
        (1, False, None),
        (2, False, None),
        (3, True, 1),
    ]
    assert {each["author"] for each in told} == {me()}
    assert told[0]["sources"] == told[2]["sources"] != told[1]["sources"]


def test_behind_sudo_the_author_is_who_called_it(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "carol")
    policydb("rollback")
    author = json.loads(policydb("generations", "--format", "json")[1])[-1]["author"]
    assert author == ("carol" if me() == "root" else me())


# --- diff ---------------------------------------------------------------------------------------------------------


def test_a_difference_is_shown_and_the_exit_code_is_one(policydb: Run) -> None:
    code, out, err = policydb("diff", "1")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "--- site.policy\tgeneration 1",
        "+++ site.policy\tgeneration 2",
        "@@ -1,2 +1,2 @@",
        ' Authorizer: "POLICY"',
        '-Licensees: "alice"',
        '+Licensees: "bob"',
    ]
    assert policydb("diff", "2", "1")[1].splitlines()[-2:] == ['-Licensees: "bob"', '+Licensees: "alice"']


def test_no_difference_is_no_output_and_exit_code_zero(policydb: Run) -> None:
    assert policydb("diff", "2") == (0, "", "")
    assert policydb("diff", "1", "1") == (0, "", "")


def test_a_difference_as_json(policydb: Run) -> None:
    code, out, _ = policydb("diff", "1", "--format", "json")
    told = json.loads(out)
    assert code == 1
    assert (told["before"], told["after"], told["same"], told["reordered"]) == (1, 2, False, False)
    (source,) = told["sources"]
    assert (source["name"], source["kind"], source["status"]) == ("site.policy", "policy", "changed")
    assert source["diff"] == policydb("diff", "1")[1].splitlines()
    same = policydb("diff", "1", "1", "--format", "json")
    assert same[0] == 0
    assert json.loads(same[1])["sources"] == []


def test_files_in_another_order_are_said_to_be(policydb: Run) -> None:
    Path("more.policy").write_text(ALICE)
    policydb("compile", "site.policy", "more.policy")
    policydb("compile", "more.policy", "site.policy")
    assert policydb("diff", "3") == (1, "the sources stand in another order\n", "")


def test_an_empty_file_that_is_new_is_said_to_be(policydb: Run) -> None:
    Path("empty.policy").write_text("")
    policydb("compile", "site.policy", "empty.policy")
    assert policydb("diff", "2") == (1, "empty.policy: added, and empty\n", "")
    assert policydb("diff", "3", "2") == (1, "empty.policy: removed, and empty\n", "")


def test_an_included_file_that_has_changed_changes_what_includes_it(policydb: Run) -> None:
    Path("ipsec.conf").write_text('include "peers.conf"\n')
    for network in ("10.2.0.0/16", "10.3.0.0/16"):
        Path("peers.conf").write_text(f"ike esp from 10.1.0.0/16 to {network} peer 192.0.2.2 psk mekmitasdigoat\n")
        assert policydb("compile", "ipsec.conf")[0] == 0
    code, out, _ = policydb("diff", "3")
    assert code == 1
    assert "+ike esp from 10.1.0.0/16 to 10.3.0.0/16 peer 192.0.2.2 psk ********\n" in out
    assert "mekmitasdigoat" not in out


def test_texts_are_shown_as_they_were_written(policydb: Run) -> None:
    Path("site.policy").write_text(f"# für München\n{BOB}", encoding="utf-8")
    policydb("compile", "site.policy")
    assert "+# für München\n" in policydb("diff", "2")[1]
    assert "+# für München" in json.loads(policydb("diff", "2", "--format", "json")[1])["sources"][0]["diff"]


def test_lines_are_coloured_on_a_terminal_alone(policydb: Run) -> None:
    assert "\x1b" not in policydb("diff", "1")[1]
    coloured = CliRunner().invoke(commands, ["diff", "1"], color=True, standalone_mode=False).output
    assert click.style('-Licensees: "alice"', fg="red") in coloured
    assert click.style('+Licensees: "bob"', fg="green") in coloured


# --- rollback -----------------------------------------------------------------------------------------------------


def test_rollback_puts_the_generation_before_into_force(policydb: Run) -> None:
    assert policydb("query", "--authorizer", "alice")[0] == 1
    assert policydb("rollback") == (0, "published generation 3 in policy.db: the sources of generation 1\n", "")
    assert policydb("query", "--authorizer", "alice")[0] == 0
    assert policydb("query", "--authorizer", "bob")[0] == 1
    assert policydb("generations")[1].splitlines()[-1].endswith("site.policy  (those of generation 1)")


def test_a_second_rollback_undoes_the_first(policydb: Run) -> None:
    policydb("rollback")
    assert policydb("rollback")[1] == "published generation 4 in policy.db: the sources of generation 2\n"
    assert policydb("query", "--authorizer", "bob")[0] == 0


def test_rollback_to_what_is_in_force_says_so(policydb: Run) -> None:
    told = "nothing has changed; generation 2 stays in force in policy.db: it has the sources of generation 2\n"
    assert policydb("rollback", "2") == (0, told, "")


def test_rollback_as_json(policydb: Run) -> None:
    assert json.loads(policydb("rollback", "1", "--format", "json")[1]) == {
        "published": True,
        "generation": 3,
        "restores": 1,
    }
    assert json.loads(policydb("rollback", "1", "--format", "json")[1])["published"] is False


def test_the_files_compiled_again_are_in_force_again(policydb: Run) -> None:
    policydb("rollback", "1")
    assert policydb("compile", "site.policy")[1].startswith("published generation 4 ")
    assert policydb("diff", "2") == (0, "", "")


def test_with_one_generation_there_is_nothing_to_go_back_to(policydb: Run) -> None:
    policydb("compile", "site.policy", "--store", "one.db")
    assert policydb("rollback", "--store", "one.db") == (
        2,
        "",
        "error: one.db holds one generation only\nhint: there is nothing to go back to\n",
    )
    assert policydb("rollback", "1", "--store", "one.db")[0] == 0


@pytest.mark.parametrize("command", [("diff", "7"), ("diff", "1", "7"), ("rollback", "7"), ("rollback", str(2**70))])
def test_a_generation_that_is_not_there_ends_with_two(policydb: Run, command: tuple[str, ...]) -> None:
    expected = f"error: policy.db holds no generation {command[-1]}\nhint: policydb generations lists them\n"
    assert policydb(*command) == (2, "", expected)
    assert len(policydb("generations")[1].splitlines()) == 2


@pytest.mark.parametrize(
    "command", [("diff",), ("diff", "0"), ("diff", "x"), ("rollback", "-1"), ("rollback", "1", "2")]
)
def test_wrong_usage_ends_with_two(policydb: Run, command: tuple[str, ...]) -> None:
    code, out, err = policydb(*command)
    assert (code, out) == (2, "")
    assert "Usage: policydb" in err


@pytest.mark.parametrize("command", [("generations",), ("diff", "1"), ("rollback", "1"), ("rollback",)])
def test_a_store_that_is_not_there_ends_with_two(policydb: Run, command: tuple[str, ...]) -> None:
    hint = "policydb compile PATH... --store nix.db makes it"
    assert policydb(*command, "--store", "nix.db") == (2, "", f"error: nix.db does not exist\nhint: {hint}\n")
    assert not Path("nix.db").exists()
