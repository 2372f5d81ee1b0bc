"""Hostile credentials: forged, oversized, looping, expensive. None changes or delays anybody else's answer.

How much work one may be is counted in octets and steps: nothing here looks at a clock.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from grammar import keynote
from policydb.keynote.assemble import MAX_CREDENTIAL, Assembly, Text, assemble
from policydb.keynote.checker import decide
from policydb.request import Request
from tests.policydb.signers import ED25519, KEYS, body, credential, name_of, sealed_text, with_octets

STRANGER = ed25519.Ed25519PrivateKey.generate()
TRUSTED = f'Authorizer: "POLICY"\nLicensees: "{name_of(ED25519)}"\n'
BOB = Request(("bob",), {"a": "x"})
MALLORY = Request(("mallory", "k1"), {"a": "x" * 3000})


def assembled(*hostile: str) -> Assembly:
    """A policy, the hostile credentials, and an honest one behind them."""
    credentials = [*(Text("hostile", each) for each in hostile), Text("honest", credential())]
    return assemble([Text("p", TRUSTED)], credentials=credentials)


def harmless(*hostile: str) -> Assembly:
    """Whoever was allowed still is, and nobody else."""
    assembly = assembled(*hostile)
    assert decide(assembly.graph(), BOB) == "true"
    assert decide(assembly.graph(), MALLORY) == "false"
    return assembly


def by(key: ed25519.Ed25519PrivateKey, rest: str, in_name_of: str | None = None) -> str:
    """A credential that `key` signs, in somebody else's name if that is given."""
    text = f'Authorizer: "{in_name_of or name_of(key)}"\n{rest}'
    return sealed_text(text, "sig-ed25519-hex", key)


OVERSIZED: dict[str, str] = {
    "a comment of 16 MB": f'Comment: {"x" * (16 << 20)}\nLicensees: "mallory"\n',
    "a string of 16 MB": f'Licensees: "mallory"\nConditions: "{"x" * (16 << 20)}" != "";\n',
    "100,000 licensees": f"Licensees: {' || '.join(f'''k{number}'''.join(chr(34) * 2) for number in range(100_000))}\n",
    "100,000 clauses": f'Licensees: "mallory"\nConditions: {"true;" * 100_000}\n',
    "100,000 parentheses": f'Licensees: "mallory"\nConditions: {"(" * 100_000}true{")" * 100_000};\n',
}


@pytest.mark.parametrize("rest", OVERSIZED.values(), ids=OVERSIZED)
@pytest.mark.parametrize("key", [STRANGER, ED25519], ids=["stranger", "licensee"])
def test_what_is_oversized_is_refused_by_name_and_not_even_parsed(
    rest: str, key: ed25519.Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if somebody signed it who may delegate: he cannot slow down others."""
    parsed: list[int] = []
    parse: Callable[..., keynote.ParsedPolicy] = keynote.parse_piece

    def watched(piece: keynote.Piece, source: str, *, signed: bool) -> keynote.ParsedPolicy:
        parsed.append(len(piece.text))
        return parse(piece, source, signed=signed)

    monkeypatch.setattr("policydb.keynote.assemble.parse_piece", watched)
    assembly = harmless(by(key, rest))
    assert [each.reason for each in assembly.ignored] == [f"it is longer than {MAX_CREDENTIAL} octets"]
    assert max(parsed, default=0) <= MAX_CREDENTIAL


def test_what_stands_beside_something_oversized_counts_at_its_own_line() -> None:
    large = by(STRANGER, f"Comment: {'x' * MAX_CREDENTIAL}\n")
    assembly = harmless(f"{body('alice')}\n{large}\n{body('alice')}")
    assert [(each.place.line, each.reason.split()[-1]) for each in assembly.ignored] == [
        (6, "octets"),
        (1, "signed"),
        (10, "signed"),
    ]


def test_a_credential_of_the_greatest_size_counts() -> None:
    room = MAX_CREDENTIAL - len(by(ED25519, 'Comment: \nLicensees: "carol"\n'))
    largest = by(ED25519, f'Comment: {"x" * room}\nLicensees: "carol"\n')
    assert len(largest) == MAX_CREDENTIAL
    assert decide(assembled(largest).graph(), Request(("carol",))) == "true"
    larger = by(ED25519, f'Comment: {"x" * (room + 1)}\nLicensees: "carol"\n')
    assert decide(assembled(larger).graph(), Request(("carol",))) == "false"


def test_as_many_licensees_as_fit_are_answered() -> None:
    names = " || ".join(f'"k{number}"' for number in range(5000))
    assembly = assembled(by(ED25519, f"Licensees: {names}\n"))
    assert decide(assembly.graph(), Request(("k4999",))) == "true"
    assert decide(assembly.graph(), BOB) == "true"


def test_a_cycle_of_a_thousand_credentials_is_gone_round_once() -> None:
    keys = [ed25519.Ed25519PrivateKey.generate() for _ in range(1000)]
    names = [name_of(each) for each in keys]
    cycle = [by(key, f'Licensees: "{names[number - 1]}"\n') for number, key in enumerate(keys)]
    assembly = harmless(*cycle)
    assert decide(assembly.graph(), Request((names[0],), {"a": "x"})) == "false"
    entered = assembled(*cycle, by(ED25519, f'Licensees: "{names[500]}"\n'))
    assert decide(entered.graph(), Request((names[0],), {"a": "x"})) == "true"
    assert decide(entered.graph(), BOB) == "true"


@pytest.mark.parametrize(
    "pattern",
    ["((x+)+)+y", "(x|x|x)*y", "(((x{1000}){1000}){1000})", "(" * 2000 + ")" * 2000, "[", "x{100000}", "(x?){60}x{60}"],
)
@pytest.mark.parametrize("key", [STRANGER, ED25519], ids=["stranger", "licensee"])
def test_a_regular_expression_bomb_hurts_its_own_clause_alone(pattern: str, key: ed25519.Ed25519PrivateKey) -> None:
    assembly = harmless(
        by(key, f'Licensees: "mallory"\nConditions: a ~= "{pattern}" && b == "y"; a ~= "z{pattern}";\n')
    )
    assert assembly.ignored == []
    carols = by(ED25519, f'Licensees: "carol"\nConditions: a ~= "{pattern}" && b == "y"; a == "x";\n')
    assert decide(assembled(carols).graph(), Request(("carol",), {"a": "x"})) == "true"


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_forged_signature_of_any_algorithm_counts_for_nothing(algorithm: str) -> None:
    """In the name of whoever may delegate, with all weak algorithms accepted."""
    key = KEYS[algorithm]
    trusted = f'Authorizer: "POLICY"\nLicensees: "{name_of(key)}" || "{name_of(ED25519)}"\n'
    good = credential(algorithm)
    signature = good[good.index("Signature:") :]
    forgeries = [
        body(name_of(key), "mallory") + signature,
        with_octets(body(name_of(key), "mallory"), f"{algorithm}-hex", b"\x00" * 128),
        sealed_text(body(name_of(key), "mallory"), "sig-ed25519-hex", STRANGER),
        good.replace('"bob"', '"bob" || "mallory"'),
        good.replace("Conditions: ", "Conditions:  "),
        good.replace('"bob"\n', '"bob"\n\t\n'),
        good.replace('a == "x";', 'a == "x"; true;'),
    ]
    texts = [Text("hostile", each) for each in forgeries]
    assembly = assemble([Text("p", trusted)], credentials=[*texts, Text("honest", credential())], accept_weak=True)
    assert len(assembly.ignored) == len(forgeries)
    assert decide(assembly.graph(), Request(("mallory",), {"a": "x"})) == "false"
    assert decide(assembly.graph(), BOB) == "true"


def test_a_stranger_may_sign_whatever_he_likes_in_his_own_name() -> None:
    assert harmless(by(STRANGER, 'Licensees: "mallory"\n'), by(STRANGER, "Comment: for everybody\n")).ignored == []


def test_a_strangers_name_for_somebody_elses_key_is_that_key() -> None:
    """Base64 and capitals make no second principal who could be licensed or signed for."""
    spelt = name_of(ED25519).upper()
    assembly = harmless(by(STRANGER, 'Licensees: "mallory"\n', in_name_of=spelt))
    assert "does not verify" in assembly.ignored[0].reason
    assert (
        decide(assembled(by(ED25519, 'Licensees: "carol"\n', in_name_of=spelt)).graph(), Request(("carol",))) == "true"
    )


def test_a_thousand_bad_credentials_are_each_dropped_alone() -> None:
    rubbish = ["Authorizer: \r\n", "\0", 'Authorizer: "rsa-hex:zz"\n', "Authorizer: (\n", 'Licensees: "x"\n'] * 200
    assert len(harmless(*rubbish).ignored) == 1000
