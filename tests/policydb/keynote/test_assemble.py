"""Who counts: trusted texts, signed credentials, and what is said of the rest."""

from __future__ import annotations

import pytest

from policydb.decision import AssertionStatus
from policydb.keynote.assemble import Assembly, Text, assemble
from policydb.keynote.checker import decide
from policydb.keynote.memory import MemoryGraph
from policydb.request import Request
from tests.policydb.signers import KEYS, OTHER, RSA, WEAK, body, credential, name_of, sealed_text

TRUSTED = f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}"\n'
BOB = Request(("bob",), {"a": "x"})


def answer(assembly: Assembly, request: Request = BOB) -> str:
    return decide(assembly.graph(), request)


def with_credential(text: str) -> Assembly:
    return assemble(policies=[Text("p", TRUSTED)], credentials=[Text("c", text)])


def test_a_signed_credential_counts() -> None:
    assert answer(with_credential(credential("sig-rsa-sha256"))) == "true"


def test_it_is_no_longer_asked_for_where_the_text_is_trusted() -> None:
    assert answer(assemble(policies=[Text("p", TRUSTED), Text("q", body(name_of(RSA)))])) == "true"


@pytest.mark.parametrize(
    "text",
    [
        body(name_of(RSA)),
        sealed_text(body(name_of(RSA)), "sig-rsa-sha256-hex", OTHER),
        credential("sig-rsa-sha256").replace("bob", "bob "),
        'Authorizer: "POLICY"\nLicensees: "bob"\n',
        'Authorizer: "POL" . "ICY"\nLicensees: "bob"\n',
        f'Authorizer: "{name_of(RSA)}"\nConditions: true; [\n',  # D1: the C library authorises anybody
        credential("sig-rsa-sha256").replace('a == "x";', 'a == "x"; ?'),
        "",
        "\0",
    ],
)
def test_a_forged_credential_counts_for_nothing_and_is_reported(text: str) -> None:
    assembly = with_credential(text)
    assert answer(assembly) == "false"
    assert [each.status for each in assembly.ignored] == [AssertionStatus.IGNORED] * bool(text)
    assert all(each.reason and each.place.source == "c" for each in assembly.ignored)


GOOD = credential("sig-rsa-sha256")
SIGNATURES = {
    "none": "",
    "good": GOOD[GOOD.index("Signature:") :],
    "broken": 'Signature: "sig-rsa-sha256-hex:00"\n',
    "of an unknown algorithm": 'Signature: "sig-x:00"\n',
    "that is no signature": "Signature: foo\n",
}
AUTHORIZERS = {"key": name_of(RSA), "opaque": "alice", "POLICY": "POLICY"}


@pytest.mark.parametrize("authorizer", AUTHORIZERS)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_trusted_assertion_needs_no_signature_and_none_is_looked_at(authorizer: str, signature: str) -> None:
    """RFC 2704 section 4.6.7: local policy is trusted for where it stands, not for who signed it."""
    text = body(AUTHORIZERS[authorizer]) + SIGNATURES[signature]
    trusted = f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}" || "alice"\n'
    assert answer(assemble(policies=[Text("p", trusted), Text("q", text)])) == "true"
    assert answer(assemble(files=[Text("f", f"{trusted}\n{text}")])) == "true"


@pytest.mark.parametrize("authorizer", AUTHORIZERS)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_credential_counts_only_with_a_good_signature_of_a_key(authorizer: str, signature: str) -> None:
    """With an opaque Authorizer nothing can be signed: dropped (RFC 2704, 4.6.7), signature or not."""
    text = body(AUTHORIZERS[authorizer]) + SIGNATURES[signature]
    trusted = f'Authorizer: "POLICY"\nLicensees: "{name_of(RSA)}" || "alice"\n'
    assembly = assemble(policies=[Text("p", trusted)], credentials=[Text("c", text)], accept_weak=True)
    counts = (authorizer, signature) == ("key", "good")
    assert answer(assembly) == ("true" if counts else "false")
    assert [each.place.source for each in assembly.ignored] == ([] if counts else ["c"])


@pytest.mark.parametrize("algorithm", WEAK)
def test_weak_signatures_do_not_count_unless_asked_for(algorithm: str) -> None:
    trusted = [Text("p", f'Authorizer: "POLICY"\nLicensees: "{name_of(KEYS[algorithm])}"\n')]
    credentials = [Text("c", credential(algorithm))]
    refusing = assemble(trusted, credentials=credentials)
    assert answer(refusing) == "false"
    assert "weak ones are not accepted" in refusing.ignored[0].reason
    assert answer(assemble(trusted, credentials=credentials, accept_weak=True)) == "true"


def test_every_assertion_of_a_credential_needs_its_own_signature() -> None:
    """D2: the C library's user checks the first and takes the rest."""
    forged = f'Authorizer: "{name_of(RSA)}"\nLicensees: "mallory"\n'
    assembly = with_credential(credential("sig-rsa-sha256") + "\n" + forged)
    assert answer(assembly) == "true"
    assert answer(assembly, Request(("mallory",), {"a": "x"})) == "false"
    assert len(assembly.ignored) == 1


def test_a_bad_credential_harms_nobody_else() -> None:
    """D3: one undecodable authorizer fails the C library's whole query."""
    for bad in ('Authorizer: ("POLICY"\n', 'Authorizer: "rsa-hex:zz"\n', "rubbish\n", "Authorizer: \r\n"):
        assembly = assemble(
            policies=[Text("p", TRUSTED)], credentials=[Text("bad", bad), Text("good", credential("sig-rsa-sha256"))]
        )
        assert answer(assembly) == "true"


def test_a_file_drops_its_bad_assertions_alone() -> None:
    text = 'Authorizer: "POLICY"\nLicensees: "bob\n\nAuthorizer: "POLICY"\nLicensees: "bob"\n\nLicensees: "x"\n'
    assembly = assemble(files=[Text("f", text)])
    assert answer(assembly) == "true"
    assert [(each.place.source, each.place.line) for each in assembly.ignored] == [("f", 1), ("f", 7)]
    assert assembly.diagnostics


def test_an_assertion_that_nests_too_deep_is_dropped_alone() -> None:
    deep = f'Authorizer: "POLICY"\nConditions: {"(true && (true || " * 300}true{"))" * 300};\n'
    assembly = assemble(policies=[Text("deep", deep), Text("p", 'Authorizer: "POLICY"\nLicensees: "bob"\n')])
    assert answer(assembly) == "true"
    assert "deep" in assembly.ignored[0].reason


def test_credentials_lie_over_a_graph_that_stays_as_it_is() -> None:
    below = assemble(policies=[Text("p", TRUSTED)], files=[Text("f", "rubbish\n")]).graph(generation=7)
    above = assemble(credentials=[Text("c", credential("sig-rsa-sha256")), Text("d", "x\n")]).over(below)
    assert (decide(above, BOB), decide(below, BOB)) == ("true", "false")
    assert above.generation == 7
    assert [each.place.source for each in above.ignored()] == ["f", "d"]
    assert len(above.authorized_by(name_of(RSA))) == 1
    assert len(above.licensing("bob")) == 1
    assert above.open_to_all() == ()


def test_an_empty_graph_answers_the_least() -> None:
    assert decide(MemoryGraph([]), BOB) == "false"
