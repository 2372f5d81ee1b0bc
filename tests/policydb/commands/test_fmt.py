"""`policydb fmt` and `policydb lint`: what is printed, what is written, and the exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from policydb.cli import commands
from tests.policydb.command_line import Run

WRONG = b'authorizer:"A\xe9"\nLicensees:"B"\n'
RIGHT = b'Authorizer: "A\xe9"\nLicensees: "B"\n'
BROKEN = b'Authorizer: "A"\nLicensees: "B" "C"\n'
DOUBTFUL = 'Authorizer: "POLICY"\nLicensees: "A"\nConditions: a == "x" -> "yes";\n'


def put(name: str, octets: bytes, mode: int = 0o600) -> Path:
    path = Path(name)
    path.write_bytes(octets)
    path.chmod(mode)
    return path


def test_fmt_prints_the_octets_of_the_formatted_text_and_writes_nothing(tmp_path: Path) -> None:
    path = put(str(tmp_path / "p.policy"), WRONG)
    result = CliRunner().invoke(commands, ["fmt", str(path)])
    assert (result.exit_code, result.stdout_bytes) == (0, RIGHT)
    assert path.read_bytes() == WRONG


def test_octets_come_out_as_they_went_in(policydb: Run) -> None:
    path = put("p.policy", WRONG)
    assert policydb("fmt", "-w", "p.policy") == (0, "", "")
    assert path.read_bytes() == RIGHT
    assert policydb("fmt", "--check", "p.policy") == (0, "", "")


@pytest.mark.parametrize("text", [b"[General]\n", b"ike esp from 1.1.1.1 to 2.2.2.2 psk topsecret\n"])
def test_a_configuration_is_left_alone_and_not_shown(text: bytes, policydb: Run) -> None:
    put("some.conf", text)
    code, out, err = policydb("fmt", "-w", "some.conf")
    assert (code, out) == (2, "")
    assert "only policies are formatted" in err
    assert "topsecret" not in err


def test_check_names_what_is_not_formatted(policydb: Run) -> None:
    put("p.policy", WRONG)
    put("q.policy", RIGHT)
    assert policydb("fmt", "--check", "p.policy", "q.policy") == (1, "p.policy is not formatted\n", "")


def test_diff_shows_what_would_change(policydb: Run) -> None:
    put("p.policy", b'authorizer: "A"\nLicensees: "B"')
    code, out, _ = policydb("fmt", "--diff", "p.policy")
    assert code == 0
    assert out.splitlines() == [
        "--- p.policy",
        "+++ p.policy (formatted)",
        "@@ -1,2 +1,2 @@",
        '-authorizer: "A"',
        '-Licensees: "B"',
        "\\ No newline at end of file",
        '+Authorizer: "A"',
        '+Licensees: "B"',
    ]
    assert policydb("fmt", "--diff", "--check", "p.policy")[0] == 1


def test_written_files_keep_their_mode_and_links_stay_links(policydb: Run) -> None:
    path = put("p.policy", WRONG, 0o640)
    Path("link.policy").symlink_to("p.policy")
    policydb("fmt", "-w", "link.policy")
    assert Path("link.policy").is_symlink()
    assert path.read_bytes() == RIGHT
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in Path().iterdir()) == ["link.policy", "p.policy"]


def test_what_cannot_be_written_stays_whole(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = put("p.policy", WRONG)
    monkeypatch.setattr(os, "fsync", full)
    code, _, err = policydb("fmt", "-w", "p.policy")
    assert code == 2
    assert err == "error: p.policy: cannot be written: No space left on device\n"
    assert path.read_bytes() == WRONG
    assert list(Path().iterdir()) == [path]


def test_bad_assertions_are_left_and_reported_and_the_others_formatted(policydb: Run) -> None:
    path = put("p.policy", BROKEN + b"\n" + WRONG)
    code, out, err = policydb("fmt", "-w", "p.policy")
    assert (code, out) == (2, "")
    assert "p.policy:2:16: error[KN028]" in err
    assert path.read_bytes() == BROKEN + b"\n" + RIGHT


def test_only_policies_are_formatted(policydb: Run) -> None:
    put("a.conf", b"[General]\nListen-on=1.2.3.4\n")
    put("a.policy", RIGHT)
    assert policydb("fmt", "--check", ".")[0] == 0
    code, _, err = policydb("fmt", "a.conf")
    assert code == 2
    assert "only policies" in err
    assert policydb("fmt", "nix.policy")[0] == 2


def test_standard_input_is_printed_and_never_written(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    from types import SimpleNamespace

    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'authorizer: "A"\nLicensees: "B"\n')))
    assert policydb("fmt", "-")[:2] == (0, 'Authorizer: "A"\nLicensees: "B"\n')
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(WRONG)))
    assert policydb("fmt", "-w", "-")[0] == 2


# --- lint ---------------------------------------------------------------------------------------------------------


def test_lint_ends_with_0_1_or_2(policydb: Run) -> None:
    put("good.policy", RIGHT)
    put("doubtful.policy", DOUBTFUL.encode())
    put("broken.policy", BROKEN)
    assert policydb("lint", "good.policy") == (0, "", "")
    code, out, err = policydb("lint", "doubtful.policy", "good.policy")
    assert (code, out) == (1, "")
    assert err.startswith("doubtful.policy:3:25: warning[KN102]")
    code, _, err = policydb("lint", "broken.policy", "doubtful.policy")
    assert code == 2
    assert "KN102" in err
    assert err.endswith("1 error: policydb check shows them\n")


def test_lint_as_json(policydb: Run) -> None:
    put("doubtful.policy", DOUBTFUL.encode())
    code, out, _ = policydb("lint", "doubtful.policy", "--format", "json")
    told = json.loads(out)
    assert (code, told["errors"], told["warnings"]) == (1, 0, 1)
    assert [each["code"] for each in told["diagnostics"]] == ["KN102"]


def test_delegation_is_looked_at_over_all_files_together(policydb: Run) -> None:
    put("root.policy", b'Authorizer: "POLICY"\nLicensees: "site"\n')
    put("site.policy", b'Authorizer: "site"\nLicensees: "alice"\n')
    put("other.policy", b'Authorizer: "sites"\nLicensees: "alice"\n')
    assert policydb("lint", "root.policy", "site.policy")[0] == 0
    code, _, err = policydb("lint", "root.policy", "site.policy", "other.policy")
    assert code == 1
    assert "other.policy:1:13: warning[KN118]" in err
    assert 'did you mean "site"?' in err


def test_compile_says_nothing_of_delegation_since_it_sees_new_assertions_alone(policydb: Run) -> None:
    put("root.policy", b'Authorizer: "POLICY"\nLicensees: "site"\n\nAuthorizer: "site"\nLicensees: "alice"\n')
    policydb("compile", "root.policy")
    put("root.policy", b'Authorizer: "POLICY"\nLicensees: "site"\n\nAuthorizer: "site"\nLicensees: "bob"\n')
    assert policydb("compile", "root.policy")[2] == ""
