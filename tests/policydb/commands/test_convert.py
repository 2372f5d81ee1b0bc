"""`policydb import`: what it prints and writes, its exit codes, and that it neither overwrites nor tells secrets."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.policydb.command_line import Run
from tests.policydb.importers.test_conversion import INPUTS

WHOLE = """\
connections { a {
  version = 1
  remote_addrs = 192.0.2.9
  local { auth = psk }
  remote { auth = psk
    id = peer.example.org }
  children { net {
    local_ts = 10.1.0.0/16
    remote_ts = 10.2.0.0/16
  } }
} }
secrets { ike { secret = hush-hush } }
"""


@pytest.fixture(autouse=True)
def _whole(policydb: Run) -> None:
    Path("whole.conf").write_text(WHOLE)


def test_all_carried_is_exit_code_0_and_both_files_are_printed(policydb: Run) -> None:
    code, out, err = policydb("import", "swanctl", "whole.conf")
    assert (code, err) == (0, "settings: 16 carried, 0 not needed, 0 left\n")
    assert out.startswith("==> isakmpd.conf <==\n")
    assert "\n==> isakmpd.policy <==\nKeyNote-Version: 2\n" in out


def test_something_left_is_exit_code_1_with_line_and_reason(policydb: Run) -> None:
    Path("more.conf").write_text(WHOLE + "include x/*.conf\n")
    code, _, err = policydb("import", "swanctl", "more.conf")
    assert code == 1
    assert "more.conf:13:1: left: include: included files are not read" in err


def test_a_text_that_cannot_be_read_is_exit_code_2_and_shows_no_line(policydb: Run) -> None:
    Path("broken.conf").write_text('secrets { ike { secret = "hush-hush')
    code, out, err = policydb("import", "swanctl", "broken.conf", "-o", "out")
    assert (code, out) == (2, "")
    assert err.startswith("broken.conf:1:26: error[IM003]")
    assert "hush" not in err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "arguments",
    [("swanctl", "missing.conf"), ("pluto", "whole.conf"), ("racoon", "whole.conf", "--local", "left"), ("swanctl",)],
)
def test_unusable_input_is_exit_code_2(policydb: Run, arguments: tuple[str, ...]) -> None:
    assert policydb("import", *arguments)[0] == 2


def test_files_are_for_their_owner_alone_and_pass_check(policydb: Run) -> None:
    code, out, err = policydb("import", "swanctl", "whole.conf", "-o", "out")
    assert (code, out) == (0, "")
    assert "are in out" in err
    assert "hush" not in err
    written = sorted(Path("out").iterdir())
    assert [each.name for each in written] == ["isakmpd.conf", "isakmpd.policy"]
    assert {stat.S_IMODE(each.stat().st_mode) for each in written} == {0o600}
    assert policydb("check", "out")[:2] == (0, "no findings\n")


def test_nothing_is_overwritten_unless_forced(policydb: Run) -> None:
    Path("out").mkdir()
    Path("out/isakmpd.policy").write_text("mine\n")
    code, _, err = policydb("import", "swanctl", "whole.conf", "-o", "out")
    assert code == 2
    assert "out/isakmpd.policy would be overwritten" in err
    assert [each.name for each in Path("out").iterdir()] == ["isakmpd.policy"]
    assert policydb("import", "swanctl", "whole.conf", "-o", "out", "--force")[0] == 0
    assert "mine" not in Path("out/isakmpd.policy").read_text()


def test_a_link_is_replaced_and_not_followed(policydb: Run) -> None:
    Path("out").mkdir()
    Path("elsewhere").write_text("kept\n")
    Path("out/isakmpd.conf").symlink_to(Path("elsewhere").resolve())
    assert policydb("import", "swanctl", "whole.conf", "-o", "out")[0] == 2
    assert policydb("import", "swanctl", "whole.conf", "-o", "out", "--force")[0] == 0
    assert Path("elsewhere").read_text() == "kept\n"


def test_a_folder_that_cannot_be_made_is_one_line(policydb: Run) -> None:
    code, _, err = policydb("import", "swanctl", "whole.conf", "-o", "whole.conf/x")
    assert code == 2
    assert err.startswith("error: ")


def test_json(policydb: Run) -> None:
    path = str(INPUTS / "swanctl.conf")
    code, out, _ = policydb("import", "swanctl", path, "--format", "json")
    told = json.loads(out)
    assert code == 1
    assert set(told["files"]) == {"isakmpd.conf", "isakmpd.policy"}
    assert told["left"] == sum(each["outcome"] == "left" for each in told["settings"])
    assert told["carried"] + told["not needed"] + told["left"] == len(told["settings"])
    assert set(told["settings"][0]) == {"source", "line", "column", "setting", "outcome", "reason"}


def test_secrets_from_their_file(policydb: Run) -> None:
    arguments = ("import", "libreswan", str(INPUTS / "ipsec.conf"))
    _, out, err = policydb(*arguments, "--secrets", str(INPUTS / "ipsec.secrets"))
    assert "Authentication=         a long secret\n" in out
    assert "a long secret" not in err
    assert "Authentication" not in policydb(*arguments)[1]
