"""What counts as changed where parts of a file have taken the place of others."""

import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policydb.compiling.compiler import compile_paths
from policydb.compiling.consequences import changed_names, differences
from policydb.compiling.revisions import parsed, revisions_of
from policydb.compiling.sources import read_sources
from policydb.storage import parts
from policydb.storage.storefile import connect_read_only

HERE = "10.9.0.0/16"


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """About every second rule ends a part."""
    monkeypatch.setattr(parts, "_RULES", 1)


def rules(*networks: int) -> str:
    return "".join(f'ike esp from {HERE} to 10.{each}.0.0/16 peer 192.0.2.{each} psk "{each}"\n' for each in networks)


def changes(folder: Path, first: str, then: str) -> tuple[int, int, set[str]]:
    """How many parts have gone, how many are new, and the names of the sections that have changed."""
    conf, store = folder / "ipsec.conf", folder / "policy.db"
    conf.touch(0o600)
    conf.write_text(first)
    compile_paths([conf], store, datetime(2026, 1, 1, tzinfo=UTC))
    conf.write_text(then)
    connection = connect_read_only(store)
    try:
        (revision,) = revisions_of(connection, read_sources([conf])[0], platform.node())
        revision, findings = parsed(connection, revision)
        assert not findings
        names = changed_names(differences(connection, revision))
    finally:
        connection.close()
    return sum(len(run.gone) for run in revision.runs), len(revision.new), names


def test_what_two_parts_share_has_not_changed_when_the_border_between_them_moves(tmp_path: Path) -> None:
    borders = set()
    for number in range(20, 36):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        gone, new, names = changes(folder, rules(*range(1, 10)), rules(*range(1, 5), number, *range(6, 10)))
        borders.add(new - gone)
        assert {"peer-192.0.2.5", f"peer-192.0.2.{number}", f"to-10.{number}.0.0/16"} <= names
        assert f"from-{HERE}" not in names
        assert not any(each.endswith(("192.0.2.4", "192.0.2.6")) for each in names)
    assert len(borders) > 1  # some of these have moved one


def test_another_key_is_a_change_of_no_section_that_the_store_could_tell(tmp_path: Path) -> None:
    first = rules(*range(1, 10))
    _, new, names = changes(tmp_path, first, first.replace('psk "5"', 'psk "other"'))
    assert new
    assert not names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("172.20/16", "172.20.0.0/16"),
        ("172.20.0.0/16", "172.20/16"),
        ("10.1.0.5", "10.1.0.5/32"),
        ("10.1.0.5/32", "10.1.0.5"),
    ],
)
def test_a_changed_rule_ties_with_one_that_writes_the_same_traffic_otherwise(
    tmp_path: Path, one: str, other: str
) -> None:
    """The part with the other rule is not read again; what it says is found by the traffic that it means."""

    def text(last: str) -> str:
        networks = [one, *(f"10.{each}.0.0/16" for each in range(20, 40)), last]
        return "".join(f"ike esp from {HERE} to {each} peer 192.0.2.9\n" for each in networks)

    conf, store = tmp_path / "ipsec.conf", tmp_path / "policy.db"
    conf.touch(0o600)
    codes: list[list[str]] = []
    for last in ("10.77.0.0/16", other):
        conf.write_text(text(last))
        found = compile_paths([conf], store, datetime(2026, 1, 1, tzinfo=UTC)).diagnostics
        codes.append([each.code for each in found if each.code == "CF110"])
    assert codes == [[], ["CF110"]]
