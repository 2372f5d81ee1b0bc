"""`compile` and `check`: one generation or none, every finding shown, nothing written by a check."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policydb.cli import run
from tests.policydb.command_line import Run
from tests.sizes import examples

GOOD = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n'
BROKEN = 'Authorizer: "POLICY\n\nAuthorizer: "POLICY"\nConditions: a = "b";\n'
DOUBTFUL = 'Authorizer: "POLICY"\nConditions: colour == "red" -> "yes";\n'


@pytest.fixture(autouse=True)
def files(policydb: Run) -> None:
    for name, text in (("good", GOOD), ("broken", BROKEN), ("doubtful", DOUBTFUL)):
        path = Path(f"{name}.policy")
        path.write_text(text)
        path.chmod(0o600)


def ask(policydb: Run, *more: str) -> tuple[int, str]:
    return policydb("query", "--authorizer", "alice", "--attribute", "colour=red", *more)[:2]


def test_what_is_compiled_is_asked(policydb: Run) -> None:
    code, out, err = policydb("compile", "good.policy")
    assert (code, err) == (0, "")
    assert out == "published generation 1 in policy.db: 1 file, 1 assertion (1 new)\n"
    assert ask(policydb) == (0, "true\n")
    assert policydb("query", "--authorizer", "bob")[:2] == (1, "false\n")


def test_nothing_new_is_said(policydb: Run) -> None:
    policydb("compile", "good.policy")
    code, out, _ = policydb("compile", "good.policy")
    assert code == 0
    assert out == "nothing has changed; generation 1 stays in force in policy.db: 1 file, 1 assertion (0 new)\n"


def test_the_store_is_the_option_else_the_variable_else_the_folder(
    policydb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICYDB_STORE", "variable.db")
    assert policydb("compile", "good.policy", "--store", "option.db")[0] == 0
    assert policydb("compile", "good.policy")[0] == 0
    assert (Path("option.db").exists(), Path("variable.db").exists(), Path("policy.db").exists()) == (True, True, False)
    assert ask(policydb) == (0, "true\n")
    assert ask(policydb, "--store", "option.db") == (0, "true\n")
    monkeypatch.delenv("POLICYDB_STORE")
    assert ask(policydb)[0] == 2


def test_errors_publish_nothing_and_the_old_generation_stays(policydb: Run) -> None:
    policydb("compile", "good.policy")
    before = Path("policy.db").read_bytes()
    code, out, err = policydb("compile", "good.policy", "broken.policy", "missing.policy")
    assert (code, out) == (2, "")
    assert "broken.policy:1:13: error[KN003]" in err
    assert "broken.policy:4:15: error[KN020]" in err
    assert "missing.policy" in err
    assert err.rstrip().endswith("3 errors: nothing published; generation 1 stays in force")
    assert Path("policy.db").read_bytes() == before
    assert ask(policydb) == (0, "true\n")


def test_errors_at_first_make_no_store(policydb: Run) -> None:
    code, _, err = policydb("compile", "broken.policy")
    assert code == 2
    assert err.rstrip().endswith("2 errors: nothing published; policy.db holds no generation yet")
    assert not Path("policy.db").exists()


def test_warnings_are_shown_and_do_not_hinder(policydb: Run) -> None:
    code, out, err = policydb("compile", "doubtful.policy")
    assert code == 0
    assert out.startswith("published generation 1")
    assert "doubtful.policy:2:32: warning[KN102]" in err


def test_compile_as_json(policydb: Run) -> None:
    code, out, err = policydb("compile", "broken.policy", "doubtful.policy", "--format", "json")
    told = json.loads(out)
    assert (code, err, told["published"], told["generation"]) == (2, "", False, None)
    first = told["diagnostics"][0]
    assert set(first) == {"source", "line", "column", "severity", "code", "message", "hint"}
    assert [(each["source"], each["line"], each["severity"], each["code"]) for each in told["diagnostics"]] == [
        ("broken.policy", 1, "error", "KN003"),
        ("broken.policy", 4, "error", "KN020"),
        ("doubtful.policy", 2, "warning", "KN102"),
    ]
    _, out, _ = policydb("compile", "good.policy", "--format", "json")
    assert (json.loads(out)["published"], json.loads(out)["generation"]) == (True, 1)


def test_a_policy_is_compiled_from_standard_input(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert policydb("compile", "-")[0] == 0
    assert ask(policydb) == (0, "true\n")


def test_a_store_that_is_no_store(policydb: Run) -> None:
    Path("other.db").write_bytes(b"x" * 5000)
    for store in ("other.db", ".", "no/such/folder/policy.db"):
        code, out, err = policydb("compile", "good.policy", "--store", store)
        assert (code, out) == (2, "")
        assert err.strip()


@pytest.mark.parametrize(("name", "code"), [("good", 0), ("doubtful", 0), ("broken", 2), ("missing", 2)])
def test_check_fails_on_errors_alone_and_writes_nothing(policydb: Run, name: str, code: int) -> None:
    before = sorted(Path.cwd().iterdir())
    assert policydb("check", f"{name}.policy")[0] == code
    assert policydb("check", f"{name}.policy", "--format", "json")[0] == code
    assert sorted(Path.cwd().iterdir()) == before


def test_check_shows_the_line_a_caret_and_a_hint(policydb: Run) -> None:
    _, out, err = policydb("check", "broken.policy", "doubtful.policy")
    assert '    Conditions: a = "b";\n                  ^\n    hint: write == to compare' in err
    assert out == "2 errors, 1 warning\n"
    assert policydb("check", "good.policy")[1] == "no findings\n"


def test_check_as_json(policydb: Run) -> None:
    _, out, _ = policydb("check", "broken.policy", "doubtful.policy", "--format", "json")
    told = json.loads(out)
    assert (told["errors"], told["warnings"], len(told["diagnostics"])) == (2, 1, 3)


def test_a_missing_file_is_said_in_one_line_and_a_hint(policydb: Run) -> None:
    _, _, err = policydb("check", "god.policy")
    assert err == ("god.policy:1:1: error[PD001]: there is no such file\n    hint: did you mean good.policy?\n")


def test_store_policy_and_credentials_count_together(policydb: Run) -> None:
    policydb("compile", "good.policy")
    Path("more.policy").write_text('Authorizer: "POLICY"\nLicensees: "passphrase:foobar"\n')
    question = ("query", "--policy", "more.policy", "--authorizer", "passphrase:foobar")
    assert policydb(*question)[0] == 0
    assert policydb(*question, "--store", "policy.db")[0] == 0
    assert ask(policydb, "--policy", "more.policy") == (1, "false\n")
    assert ask(policydb, "--policy", "more.policy", "--store", "policy.db") == (0, "true\n")


def test_a_store_knows_a_passphrase_by_its_digests(policydb: Run) -> None:
    texts = (
        "passphrase:foobar",
        "passphrase-md5-hex:3858f62230ac3c915f300c664312c63f",
        "passphrase-sha1-hex:8843d7f92416211de9ebb963ff4ce28125932878",
    )
    for text in texts:
        Path("p.policy").write_text(f'Authorizer: "POLICY"\nLicensees: "{text}"\n')
        policydb("compile", "p.policy")
        assert policydb("query", "--authorizer", "passphrase:foobar")[0] == 0
        assert policydb("query", "--authorizer", "passphrase:foo")[0] == 1
    assert b"foobar" not in Path("policy.db").read_bytes()


def test_an_answer_names_its_generation(policydb: Run) -> None:
    policydb("compile", "good.policy")
    told = json.loads(policydb("explain", "--authorizer", "alice", "--format", "json")[1])
    assert (told["generation"], told["value"]) == (1, "false")


_PIECES = st.sampled_from(
    [
        *(b"Authorizer: ", b'"POLICY"', b"Licensees: ", b"Conditions: ", b"\n", b"\n\n", b" ", b"&&", b"(", b"{", b";"),
        *(b'"a"', b"->", b"[General]\n", b"Listen-on= x\n", b"Authentication= 0xzz\n", b'"passphrase:x', b"~=", b"\\"),
    ]
)


@settings(max_examples=examples(150))
@given(st.binary() | st.lists(_PIECES | st.binary(max_size=3), max_size=30).map(b"".join))
def test_whatever_octets_a_file_holds_are_checked_compiled_and_asked(octets: bytes) -> None:
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        path = Path(folder) / "file"
        path.write_bytes(octets)
        store = f"{folder}/policy.db"
        checked = run(["check", str(path)])
        assert checked in {0, 2}
        assert run(["compile", str(path), "--store", store]) == checked
        assert run(["query", "--policy", str(path), "--authorizer", "a"]) in {0, 1, 2}
        if checked == 0:
            assert run(["explain", "--store", store, "--authorizer", "a"]) in {0, 1}


def many(count: int) -> Path:
    path = Path("many.policy")
    path.write_text("\n".join(f'Authorizer: "POLICY"\nLicensees: "k{number}"\n' for number in range(count)))
    return path


class Screen(io.StringIO):
    """Standard error, a terminal or none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_a_terminal_shows_how_far_a_long_compilation_is(policydb: Run, capsys: pytest.CaptureFixture[str]) -> None:
    many(1_500)
    shown = Screen(True)
    with redirect_stderr(shown), redirect_stdout(io.StringIO()):
        assert run(["compile", "many.policy"]) == 0
    assert "parsing" in shown.getvalue()
    assert "storing" in shown.getvalue()
    assert "100%" in shown.getvalue()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("count", "terminal"), [(1_500, False), (3, True)])
def test_nothing_is_shown_elsewhere_or_of_a_short_one(policydb: Run, count: int, terminal: bool) -> None:
    many(count)
    shown = Screen(terminal)
    with redirect_stderr(shown), redirect_stdout(io.StringIO()):
        assert run(["compile", "many.policy"]) == 0
    assert shown.getvalue() == ""


def test_of_many_findings_that_say_the_same_the_first_are_shown_and_all_are_counted(policydb: Run) -> None:
    rules = (
        f"ike esp from 10.0.0.0/8 to 172.16.{number}.0/24 peer 192.0.2.1 psk k{number // 200}\n"
        for number in range(150)
    )
    Path("ipsec.conf").touch(0o600)
    Path("ipsec.conf").write_text("flow esp from 10.0.0.1 to 10.0.0.2 type deny\n" * 150 + "".join(rules))
    code, out, err = policydb("check", "ipsec.conf")
    assert (code, out) == (0, "0 errors, 151 warnings\n")
    lines = err.splitlines()
    message = "flows and static SAs are loaded by ipsecctl; the store holds what is negotiated"
    assert sum(line.endswith(message) for line in lines) == 100
    assert f"warning[IP115]: {message}: 50 more like this" in lines
    listed = json.loads(policydb("check", "ipsec.conf", "--format", "json")[1])["diagnostics"]
    assert len(listed) == 151
