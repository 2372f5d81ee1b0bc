"""docs/interop.md, of the matrix and what a run proved: `python -m tests.interop.document PART RESULTS...`.

PART is `here` or `guest`, RESULTS the files of one run of it. The text has no times in it, so that the same results
make the same document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.interop import libreswan, others, strongswan
from tests.interop.bed import BedError
from tests.interop.impairments import IMPAIRMENTS, Impairment
from tests.interop.matrix import CASES, ROWS, name
from tests.interop.record import Streak, code
from tests.interop.scenario import Begins, Scenario

PATH = Path(__file__).resolve().parents[2] / "docs" / "interop.md"

HEAD = """\
# Interoperability

This page is written by `make interop`: each line is a scenario that ran against another program, on this project's
side always as the daemon people run, its kernel the in-memory one. Do not edit it. tests/interop/matrix.py and the
tables it names are the source.

What proves an SA:

- **talked through its ESP**: scapy, given our SPIs and keys, sent a packet through the peer's ESP and had it answered;
  both directions were decrypted and authenticated. The peer is strongSwan with the ESP of its own (kernel-libipsec).
- **same SAs in its kernel**: in a User-mode Linux guest with ESP and AH, `ip xfrm state` of the peer shows our SPIs,
  keys, algorithms and mode in both directions.

Then whoever began takes all down, and both sides are left with nothing. `-`: the scenario has no such role.
"""

RUNS = """\
A run counts if every row of its part was there and nothing failed; ten are enough. `n on c`: n runs in a row, c being
the last commit that had changed grammar, policydb, daemon or tests/interop.
"""

IMPAIRED = """\
pluto misbehaves (`whack --impair`), we must not: our log names the check, no SA and no exchange stays behind, and the
next negotiation succeeds. `no harm`: what arrives, if it does, is as good as any; that pluto did it is looked up in its
log, in a capture or in our SAs.
"""


UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: its words, and the names of the results that fill its last cells; None: no such role."""

    words: tuple[str, ...]
    results: tuple[str | None, ...]

    def cells(self, results: Mapping[str, str]) -> tuple[str, ...]:
        """The line with its results; what never ran is a question mark."""
        return (*self.words, *("-" if each is None else results.get(each, UNKNOWN) for each in self.results))

    def known(self, section: str) -> dict[str, str]:
        """What a table of the document says of this line's results."""
        stem = f"| {' | '.join(self.words)} |"
        found = next((line for line in section.splitlines() if line.startswith(stem)), "")
        cells = found.removeprefix(stem).strip(" |").split(" | ")
        pairs = zip(self.results, cells, strict=len(cells) == len(self.results))
        return {name: cell for name, cell in pairs if name and cell not in ("", UNKNOWN)}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, words below it, and lines."""

    heading: str
    below: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    def text(self, results: Mapping[str, str]) -> str:
        """As Markdown."""
        head = f"| {' | '.join(self.columns)} |\n|{'---|' * len(self.columns)}\n"
        body = "".join(f"| {' | '.join(line.cells(results))} |\n" for line in self.lines)
        return f"## {self.heading}\n\n{self.below}{chr(10) if self.below else ''}{head}{body}"


def _matrix_line(row: Scenario) -> Line:
    roles = (name(row, each) if each in row.begins else None for each in Begins)
    return Line((row.name, row.about), tuple(roles))


def _impaired_lines(impairments: Iterable[Impairment]) -> Iterator[Line]:
    rows: dict[tuple[str, str], dict[Begins, str]] = {}
    for each in impairments:
        rows.setdefault((each.setup, each.name), {})[each.begins] = each.row
    for (setup, called), roles in sorted(rows.items()):
        yield Line((setup, f"`{called.replace('+', '`, `')}`"), tuple(roles.get(each) for each in Begins))


def _parts() -> dict[str, frozenset[str]]:
    """What each part of the matrix has to have run: the results' names, by the part's own."""
    guest = {name(row, begins) for row, begins in CASES if row.kernel}
    guest |= {each.row for each in IMPAIRMENTS if each.kernel}
    everything = {each for table in _row_tables() for line in table.lines for each in line.results if each}
    return {"here": frozenset(everything - guest), "guest": frozenset(guest)}


def tables() -> tuple[Table, ...]:
    """All tables of the document."""
    words = {"here": "`make interop`", "guest": "`make interop-kernel`"}
    counted = (Line((words[part], str(len(rows))), (part,)) for part, rows in _parts().items())
    return (Table("Runs in a row", RUNS, ("part", "rows", "green runs"), tuple(counted)), *_row_tables())


def _row_tables() -> tuple[Table, ...]:
    """Those whose lines are scenarios."""
    columns = ("scenario", "what", "we initiate", "we answer")
    by_peer: dict[str, list[Line]] = {}
    for row in ROWS:
        by_peer.setdefault(row.peer, []).append(_matrix_line(row))
    return (
        *(Table(peer, "", columns, tuple(lines)) for peer, lines in by_peer.items()),
        *(
            Table(each.heading, "", ("scenario", "what", "result"), tuple(Line(row[:2], row[2:]) for row in each.rows))
            for each in others.TABLES
        ),
        Table(
            "libreswan, impaired", IMPAIRED, ("in", "impairment", "we initiate", "we answer"),
            tuple(_impaired_lines(IMPAIRMENTS)),
        ),
    )  # fmt: skip


def text(results: Mapping[str, str], versions: Iterable[str]) -> str:
    """The whole document."""
    peers = f"Peers: {', '.join(versions)}.\n"
    return "\n".join((HEAD, peers, *(table.text(results) for table in tables())))


def _versions() -> Iterator[str]:
    for ask in (strongswan.version, libreswan.version, *others.VERSIONS):
        try:
            yield ask()
        except (BedError, OSError) as error:
            print(f"not installed: {error}", file=sys.stderr)


def known(document: str) -> dict[str, str]:
    """The results that a document has of today's tables."""
    sections = dict(section.partition("\n")[::2] for section in document.split("\n## ")[1:])
    return {
        name: cell
        for table in tables()
        for line in table.lines
        for name, cell in line.known(sections.get(table.heading, "")).items()
    }


def main(part: str, paths: Iterable[str]) -> int:
    """Write the document anew: what has not run this time stays as it is. The exit code."""
    ran = {
        row: cell for path in paths if Path(path).exists() for row, cell in json.loads(Path(path).read_text()).items()
    }
    results = known(PATH.read_text()) if PATH.exists() else {}
    streak = Streak.read(results.get(part, "")).after(ran, _parts()[part], code(PATH.parents[1]))
    results |= ran | {part: str(streak)}
    PATH.write_text(text(results, _versions()))
    names = {name for table in tables() for line in table.lines for name in line.results if name}
    missing = sorted(names - results.keys())
    print(f"{PATH}: {len(ran)} results; in a row: {streak}" + "".join(f"\nmissing: {name}" for name in missing))
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
