"""`query` and `explain` as people type them: values, exit codes 0 1 2, and one clear line for whatever is wrong."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policydb.command_line import Run
from tests.policydb.signers import RSA, body, credential, name_of

POLICY = 'Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red" -> "weak"; colour == "gold";\n'
VALUES = ("--values", "none,weak,strong")
DECISION_KEYS = {"value", "allowed", "generation", "authorizers", "path", "atoms", "nearest", "ignored", "elapsed_us"}


@pytest.fixture(autouse=True)
def policy_file(policydb: Run) -> None:
    Path("p.kn").write_text(POLICY)


def test_the_value_alone_is_printed_and_the_exit_code_says_yes_or_no(policydb: Run) -> None:
    ask = ("query", "--policy", "p.kn", "--authorizer", "alice", *VALUES)
    assert policydb(*ask, "--attribute", "colour=gold") == (0, "strong\n", "")
    assert policydb(*ask, "--attribute", "colour=red") == (1, "weak\n", "")
    assert policydb(*ask, "--attribute", "colour=blue") == (1, "none\n", "")
    assert policydb(*ask) == (1, "none\n", "")


def test_the_later_of_two_attributes_counts(policydb: Run) -> None:
    pair = ("--attribute", "colour=red", "--attribute", "colour=gold=x", "--attribute", "colour=gold")
    assert policydb("query", "--policy", "p.kn", "--authorizer", "alice", *pair)[:2] == (0, "true\n")


def test_a_single_value_is_lowest_and_highest_at_once(policydb: Run) -> None:
    assert policydb("query", "--policy", "p.kn", "--authorizer", "bob", "--values", "yes")[:2] == (0, "yes\n")


def test_a_policy_comes_from_standard_input_too(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    assert policydb("query", "--policy", "-", "--authorizer", "alice", "--attribute", "colour=gold")[:2] == (
        0,
        "true\n",
    )


def test_several_policies_count_together(policydb: Run) -> None:
    Path("q.kn").write_text('Authorizer: "POLICY"\nLicensees: "bob"\n')
    assert policydb("query", "--policy", "p.kn", "--policy", "q.kn", "--authorizer", "bob")[0] == 0


def test_text_beyond_ascii_is_compared_octet_by_octet(policydb: Run) -> None:
    Path("u.kn").write_text('Authorizer: "POLICY"\nLicensees: "müller"\nConditions: a == "ß" -> "größer";\n')
    ask = ("query", "--policy", "u.kn", "--authorizer", "müller", "--attribute", "a=ß", "--values", "no,größer")
    assert policydb(*ask)[:2] == (0, "größer\n")


def test_a_passphrase_asks_by_its_digests_too(policydb: Run) -> None:
    for digest in ("md5-hex:3858f62230ac3c915f300c664312c63f", "sha1-hex:8843d7f92416211de9ebb963ff4ce28125932878"):
        Path("d.kn").write_text(f'Authorizer: "POLICY"\nLicensees: "passphrase-{digest}"\n')
        assert policydb("query", "--policy", "d.kn", "--authorizer", "passphrase:foobar")[0] == 0
        assert policydb("query", "--policy", "d.kn", "--authorizer", "passphrase:other")[0] == 1


def test_a_credential_counts_only_if_signed(policydb: Run) -> None:
    Path("c.kn").write_text('\n\nAuthorizer: "alice"\nLicensees: "bob"\n')
    ask = ("query", "--policy", "p.kn", "--credential", "c.kn", "--authorizer", "bob", "--attribute", "colour=gold")
    code, out, err = policydb(*ask)
    assert (code, out) == (1, "false\n")
    assert "c.kn:3:1: warning: this credential does not count: it is not signed" in err


CREDENTIAL_OPTIONS = ("--credential", "c.kn", "--authorizer", "bob", "--attribute", "a=x")


def weakly_signed() -> None:
    Path("t.kn").write_text(f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}"\n')
    Path("c.kn").write_text(credential("sig-rsa-sha1"))


@pytest.mark.parametrize("command", ["query", "explain"])
def test_a_weak_signature_counts_only_where_the_caller_says_so(policydb: Run, command: str) -> None:
    weakly_signed()
    ask = (command, "--policy", "t.kn", *CREDENTIAL_OPTIONS)
    code, _, err = policydb(*ask)
    assert code == 1
    assert "c.kn:1:1: warning: this credential does not count: its signature is weak (sig-rsa-sha1-hex: " in err
    assert policydb(*ask, "--accept-weak-signatures")[::2] == (0, "")


def test_a_weak_signature_counts_where_the_stores_configuration_says_so(policydb: Run) -> None:
    """As it does for the daemon that this configuration is for."""
    weakly_signed()
    Path("isakmpd.conf").write_text("[KeyNote]\nAccept-weak-signatures=yes\n")
    Path("c.jsonl").write_text(
        json.dumps({"credentials": [credential("sig-rsa-sha1")], "authorizers": ["bob"], "attributes": [["a", "x"]]})
    )
    policydb("compile", "t.kn")
    assert policydb("query", *CREDENTIAL_OPTIONS)[:2] == (1, "false\n")
    assert '"value": "false"' in policydb("query", "--batch", "c.jsonl")[1]
    assert '"value": "true"' in policydb("query", "--batch", "c.jsonl", "--accept-weak-signatures")[1]
    policydb("compile", "t.kn", "isakmpd.conf")
    assert policydb("query", *CREDENTIAL_OPTIONS)[:2] == (0, "true\n")
    assert '"value": "true"' in policydb("query", "--batch", "c.jsonl")[1]


def test_each_credential_of_a_file_counts_for_itself(policydb: Run) -> None:
    Path("t.kn").write_text(f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}"\n')
    Path("c.kn").write_text(f"{body('alice')}\n\n{credential('sig-rsa-sha256')}\n{body(name_of(RSA), 'eve')}")
    code, out, err = policydb("query", "--policy", "t.kn", *CREDENTIAL_OPTIONS)
    assert (code, out) == (0, "true\n")
    assert [line.partition(": warning")[0] for line in err.splitlines()] == ["c.kn:1:1", "c.kn:13:1"]


@pytest.mark.parametrize("form", [("explain",), ("explain", "--format", "json"), ("query", "--format", "json")])
@pytest.mark.parametrize(("colour", "code"), [("gold", 0), ("red", 1)])
def test_explain_and_json_have_the_exit_codes_of_query(
    policydb: Run, form: tuple[str, ...], colour: str, code: int
) -> None:
    ask = ("--policy", "p.kn", "--authorizer", "alice", "--attribute", f"colour={colour}", *VALUES)
    assert policydb(*form, *ask)[0] == code


def test_a_decision_as_json_has_the_promised_keys(policydb: Run) -> None:
    _, out, _ = policydb(
        "explain", "--policy", "p.kn", "--authorizer", "alice", "--attribute", "colour=red", *VALUES, "--format", "json"
    )
    told = json.loads(out)
    assert set(told) == DECISION_KEYS | {"granted"}  # for a value between the lowest and the highest
    assert (told["value"], told["allowed"], told["authorizers"], told["generation"]) == ("weak", False, ["alice"], 0)
    assert {"source": "p.kn", "line": 3, "op": "==", "left": "red", "right": "gold", "result": False}.items() <= (
        told["atoms"][1].items()
    )
    assert set(told["atoms"][0]) >= {"source", "line", "column", "text", "left", "op", "right", "result", "missing"}
    assert {"changes": [{"attribute": "colour", "from": "red", "to": "gold"}], "value": "strong"} in told["nearest"]


def test_an_attribute_that_nobody_set_is_missing_and_not_empty(policydb: Run) -> None:
    _, out, _ = policydb("explain", "--policy", "p.kn", "--authorizer", "alice", "--format", "json")
    told = json.loads(out)
    assert told["atoms"][0]["missing"] == ["colour"]
    assert told["nearest"][0]["changes"][0]["from"] is None


def test_explain_says_what_decided_and_what_would_be_allowed(policydb: Run) -> None:
    code, out, _ = policydb("explain", "--policy", "p.kn", "--authorizer", "alice", "--attribute", "colour=blue")
    assert code == 1
    assert "p.kn:1" in out
    assert 'colour == "gold"' in out


def test_a_batch_is_answered_line_by_line_and_may_be_compressed(policydb: Run) -> None:
    lines = "".join(
        json.dumps({"id": colour, "policies": [POLICY], "authorizers": ["alice"], "attributes": [["colour", colour]]})
        + "\n"
        for colour in ("gold", "blue")
    )
    Path("batch").write_text(lines + "rubbish\n")
    Path("batch.gz").write_bytes(gzip.compress((lines + "rubbish\n").encode()))
    code, out, err = policydb("query", "--batch", "batch", "--format", "json")
    assert (code, err) == (0, "")
    assert [(each["id"], each["value"]) for each in map(json.loads, out.splitlines())] == [
        ("gold", "true"),
        ("blue", "false"),
        (None, None),
    ]
    assert policydb("query", "--batch", "batch.gz") == (0, out, "")


def test_a_damaged_batch_ends_with_two(policydb: Run) -> None:
    Path("batch.gz").write_bytes(gzip.compress(b"{}\n" * 1000)[:-9])
    code, _, err = policydb("query", "--batch", "batch.gz")
    assert code == 2
    assert "damaged" in err


def test_a_batch_may_ask_the_store(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("batch").write_text(json.dumps({"authorizers": ["alice"], "attributes": [["colour", "gold"]]}))
    empty = json.loads(policydb("query", "--batch", "batch")[1])
    assert empty["value"] == "false"
    assert "no store" in empty["errors"][0]
    missing = policydb("query", "--batch", "batch", "--store", "s.db")
    assert (missing[0], json.loads(missing[1])["value"]) == (0, None)
    monkeypatch.setenv("POLICYDB_STORE", "s.db")
    assert json.loads(policydb("query", "--batch", "batch")[1])["value"] is None
    policydb("compile", "p.kn", "--store", "s.db")
    assert json.loads(policydb("query", "--batch", "batch", "--store", "s.db")[1])["value"] == "true"


BAD = {
    "no authorizer": ("query", "--policy", "p.kn"),
    "no store": ("query", "--authorizer", "a"),
    "a store that is a folder": ("query", "--authorizer", "a", "--store", "."),
    "a store that is no database": ("query", "--authorizer", "a", "--store", "p.kn"),
    "an empty store": ("query", "--authorizer", "a", "--store", "empty"),
    "a missing policy": ("query", "--policy", "nix", "--authorizer", "a"),
    "a folder as policy": ("query", "--policy", ".", "--authorizer", "a"),
    "a missing credential": ("query", "--policy", "p.kn", "--credential", "nix", "--authorizer", "a"),
    "a policy with errors": ("query", "--policy", "broken.kn", "--authorizer", "a"),
    "an attribute without a value": ("query", "--policy", "p.kn", "--authorizer", "a", "--attribute", "colour"),
    "an attribute without a name": ("query", "--policy", "p.kn", "--authorizer", "a", "--attribute", "=x"),
    "an ill-formed name": ("query", "--policy", "p.kn", "--authorizer", "a", "--attribute", "1a=x"),
    "a reserved name": ("query", "--policy", "p.kn", "--authorizer", "a", "--attribute", "_VALUES=x"),
    "an empty value": ("query", "--policy", "p.kn", "--authorizer", "a", "--values", "a,,b"),
    "no values": ("query", "--policy", "p.kn", "--authorizer", "a", "--values", ""),
    "a key that cannot be decoded": ("query", "--policy", "p.kn", "--authorizer", "rsa-base64:!!!!"),
    "standard input twice": ("query", "--policy", "-", "--credential", "-", "--authorizer", "a"),
    "an unknown command": ("qurey",),
    "no command": (),
    "an unknown option": ("query", "--polici", "p.kn"),
    "an unknown format": ("query", "--policy", "p.kn", "--authorizer", "a", "--format", "xml"),
    "a missing batch": ("query", "--batch", "nix"),
    "a batch and a question": ("query", "--batch", "p.kn", "--authorizer", "a"),
    "a record and a question": ("explain", "--record", "1", "--authorizer", "a"),
    "record zero": ("explain", "--record", "0"),
    "a missing log": ("explain", "--record", "1"),
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD.keys())
def test_unusable_input_ends_with_two_and_a_word(policydb: Run, arguments: tuple[str, ...]) -> None:
    Path("broken.kn").write_text(
        'Authorizer: "POLICY\n\nLicensees: "a"\n\nAuthorizer: "POLICY"\nConditions: a = "b";\n'
    )
    Path("empty").touch()
    code, out, err = policydb(*arguments)
    assert (code, out) == (2, "")
    assert err.strip()
    assert "Traceback" not in err


def test_every_error_of_a_policy_is_shown_with_its_place(policydb: Run) -> None:
    Path("broken.kn").write_text('Authorizer: "POLICY\n\nAuthorizer: "POLICY"\nConditions: a = "b";\n')
    _, _, err = policydb("query", "--policy", "broken.kn", "--authorizer", "a")
    assert "broken.kn:1:13: error[KN003]" in err
    assert "broken.kn:4:15: error[KN020]" in err
    assert "hint: write == to compare" in err


# --- in a process of its own --------------------------------------------------------------------------------------


def spawn(*arguments: str, folder: Path, given: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "policydb.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, input=given, env=environment, capture_output=True, timeout=200, check=False
    )


def test_the_process_ends_with_the_exit_code(tmp_path: Path, project: Path) -> None:
    ask = ("query", "--policy", "-", "--authorizer", "alice", "--attribute")
    for attribute, code, out in (("colour=gold", 0, b"true\n"), ("colour=blue", 1, b"false\n"), ("colour", 2, b"")):
        done = spawn(*ask, attribute, folder=tmp_path, given=POLICY.encode(), PYTHONPATH=str(project))
        assert (done.returncode, done.stdout) == (code, out)


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_a_poor_terminal_gets_no_traceback(tmp_path: Path, project: Path, locale: str) -> None:
    given = 'Authorizer: "POLICY"\nLicensees: "ü"\nConditions: a == "☂";\n'.encode()
    variables = {"LC_ALL": locale, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(project)}
    done = spawn("explain", "--policy", "-", "--authorizer", "ü", folder=tmp_path, given=given, **variables)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_answer_no(tmp_path: Path, project: Path) -> None:
    (tmp_path / "p.kn").write_text(POLICY)
    line = json.dumps({"policies": [POLICY], "authorizers": ["alice"]}) + "\n"
    (tmp_path / "batch").write_text(line * 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "policydb.cli", "query", "--batch", "batch"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    _, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (-signal.SIGPIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said(tmp_path: Path, project: Path) -> None:
    (tmp_path / "p.kn").write_text(POLICY)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "policydb.cli", "query", "--policy", "p.kn", "--authorizer", "alice"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(project)},
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=200,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"error: cannot write the answer: No space left on device\n"
