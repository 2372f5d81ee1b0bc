"""Files to generations: what is published, what keeps it from being published, and what never gets into the store."""

from __future__ import annotations

import io
import random
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from grammar.errors import Severity, render
from policydb.compiling.compilation import Compilation
from policydb.compiling.compiler import STAGES, check_paths, compile_paths
from policydb.request import Request
from policydb.storage.history import list_generations
from policydb.storage.schema import Generation
from policydb.storage.snapshot import open_snapshot
from policydb.storage.storefile import StoreError
from policydb.watching import Item
from tests.policydb.confs import WHOLE, altered
from tests.policydb.stores import NOON

POLICY = """\
KeyNote-Version: 2
Authorizer: "POLICY"
Licensees: "passphrase:mekmitasdigoat"
Conditions: app_domain == "IPsec policy" && esp_present == "yes" -> "true";

Authorizer: "POLICY"
Licensees: "alice" && "bob"
"""
ASKED = Request(("passphrase:mekmitasdigoat",), {"app_domain": "IPsec policy", "esp_present": "yes"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "policy.db"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return private(tmp_path / "isakmpd.policy", POLICY)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return private(tmp_path / "isakmpd.conf", WHOLE)


def private(path: Path, text: str) -> Path:
    """A file that only its owner may read."""
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    return path


def compiled(store: Path, *paths: Path) -> Compilation:
    return compile_paths(paths, store, NOON)


def codes(found: Compilation) -> list[str]:
    return [each.code for each in found.diagnostics]


# --- what is published --------------------------------------------------------------------------------------------


def test_the_stages_are_named_and_in_order() -> None:
    assert STAGES._fields == ("read", "split", "parse", "resolve", "lint", "publish")


def test_a_policy_and_a_configuration_make_a_generation(store: Path, policy: Path, conf: Path) -> None:
    found = compiled(store, conf, policy)
    assert found.diagnostics == ()
    assert (found.generation, found.published) == (1, True)
    assert found.counts == {
        "files": 2,
        "assertions": 2,
        "parsed": 2,
        "bindings": WHOLE.count("="),
        "peers": 1,
        "connections": 1,
    }
    with open_snapshot(store) as snapshot:
        assert snapshot.allows(ASKED)
        assert snapshot.allows(Request(("alice", "bob")))
        assert not snapshot.allows(Request(("alice",)))
        assert snapshot.configuration.connections["link"].peer == "east"
        assert snapshot.configuration.peers["east"].secret == "secret:east"


def test_decisions_name_file_and_line(store: Path, policy: Path) -> None:
    compiled(store, policy)
    with open_snapshot(store) as snapshot:
        (found,) = snapshot.licensing("alice")
        assert (found.place.source, found.place.line) == (str(policy), 6)
        assert found.text == POLICY.split("\n\n")[1]


def test_a_folder_stands_for_its_files(store: Path, policy: Path, conf: Path) -> None:
    private(policy.parent / "notes.txt", "no policy")
    found = compiled(store, policy.parent)
    assert list(found.sources) == [str(conf), str(policy)]


def test_a_file_that_is_named_twice_counts_once(store: Path, policy: Path) -> None:
    found = compiled(store, policy, policy.parent, Path(f"{policy.parent}/./isakmpd.policy"))
    assert found.counts["files"] == 1


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.conf", "# nothing\n", "configuration"),
        ("x.policy", "", "policy"),
        ("x", "# isakmpd\n; two comments\n\n[General]\nRetransmits=4\n", "configuration"),
        ("x", 'Authorizer: "POLICY"\nLicensees: "k"\n', "policy"),
    ],
)
def test_a_file_is_known_by_its_name_or_its_first_line(
    store: Path, tmp_path: Path, name: str, text: str, kind: str
) -> None:
    compiled(store, private(tmp_path / name, text))
    (generation,) = list_generations(store)
    assert [each.kind for each in generation.sources] == [kind]


def test_standard_input_is_a_file_too(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    found = compile_paths(["-"], store, NOON)
    assert (found.generation, found.counts["assertions"]) == (1, 2)
    assert list(found.sources) == ["-"]


def test_nothing_new_publishes_nothing(store: Path, policy: Path, conf: Path) -> None:
    compiled(store, policy, conf)
    again = compiled(store, policy, conf)
    assert (again.generation, again.published) == (1, False)
    assert again.counts["parsed"] == 0


def test_several_configurations_are_one_and_the_first_value_counts(store: Path, tmp_path: Path, conf: Path) -> None:
    other = private(tmp_path / "more.conf", "[General]\nRetransmits=1\nCheck-interval=9\n")
    compiled(store, conf, other)
    with open_snapshot(store) as snapshot:
        assert (snapshot.configuration.general.schedule.tries, snapshot.configuration.general.check_interval) == (5, 9)


# --- what is new is parsed, the rest is not -----------------------------------------------------------------------


def test_a_change_of_one_line_parses_one_assertion(store: Path, policy: Path) -> None:
    compiled(store, policy)
    private(policy, POLICY.replace('"alice" && "bob"', '"carol"'))
    found = compiled(store, policy)
    assert (found.generation, found.counts["assertions"], found.counts["parsed"]) == (2, 2, 1)
    with open_snapshot(store) as snapshot:
        assert snapshot.allows(ASKED)
        assert snapshot.allows(Request(("carol",)))
        assert not snapshot.allows(Request(("alice", "bob")))


def test_lines_that_move_are_parsed_no_more_and_found_in_their_new_place(store: Path, policy: Path) -> None:
    compiled(store, policy)
    private(policy, '# a comment\n\nAuthorizer: "POLICY"\nLicensees: "carol"\n\n\n' + POLICY)
    found = compiled(store, policy)
    assert found.counts["parsed"] == 1
    with open_snapshot(store) as snapshot:
        places = [each.place.line for each in snapshot.authorized_by("POLICY")]
    assert places == [3, 7, 12]


def many(count: int, changed: int | None = None) -> str:
    """A policy of so many assertions of one shape, one of which may have a line more."""
    return "\n".join(
        f'Authorizer: "POLICY"\nLicensees: "k{number}"\n' + (number == changed) * 'Conditions: a == "b";\n'
        for number in range(count)
    )


def rows(store: Path) -> int:
    with sqlite3.connect(store) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        counts = [f"SELECT count(*) FROM {name}" for (name,) in tables]  # noqa: S608 - names of our own tables
        return sum(int(connection.execute(each).fetchone()[0]) for each in counts)


@pytest.mark.parametrize("place", [0, 1_000, 1_999])
def test_a_change_writes_little_and_old_generations_stay_readable(store: Path, policy: Path, place: int) -> None:
    private(policy, many(2_000))
    compiled(store, policy)
    before = rows(store)
    private(policy, many(2_000, place))
    assert compiled(store, policy).counts["parsed"] == 1
    assert rows(store) - before < 1_000
    for generation, moved in ((1, 0), (2, 1)):
        with open_snapshot(store, generation) as snapshot:
            lines = [each.place.line for each in snapshot.authorized_by("POLICY")]
            assert lines == [1 + 3 * number + moved * (number > place) for number in range(2_000)]
            assert snapshot.allows(Request((f"k{place}",))) is (generation == 1)


def test_whoever_waits_sees_what_is_parsed_and_what_is_stored(store: Path, policy: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(doing: str, items: Sequence[Item], /) -> Iterator[Item]:
        for number, each in enumerate(items, 1):
            seen.append((doing, number, len(items)))
            yield each

    compile_paths([policy], store, NOON, watch)
    assert seen == [("parsing", 1, 2), ("parsing", 2, 2), ("storing", 1, 2), ("storing", 2, 2)]


def test_every_finding_is_that_of_a_file_on_its_own(store: Path, policy: Path) -> None:
    """Findings of filled shapes have the places of the parser, linted ones too."""
    one = 'Authorizer: "POLICY"\nLicensees: "k"\nConditions: app_domain == "IPsec policy" && esp_present == "{}";\n'
    words = ["yes", "no", "yes", "ys", "yes", "maybe"]
    private(policy, "\n".join(one.format(word) for word in words))
    found = compiled(store, policy).diagnostics
    assert [(each.code, each.span.line, each.span.column) for each in found] == [("KN109", 15, 60), ("KN109", 23, 60)]


def test_an_error_behind_known_assertions_is_shown_in_its_place(store: Path, policy: Path) -> None:
    compiled(store, policy)
    text = POLICY + '\nAuthorizer: "POLICY"\nConditions: a = "b";\n\n' + POLICY
    private(policy, text)
    found = compiled(store, policy)
    fresh = check_paths([policy])
    assert found.diagnostics == fresh.diagnostics
    assert {each.span.line for each in found.diagnostics} == {text[: text.index("a = ")].count("\n") + 1}


# --- what keeps files from being published ------------------------------------------------------------------------


def test_after_an_error_the_old_generation_stays(store: Path, policy: Path, conf: Path) -> None:
    compiled(store, policy, conf)
    private(conf, altered(("ISAKMP-peer=east", "ISAKMP-peer=eest")))
    private(policy, POLICY.replace('"alice" && "bob"', '"carol"'))
    found = compiled(store, policy, conf)
    assert (found.generation, found.published) == (None, False)
    assert codes(found) == ["CF201"]
    assert [each.number for each in list_generations(store)] == [1]


def test_an_error_in_the_first_compilation_makes_no_store(store: Path, policy: Path) -> None:
    private(policy, "Authorizer\n")
    assert compiled(store, policy).generation is None
    assert not store.exists()


def test_all_findings_of_all_files_are_told_in_one_run(store: Path, tmp_path: Path, policy: Path, conf: Path) -> None:
    private(policy, POLICY.replace("-> ", "- ") + "\nLicensees: x\n")
    private(conf, altered(("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=X")) + "no equals sign\n")
    found = compiled(store, policy, conf, tmp_path / "missing.policy")
    by_source: dict[str, set[str]] = {}
    for each in found.diagnostics:
        by_source.setdefault(Path(each.source).name, set()).add(each.code)
    assert by_source["missing.policy"] == {"PD001"}
    assert {"CF003", "CF203"} <= by_source["isakmpd.conf"]
    assert len(by_source["isakmpd.policy"]) >= 2


def test_every_finding_can_be_shown_with_its_line(store: Path, tmp_path: Path, policy: Path, conf: Path) -> None:
    private(policy, POLICY + "\nLicensees: x\n")
    private(conf, altered(("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=X")))
    found = compiled(store, policy, conf, tmp_path / "missing.conf")
    for each in found.diagnostics:
        assert each.code in render(each, found.sources[each.source])


def test_warnings_publish(store: Path, conf: Path) -> None:
    private(conf, altered(("AES-SHA2-256-GRP14", "3DES-MD5")))
    found = compiled(store, conf)
    assert found.published
    assert {each.severity for each in found.diagnostics} == {Severity.WARNING}


def test_lints_of_a_policy_are_told(store: Path, policy: Path) -> None:
    private(policy, 'Authorizer: "POLICY"\n')
    assert codes(compiled(store, policy)) == ["KN101"]


def test_check_finds_the_same_and_writes_nothing(tmp_path: Path, store: Path, policy: Path, conf: Path) -> None:
    private(policy, POLICY + "\nLicensees: x\n")
    private(conf, altered(("EXCHANGE_TYPE=ID_PROT", "EXCHANGE_TYPE=X")))
    before = sorted(tmp_path.iterdir())
    findings = check_paths([policy, conf])
    assert findings.has_errors
    assert sorted(tmp_path.iterdir()) == before
    assert findings.diagnostics == compiled(store, policy, conf).diagnostics


def test_a_store_that_cannot_be_used_is_said(tmp_path: Path, policy: Path) -> None:
    with pytest.raises(StoreError, match="directory"):
        compiled(tmp_path, policy)


# --- files that cannot be used ------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_its_neighbour(store: Path, tmp_path: Path, policy: Path) -> None:
    (found,) = compiled(store, tmp_path / "isakmpd.polcy").diagnostics
    assert (found.code, found.source) == ("PD001", str(tmp_path / "isakmpd.polcy"))
    assert found.hint == f"did you mean {policy}?"


def test_a_missing_folder_is_said(store: Path, tmp_path: Path) -> None:
    (found,) = compiled(store, tmp_path / "none" / "isakmpd.conf").diagnostics
    assert found.hint.endswith(f"mkdir -p {tmp_path / 'none'} makes it")


def test_a_folder_with_nothing_to_compile_is_said(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert codes(compiled(store, folder)) == ["PD004"]


def test_a_name_with_a_nul_is_no_file(store: Path) -> None:
    assert codes(compile_paths(["a\0b"], store, NOON)) == ["PD002"]


def test_an_unreadable_file_is_named_with_the_command_that_mends_it(
    store: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    (found,) = compiled(store, policy).diagnostics
    assert (found.code, found.source) == ("PD002", str(policy))
    assert found.hint.startswith(f"chmod u+r {policy}")


def test_a_file_beyond_the_limit_is_refused(store: Path, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policydb.compiling.sources.MAX_OCTETS", 10)
    assert codes(compiled(store, policy)) == ["PD006"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_with_secrets_that_others_may_read_is_warned_about(
    store: Path, policy: Path, conf: Path, mode: int
) -> None:
    policy.chmod(mode)
    conf.chmod(mode)
    found = compiled(store, policy, conf)
    assert found.published
    hints = [f"chmod 600 {policy}", f"chmod 600 {conf}"]
    assert [(each.code, each.hint) for each in found.diagnostics] == [("PD003", hint) for hint in hints]


def test_a_file_without_secrets_may_be_read_by_all(store: Path, tmp_path: Path) -> None:
    policy = private(tmp_path / "x.policy", POLICY.replace("passphrase:mekmitasdigoat", "k"))
    conf = private(tmp_path / "x.conf", "[General]\nRetransmits=4\n")
    policy.chmod(0o644)
    conf.chmod(0o644)
    assert compiled(store, policy, conf).diagnostics == ()


# --- secrets ------------------------------------------------------------------------------------------------------


def octets(store: Path) -> Iterator[bytes]:
    """What the store and the files beside it hold."""
    for each in store.parent.glob(f"{store.name}*"):
        yield each.read_bytes()


def test_no_secret_is_in_the_store_nor_in_its_log(store: Path, tmp_path: Path) -> None:
    numbers = ("one", "two", "three", "four", "five", "six")
    secrets = [f"planted-{each}".encode() for each in numbers]
    policy = private(
        tmp_path / "x.policy",
        'Comment: it was passphrase:planted-one\nLocal-Constants: K="passphrase:planted-two"\n'
        'Authorizer: "POLICY"\nLicensees: K || "passphrase:planted-three"\n# passphrase:planted-one\n'
        'Conditions: a != "passphrase:planted-two";\n',
    )
    conf = private(
        tmp_path / "x.conf",
        altered(("Authentication=mekmitasdigoat", "Authentication=planted-four\nAuthentication=planted-five"))
        + "[old]\nAuthentcation=planted-six\n# Authentication=planted-four\n"
        + "[who@example.org]\nAuthentication=planted-four\n",
    )
    # A reader keeps the write-ahead log from being folded into the file and removed.
    compiled(store, private(tmp_path / "empty.policy", ""))
    with open_snapshot(store):
        found = compiled(store, policy, conf)
        assert found.published
        files = list(octets(store))
        assert len(files) == 3
    for content in (*files, *octets(store)):
        assert [each for each in secrets if each in content] == []
    assert [each for each in secrets if each in repr(found).encode()] == []
    with open_snapshot(store) as snapshot:
        assert snapshot.allows(Request(("passphrase:planted-two",)))
        assert snapshot.allows(Request(("passphrase:planted-three",)))


def test_no_secret_is_shown_with_a_finding(store: Path, conf: Path) -> None:
    private(conf, altered(("mekmitasdigoat", "0xnothex")) + "\nAuthentication=other-key\n")
    found = compiled(store, conf)
    assert "CF211" in codes(found)
    for each in found.diagnostics:
        shown = render(each, found.sources[each.source])
        assert "nothex" not in shown
        assert "other-key" not in shown


@pytest.mark.parametrize(
    "line",
    [
        " Authentication planted-key",
        "Authentication planted-key",
        "authentication: planted-key",
        "Authenticationplanted-key",
        "Authentication\tplanted-key = planted-key",
        "AUTHENTCATION planted-key\\\n  planted-key",
        "#Authentication planted-key",
        "Authentication = planted-key\0",
        "Authentication=planted-key\nAuthentication=planted-key",
    ],
)
@pytest.mark.parametrize("behind", ["", "\n[General]\nRetransmits=never\n"])
def test_a_mistyped_key_is_neither_shown_nor_stored(store: Path, conf: Path, line: str, behind: str) -> None:
    private(conf, f"{altered()}\n[x]\n{line}\n{behind}")
    found = compiled(store, conf)
    shown = [render(each, found.sources[each.source]) for each in found.diagnostics]
    assert [each for each in (*shown, repr(found)) if "planted" in each] == []
    assert [each for each in octets(store) if b"planted" in each] == []


@pytest.mark.parametrize(
    "licensees",
    [
        '"passphrase:" . "planted"',
        '"pass" . "phrase:planted"',
        '"PASSPHRASE:planted"',
        '"passphrase:pla\\\n nted"',
        '"pass\\160hrase:planted"',
    ],
)
def test_a_passphrase_that_cannot_be_sealed_is_an_error(store: Path, policy: Path, licensees: str) -> None:
    private(policy, f'Authorizer: "POLICY"\nLicensees: {licensees}\n')
    assert "PD005" in codes(compiled(store, policy))
    assert not store.exists()


def test_another_key_is_no_other_generation(store: Path, conf: Path) -> None:
    compiled(store, conf)
    private(conf, altered(("mekmitasdigoat", "another")))
    assert compiled(store, conf).published is False


# --- anything at all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_mutated_files_raise_nothing_and_publish_nothing_with_an_error(
    store: Path, policy: Path, conf: Path, seed: int
) -> None:
    chance = random.Random(seed)
    for path, text in ((policy, POLICY), (conf, WHOLE)):
        mutated = bytearray(text.encode())
        for _ in range(chance.randint(0, 3)):
            place = chance.randrange(len(mutated))
            mutated[place : place + chance.randint(0, 2)] = bytes(chance.choices(range(256), k=chance.randint(0, 3)))
        path.write_bytes(mutated)
    found = compiled(store, policy, conf)
    has_errors = any(each.severity is Severity.ERROR for each in found.diagnostics)
    assert found.published is not has_errors
    assert store.exists() is not has_errors
    if found.published:
        with open_snapshot(store) as snapshot:
            snapshot.decide(ASKED)
            assert isinstance(snapshot.configuration.peers, dict)


def test_the_examples_compile(store: Path) -> None:
    folder = Path(__file__).parents[3] / "examples" / "first-light"
    for gateway in ("east", "west"):
        compiled(store, folder / gateway)
    assert [each.number for each in list_generations(store)] == [1, 2]
    assert all(isinstance(each, Generation) for each in list_generations(store))
