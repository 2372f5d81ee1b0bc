"""The command ipsecctl: what it prints, what it says, its exit codes, and what reaches the daemon's FIFO."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from daemon import ipsecctl
from daemon.ipsecctl import CtlError, Options, insecure, main, run
from daemon.resolver import SystemResolver
from policydb.ipsec.commands import Command
from tests.policydb.ipsec.support import SURROUNDINGS

HOSTS = "from 1.1.1.1 to 2.2.2.2"
DELETION = """\
t from-1.1.1.1-to-2.2.2.2
C rmv [Phase 2]:Connections=from-1.1.1.1-to-2.2.2.2
C rms [from-1.1.1.1-to-2.2.2.2]
C rms [phase2-from-1.1.1.1-to-2.2.2.2]
"""
NOT_LOADED = "ipsecctl: Syntax error in config file: ipsec rules not loaded\n"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Writes a text to the file F and runs the command in its folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ipsecctl, "SystemResolver", lambda: SURROUNDINGS.resolver)

    def made(text: str, *arguments: str, mode: int = 0o600) -> tuple[int, str, str]:
        path = tmp_path / "F"
        path.write_text(text, encoding="latin-1")
        path.chmod(mode)
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return made


# --- printing -----------------------------------------------------------------------------------------------------


def test_macros_and_rules_are_printed_in_the_order_of_the_file(call: Call) -> None:
    text = f'gw = "2.2.2.2"\nflow out from 1.1.1.1 to $gw\nike {HOSTS}\nb = c d\n'
    code, out, err = call(text, "-n", "-v", "-f", "F")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[:3] == [
        'gw = "2.2.2.2"',
        "flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require",
        "C set [Phase 1]:2.2.2.2=peer-2.2.2.2 force",
    ]
    assert lines[-2:] == ["C add [Phase 2]:Connections=from-1.1.1.1-to-2.2.2.2", 'b = "c d"']


def test_without_v_nothing_is_printed(call: Call) -> None:
    assert call(f"a = b\nike {HOSTS}\nflow {HOSTS}\n", "-nf", "F") == (0, "", "")


def test_vv_numbers_the_rules_and_names_unused_macros(call: Call) -> None:
    code, out, err = call(f"a = b\nflow {HOSTS}\nike {HOSTS}\n", "-nvvf", "F")
    lines = out.splitlines()
    assert code == 0
    assert lines[:5] == [
        'a = "b"',
        "@0 flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require",
        "@1 flow esp in from 2.2.2.2 to 1.1.1.1 peer 2.2.2.2 type require",
        "@2 C set [Phase 1]:2.2.2.2=peer-2.2.2.2 force",
        "C set [peer-2.2.2.2]:Phase=1 force",
    ]
    assert err == "warning: macro 'a' not used\n"


def test_d_prints_the_delete_form_and_leaves_flows_as_they_are(call: Call) -> None:
    code, out, err = call(f"flow out {HOSTS}\nike {HOSTS}\n", "-dnvf", "F")
    flow = "flow esp out from 1.1.1.1 to 2.2.2.2 peer 2.2.2.2 type require\n"
    assert (code, out, err) == (0, flow + DELETION, "")


def test_a_bundle_is_printed_behind_its_second_sa(call: Call) -> None:
    key = "aa" * 32
    sa = f"ah transport {HOSTS} spi {{}} authkey {key} bundle b\n"
    _, out, _ = call(sa.format("0x1000") + sa.format("0x2000"), "-nvf", "F")
    assert out.splitlines() == [
        "ah transport from 1.1.1.1 to 2.2.2.2 spi 0x00001000 auth hmac-sha2-256",
        "ah transport from 1.1.1.1 to 2.2.2.2 spi 0x00002000 auth hmac-sha2-256",
        "[bundle ah to 2.2.2.2 spi 0x00001000 with ah to 2.2.2.2 spi 0x00002000]",
    ]


def test_macros_of_the_command_line_win_and_the_last_equals_sign_counts(call: Call) -> None:
    _, out, _ = call("gw = wrong\nflow out from 1.1.1.1 to $gw\n", "-nv", "-D", "gw=3.3.3.3", "-f", "F")
    assert out.splitlines() == ['gw = "wrong"', "flow esp out from 1.1.1.1 to 3.3.3.3 peer 3.3.3.3 type require"]
    _, _, err = call("", "-nvv", "-D", "a=b=c", "-f", "F")
    assert err == "warning: macro 'a=b' not used\n"


def test_a_definition_without_value_is_told_and_left_out(call: Call) -> None:
    code, _, err = call("", "-n", "-D", "nothing", "-f", "F")
    assert (code, err) == (0, "ipsecctl: could not parse macro definition nothing\n")


def test_standard_input_is_called_stdin(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"nonsense\n")))
    assert call("", "-nv", "-f", "-") == (1, "", f"stdin: 1: syntax error\n{NOT_LOADED}")


# --- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("nonsense\n", "F: 1: syntax error\n"),
        ("\nnonsense\n\nmore\n", "F: 2: syntax error\nF: 4: syntax error\n"),
        ("ike from $x to 1.1.1.1\n", "F: 1: macro 'x' not defined\n"),
        (f"ike {HOSTS}", "F: 1: syntax error\n"),
        ("a = 500\n", "F: 1: syntax error\n"),
        ('"a b" = c\n', "F: 1: macro name cannot contain whitespace\n"),
        ("ike from 1.1.1.1 to ::1\n", "F: 1: source/destination address families do not match\n"),
        (
            "ike from nobody.example to 1.1.1.1\n",
            "ipsecctl: no IP address found for nobody.example\nF: 1: could not parse host specification\n",
        ),
        (f"ike {HOSTS} quick enc rot13 enc aes\n", "F: 1: rot13 not a valid transform\n"),
        (f"ike {HOSTS} \\\n\tmain enc aes \\\n\tquick enc rot13\n", "F: 3: rot13 not a valid transform\n"),
        (f"ah {HOSTS} \\\n\tspi 0x1000\n", "F: 2: no authentication key specified\n"),
        (
            'include "gone"\n',
            "ipsecctl: pushfile: gone: No such file or directory\nF: 1: failed to include file gone\n",
        ),
        (
            f"esp {HOSTS} spi 0x100 comp deflate\n\nipcomp {HOSTS} spi 0x200 enc aes\n",
            "F: 1: esp does not provide compression\nF: 3: no encryption or authentication with ipcomp\n",
        ),
    ],
)
def test_errors_have_file_and_line_and_nothing_is_loaded(call: Call, text: str, errors: str) -> None:
    code, _, err = call(text, "-nv", "-f", "F")
    assert (code, err) == (1, errors + NOT_LOADED)


def test_rules_around_a_wrong_line_are_printed_all_the_same(call: Call) -> None:
    code, out, _ = call(f"flow out {HOSTS}\nnonsense\nflow in {HOSTS}\n", "-nvf", "F")
    assert code == 1
    assert len(out.splitlines()) == 2


def test_a_doubtful_transform_still_prints_its_rule(call: Call) -> None:
    code, out, _ = call(f"ike {HOSTS} quick enc rot13\n", "-nvf", "F")
    assert code == 1
    assert out.endswith("C add [Phase 2]:Connections=from-1.1.1.1-to-2.2.2.2\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"ike {HOSTS} main lifetime 5s\n", "invalid time unit: Undefined error: 0"),
        (f"ike {HOSTS} main lifetime x\n", "invalid time specification: x: Undefined error: 0"),
        ("ike from ::/129 to ::1\n", "host: invalid netmask '/129'"),
        (f'ah {HOSTS} spi 0x100 authkey file "gone"\n', "open gone: No such file or directory"),
    ],
)
def test_fatal_errors_end_at_once(call: Call, text: str, line: str) -> None:
    code, out, err = call(f"flow out {HOSTS}\n{text}flow in {HOSTS}\nnonsense\n", "-nvf", "F")
    assert (code, err) == (1, f"ipsecctl: {line}\n")
    assert len(out.splitlines()) == 1


def test_a_second_sa_that_cannot_be_is_told_and_then_the_end(call: Call) -> None:
    code, out, err = call(f"ah {HOSTS} spi 0x1000:0x2000 authkey {'aa' * 32}\n", "-nvf", "F")
    assert code == 1
    assert out.count("\n") == 1
    assert err == "F: 1: no authentication key specified\nipsecctl: sarule: expand_rule\n"


def test_an_illegal_rule_is_told_and_with_n_the_exit_code_stays_0(call: Call) -> None:
    text = f"ike ah {HOSTS} quick enc aes\nike ipcomp {HOSTS}\nflow out {HOSTS}\n"
    code, out, err = call(text, "-nvf", "F")
    assert code == 0
    assert err == "ipsecctl: illegal transform aes\nipsecctl: illegal satype 3\n"
    cut = "C set [phase2-protocol-from-1.1.1.1-to-2.2.2.2]:PROTOCOL_ID=flow esp out from 1.1.1.1"
    assert any(each.startswith(cut) for each in out.splitlines())


def test_differing_rules_for_any_peer_are_warned_about(call: Call) -> None:
    text = "ike from 1.1.1.1 to 10.0.0.0/8 psk a\nike from 1.1.1.1 to 11.0.0.0/8 srcid c psk b\n"
    code, _, err = call(text, "-nf", "F")
    assert code == 0
    assert err == "ipsecctl: default peer psk mismatch\nipsecctl: default peer srcid mismatch\n"


# --- the file and its permissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o620, 0o610, 0o604, 0o602, 0o601, 0o644])
def test_a_file_that_others_may_write_or_read_is_refused(call: Call, mode: int) -> None:
    refused = "ipsecctl: F: group writable or world read/writable\n"
    assert call("", "-nf", "F", mode=mode) == (1, "", refused + NOT_LOADED)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_its_group_may_read_it(call: Call, mode: int) -> None:
    assert call("", "-nf", "F", mode=mode) == (0, "", "")


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    status = os.stat_result((0o100600, 1, 1, 1, 4711, 0, 0, 0, 0, 0))
    assert insecure(status, uid=4711) == ""
    assert insecure(status, uid=4712) == "owner not root or current user"


def test_a_missing_file_is_told(call: Call) -> None:
    assert call("", "-nf", "gone") == (1, "", "ipsecctl: open gone: No such file or directory\n")


# --- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["-F"], ["-k", "-nf", "F"], ["-m"], ["-s", "all"], ["-s", "flow"]])
def test_what_needs_a_kernel_is_refused_plainly(call: Call, arguments: list[str]) -> None:
    code, out, err = call("", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(f"ipsecctl: {arguments[0]} needs the kernel's tables")


@pytest.mark.parametrize("arguments", [[], ["-n"], ["-x"], ["-f"]])
def test_wrong_usage_is_exit_code_1(call: Call, arguments: list[str]) -> None:
    code, out, err = call("", *arguments)
    assert (code, out) == (1, "")
    assert "Usage: ipsecctl" in err or "requires an argument" in err


# --- the FIFO -----------------------------------------------------------------------------------------------------


def loaded(call: Call, tmp_path: Path, text: str, *arguments: str) -> tuple[int, str, str, str]:
    """As `call`, and what was written to a FIFO that holds it all."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        code, out, err = call(text, *arguments, "-i", str(path), "-f", "F")
        return code, out, err, os.read(descriptor, 65536).decode()
    finally:
        os.close(descriptor)


def test_the_daemons_fifo_gets_what_v_prints(call: Call, tmp_path: Path) -> None:
    code, out, err, written = loaded(call, tmp_path, f"ike {HOSTS} psk x\nike passive {HOSTS}\n", "-v")
    assert (code, err) == (0, "")
    assert written == out != ""


def test_deleting_goes_through_the_fifo_too(call: Call, tmp_path: Path) -> None:
    assert loaded(call, tmp_path, f"ike {HOSTS}\n", "-d") == (0, "", "", DELETION)


def test_an_illegal_rule_fails_and_the_others_are_loaded(call: Call, tmp_path: Path) -> None:
    code, _, err, written = loaded(call, tmp_path, f"ike ah {HOSTS} quick enc aes\nike {HOSTS}\n")
    assert (code, err) == (1, "ipsecctl: illegal transform aes\nipsecctl: failed to add ike rule 0\n")
    assert written.count("C add [Phase 2]") == 1
    assert "IPSEC_AH" not in written


def refused(tmp_path: Path, text: str, path: str) -> str:
    """What is said where nothing may be written."""
    file = tmp_path / "F"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(CtlError) as error:
        run(Options(str(file), path), SURROUNDINGS, io.StringIO(), io.StringIO())
    return str(error.value)


def test_only_a_fifo_that_is_read_will_do(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    os.mkfifo(tmp_path / "idle")
    text = f"ike {HOSTS}\n"
    assert refused(tmp_path, text, str(tmp_path / "plain")).endswith("plain: not a fifo")
    assert refused(tmp_path, text, str(tmp_path / "idle")).endswith("idle: no daemon reads it")
    assert refused(tmp_path, text, str(tmp_path / "gone")).endswith("gone: No such file or directory")
    assert (tmp_path / "plain").read_bytes() == b""


@pytest.mark.parametrize("word", ["psk 'two words'", "srcid 'a b'", 'srcid "a]b"'])
def test_what_the_fifo_cannot_carry_is_refused_and_not_shown(tmp_path: Path, word: str) -> None:
    text = refused(tmp_path, f"ike {HOSTS} {word}\n", str(tmp_path / "gone"))
    assert text.endswith("the FIFO cannot carry blanks or brackets; policydb compile can")
    assert "two words" not in text


def test_flows_need_a_kernel_and_then_nothing_is_loaded(tmp_path: Path) -> None:
    text = refused(tmp_path, f"ike {HOSTS}\nflow {HOSTS}\n", str(tmp_path / "gone"))
    assert text.startswith("nothing loaded: a flow or a static SA needs the kernel's tables")


def test_a_file_with_errors_is_not_loaded(tmp_path: Path) -> None:
    text = refused(tmp_path, f"ike {HOSTS}\nnonsense\n", str(tmp_path / "gone"))
    assert text == "Syntax error in config file: ipsec rules not loaded"


def test_a_command_is_checked_word_by_word() -> None:
    with pytest.raises(CtlError):
        ipsecctl.write_commands("/nonexistent", [Command("t", "two words")])


# --- the system's names -------------------------------------------------------------------------------------------


def test_the_loopback_interface_has_its_address() -> None:
    assert "127.0.0.1" in [str(each) for each in SystemResolver().interface("lo")]
    assert SystemResolver().interface("nosuch0") == ()


def test_names_that_cannot_be_looked_up_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(name: str, *_: object, **__: object) -> Sequence[object]:
        if name == "known":
            return [(2, 2, 17, "", (each, 0)) for each in ("192.0.2.1", "192.0.2.1", "2001:db8::1")]
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", answer)
    assert [str(each) for each in SystemResolver().lookup("known")] == ["192.0.2.1", "2001:db8::1"]
    assert SystemResolver().lookup("unknown") == ()
