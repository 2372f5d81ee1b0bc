"""`policydb keynote` as keynote(1) describes it: arguments in its order, its files, its output, its exit codes."""

from __future__ import annotations

import io
import stat
import sys
from pathlib import Path

import pytest

from grammar.principal import canonical
from policydb.cli import run
from policydb.keynote.keyfiles import unfold
from tests.policydb.command_line import Run
from tests.policydb.signers import KEYS, RSA, body, credential, name_of

KINDS = {"rsa": "1024", "dsa": "1024", "ecdsa-p256": "256", "ed25519": "256"}
SIGNATURES = {
    "sig-rsa-sha256": "rsa",
    "sig-rsa-sha1": "rsa",
    "sig-rsa-md5": "rsa",
    "sig-x509-sha1": "rsa",
    "sig-dsa-sha1": "dsa",
    "sig-ecdsa-p256-sha256": "ecdsa-p256",
    "sig-ed25519": "ed25519",
}
FAILED = 255


def keynote(policydb: Run, *arguments: str) -> tuple[int, str, str]:
    return policydb("keynote", *arguments)


def made(policydb: Run, kind: str, name: str = "a") -> str:
    """A new pair of keys in a.pub and a.key; the public one."""
    assert keynote(policydb, "keygen", f"{kind}-hex:", KINDS[kind], f"{name}.pub", f"{name}.key") == (0, "", "")
    return unfold(Path(f"{name}.pub").read_text())


def unsigned(authorizer: str, licensee: str = "bob") -> None:
    Path("c").write_text(body(authorizer, licensee) + "Signature:\n")


# --- keygen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["hex:", "base64:", "hex", "BASE64:"])
@pytest.mark.parametrize("kind", KINDS)
def test_keygen_writes_a_public_and_a_private_key(policydb: Run, kind: str, encoding: str) -> None:
    done = keynote(policydb, "keygen", f"{kind}-{encoding}", KINDS[kind], "a.pub", "a.key")
    assert done == (0, "", "")
    plain = encoding.removesuffix(":").lower()
    public = unfold(Path("a.pub").read_text())
    assert public.startswith(f"{kind}-{plain}:")
    assert canonical(public) != public or plain == "hex"
    assert unfold(Path("a.key").read_text()).startswith(f"private-{kind}-{plain}:")
    assert stat.S_IMODE(Path("a.key").stat().st_mode) == 0o600


def test_keygen_lays_keys_out_as_told(policydb: Run) -> None:
    keynote(policydb, "keygen", "rsa-hex:", "1024", "a.pub", "a.key")
    assert {len(line) for line in Path("a.pub").read_text().splitlines()[:-1]} == {12 + 50}
    keynote(policydb, "keygen", "rsa-hex:", "1024", "b.pub", "b.key", "3", "70")
    assert {len(line) for line in Path("b.pub").read_text().splitlines()[:-1]} == {3 + 70}


def test_keygen_prints_what_goes_to_standard_output(policydb: Run) -> None:
    code, out, _ = keynote(policydb, "keygen", "ed25519-hex:", "256", "-", "a.key")
    assert code == 0
    assert unfold(out).startswith("ed25519-hex:")
    code, out, _ = keynote(policydb, "keygen", "ed25519-hex:", "256", "-", "-")
    assert out.index('"ed25519-hex:') < out.index('"private-ed25519-hex:')
    assert not Path("-").exists()


def test_keygen_overwrites_nothing(policydb: Run) -> None:
    Path("a.pub").write_text("precious")
    code, _, err = keynote(policydb, "keygen", "ed25519-hex:", "256", "a.pub", "a.key")
    assert code == FAILED
    assert "a.pub is there already" in err
    assert Path("a.pub").read_text() == "precious"
    assert not Path("a.key").exists()


# --- sign and sigver ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "kind"), SIGNATURES.items())
def test_what_sign_prints_completes_the_credential(policydb: Run, algorithm: str, kind: str) -> None:
    unsigned(made(policydb, kind))
    code, out, err = keynote(policydb, "sign", "-v", f"{algorithm}-base64:", "c", "a.key")
    assert code == 0
    assert "the signature verifies" in err
    assert all(len(line) <= 62 for line in out.splitlines())
    with Path("c").open("a") as file:
        file.write(out)
    weak = kind == "dsa" or not algorithm.endswith(("sha256", "ed25519"))
    assert ("is weak" in err) is weak
    code, out, _ = keynote(policydb, "sigver", "c", *["--accept-weak-signatures"] * weak)
    assert (code, out) == (0, "c:1: signature verified\n")
    if weak:
        code, out, _ = keynote(policydb, "sigver", "c")
        assert code == FAILED
        assert "weak ones are not accepted" in out


def test_the_encodings_of_key_and_signature_need_not_match(policydb: Run) -> None:
    """keynote(1)."""
    unsigned(made(policydb, "ed25519"))
    for encoding in ("hex", "base64"):
        assert keynote(policydb, "sign", "-v", f"sig-ed25519-{encoding}:", "c", "a.key")[0] == 0


def test_sign_lays_out_as_told(policydb: Run) -> None:
    unsigned(made(policydb, "rsa"))
    _, out, _ = keynote(policydb, "sign", "sig-rsa-sha256-hex:", "c", "a.key", "1", "40")
    assert {len(line) for line in out.splitlines()[:-1]} == {41}


def test_sign_verifies_only_if_asked_to(policydb: Run) -> None:
    """keynote(1): -v uses the key in the Authorizer field."""
    made(policydb, "ed25519")
    unsigned(name_of(KEYS["sig-ed25519"]))
    assert keynote(policydb, "sign", "sig-ed25519-hex:", "c", "a.key")[0] == 0
    code, out, err = keynote(policydb, "sign", "-v", "sig-ed25519-hex:", "c", "a.key")
    assert (code, out) == (FAILED, "")
    assert "does not verify" in err
    assert "hint: the Authorizer must be the public key" in err


def test_a_broken_assertion_is_not_signed(policydb: Run) -> None:
    made(policydb, "ed25519")
    Path("c").write_text('Authorizer: "a"\nLicensees: "b\n')
    code, out, err = keynote(policydb, "sign", "sig-ed25519-hex:", "c", "a.key")
    assert (code, out) == (FAILED, "")
    assert "c:2:12: error[KN003]" in err


def test_sigver_verifies_every_assertion_for_itself(policydb: Run) -> None:
    """D2."""
    Path("c").write_text(f"{credential()}\n{body(name_of(RSA))}\nAuthorizer: (\n")
    code, out, _ = keynote(policydb, "sigver", "c")
    assert code == FAILED
    assert out.splitlines()[:2] == ["c:1: signature verified", "c:7: not verified: it is not signed"]
    assert out.splitlines()[2].startswith("c:12: not verified: ")


def test_sigver_reads_standard_input(policydb: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(credential().encode())))
    assert keynote(policydb, "sigver") == (0, "-:1: signature verified\n", "")


# --- verify -------------------------------------------------------------------------------------------------------


def asked(policydb: Run, *more: str) -> tuple[int, str, str]:
    """A policy that trusts a key, a credential by it, and the licensee who asks."""
    made(policydb, "ed25519", "bob")
    public = unfold(Path("bob.pub").read_text())
    Path("policy").write_text(f'Authorizer: "POLICY"\nLicensees: "{name_of(KEYS["sig-ed25519"])}"\n')
    Path("credential").write_text(credential("sig-ed25519", licensee=public))
    Path("env").write_text('a = "x"\n')
    return keynote(policydb, "verify", "-e", "env", "-l", "policy", "-r", "no,yes", "-k", "bob.pub", *more)


def test_verify_answers(policydb: Run) -> None:
    assert asked(policydb, "credential") == (0, "Query result = yes\n", "")


def test_verify_ends_with_0_whatever_the_answer(policydb: Run) -> None:
    assert asked(policydb) == (0, "Query result = no\n", "")


def test_verify_says_which_credentials_do_not_count(policydb: Run) -> None:
    asked(policydb)
    Path("credential").write_text(Path("credential").read_text().replace('"x"', '"y"'))
    arguments = ("-e", "env", "-l", "policy", "-r", "no,yes", "-k", "bob.pub", "credential")
    code, out, err = keynote(policydb, "verify", *arguments)
    assert (code, out) == (0, "Query result = no\n")
    assert "credential:1:1: warning: this credential does not count: its signature does not verify" in err


def test_verify_accepts_weak_signatures_where_told(policydb: Run) -> None:
    Path("p").write_text(f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}"\n')
    Path("c").write_text(credential("sig-rsa-sha1"))
    Path("e").write_text('a = "x"\n')
    Path("k").write_text("bob\n")
    arguments = ("-e", "e", "-l", "p", "-r", "false,true", "-k", "k", "c")
    assert keynote(policydb, "verify", *arguments)[1] == "Query result = false\n"
    assert keynote(policydb, "verify", "--accept-weak-signatures", *arguments)[1] == "Query result = true\n"


# --- what cannot be done ------------------------------------------------------------------------------------------

WRONG = {
    "nothing": (),
    "an unknown command": ("frobnicate",),
    "an unknown option": ("sigver", "--frobnicate"),
    "keygen without arguments": ("keygen",),
    "keygen of an unknown kind": ("keygen", "elgamal-hex:", "1024", "x", "y"),
    "keygen of certificates": ("keygen", "x509-hex:", "1024", "x", "y"),
    "keygen of no size": ("keygen", "rsa-hex:", "large", "x", "y"),
    "keygen of a size that is not": ("keygen", "rsa-hex:", "17", "x", "y"),
    "keygen into no folder": ("keygen", "ed25519-hex:", "256", "no/x", "y"),
    "keygen on lines too short": ("keygen", "ed25519-hex:", "256", "x", "y", "0", "5"),
    "sign by an unknown algorithm": ("sign", "sig-rsa-sha2-hex:", "credential", "bob.key"),
    "sign without a file": ("sign", "sig-ed25519-hex:", "missing", "bob.key"),
    "sign without a key": ("sign", "sig-ed25519-hex:", "credential", "missing"),
    "sign with a public key": ("sign", "sig-ed25519-hex:", "credential", "bob.pub"),
    "sign with a key of another kind": ("sign", "sig-rsa-sha256-hex:", "credential", "bob.key"),
    "sign with a file that is no key": ("sign", "sig-ed25519-hex:", "credential", "env"),
    "sigver of nothing": ("sigver", "empty"),
    "sigver of no file": ("sigver", "missing"),
    "verify without anything": ("verify",),
    "verify without values": ("verify", "-l", "policy", "-k", "bob.pub"),
    "verify without policy": ("verify", "-r", "no,yes", "-k", "bob.pub"),
    "verify without who asks": ("verify", "-r", "no,yes", "-l", "policy"),
    "verify with an empty value": ("verify", "-r", "no,,yes", "-l", "policy", "-k", "bob.pub"),
    "verify with a broken policy": ("verify", "-r", "no,yes", "-l", "broken", "-k", "bob.pub"),
    "verify with a broken environment": ("verify", "-r", "no,yes", "-l", "policy", "-k", "bob.pub", "-e", "broken"),
    "verify with a broken key": ("verify", "-r", "no,yes", "-l", "policy", "-k", "broken"),
    "verify with an undecodable key": ("verify", "-r", "no,yes", "-l", "policy", "-k", "undecodable"),
    "verify without a credential that is named": ("verify", "-r", "no,yes", "-l", "policy", "-k", "bob.pub", "missing"),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_whatever_is_wrong_is_said_and_ends_with_minus_one(policydb: Run, arguments: tuple[str, ...]) -> None:
    """keynote(1): -1, which a shell sees as 255."""
    asked(policydb)
    Path("empty").write_text("# nothing\n")
    Path("broken").write_text('Authorizer: "POLICY\n')
    Path("undecodable").write_text('"rsa-hex:zz"\n')
    before = {each.name for each in Path().iterdir()}
    code, out, err = keynote(policydb, *arguments)
    assert (code, out) == (FAILED, "")
    assert "rror: " in err or "Usage: " in err
    assert "Traceback" not in err
    private = unfold(Path("bob.key").read_text()).partition(":")[2]
    assert private not in err
    assert {each.name for each in Path().iterdir()} == before


@pytest.mark.parametrize("command", ["keygen", "sign", "sigver", "verify"])
def test_each_command_explains_itself_with_an_example(policydb: Run, command: str) -> None:
    for option in ("-h", "--help"):
        code, out, _ = keynote(policydb, command, option)
        assert code == 0
        assert f"Usage: policydb keynote {command} " in out
        assert f"  policydb keynote {command} " in out
    assert "255" in keynote(policydb, "--help")[1]


def test_the_exit_code_is_the_one_of_the_process() -> None:
    assert run(["keynote", "sigver", "/nonexistent"]) == FAILED
