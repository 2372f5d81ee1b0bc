"""The tables of the store, and the steps that make them.

A generation is a list of sources; a source is one version of one file, known by the digest of what is kept of it, and
a list of stretches: of assertions (policydb.storage.stretches) if it is a policy, else of sections
(policydb.storage.parts). So a file that did not change is shared by generations, a stretch that did not change by
sources, and an assertion that did not change by stretches. Its text is kept too, for people to read and compare, in
blocks of lines that are shared in the same way (policydb.storage.texts). Rows are added and never changed: a reader
that knows its generation's number sees the same rows for ever.

Nothing executable is kept (shapes and licensees are JSON, constants texts), and nothing secret (policydb.secrecy,
policydb.configuration.sealing). This module imports neither sqlite3 nor sqlite-utils, so that readers and the writer
share it.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x696B6570
"""`PRAGMA application_id` of a store: "ikep"."""

FORMAT = 1
"""How assertions are compiled. Raise it when the compiler's output changes: then nothing old is taken for known."""


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of one file as a generation holds it; `digest` is SHA-256 over what is kept of it, in hex."""

    name: str
    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class Generation:
    """A published generation; `published` is UTC, ISO 8601; `sources` in the order in which they were given.

    `author` is who published it, "" where nobody said so; `restores` the generation that it went back to, if it did.
    """

    number: int
    published: str
    sources: tuple[SourceVersion, ...]
    author: str = ""
    restores: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One migration: its name in the migrations table, and its statements in order.

    Statements add tables, columns and indexes; the rows that are there keep their meaning.
    """

    name: str
    statements: tuple[str, ...]


_FIRST = (
    """
    CREATE TABLE generation (
        number INTEGER PRIMARY KEY,
        published TEXT NOT NULL
    ) STRICT
    """,
    # `format` beside the digest: a source compiled by an older compiler is compiled again.
    """
    CREATE TABLE source (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('policy', 'configuration')),
        digest TEXT NOT NULL,
        format INTEGER NOT NULL,
        UNIQUE (name, digest, format)
    ) STRICT
    """,
    """
    CREATE TABLE generation_source (
        generation INTEGER NOT NULL REFERENCES generation (number),
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        PRIMARY KEY (generation, source)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE principal (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE shape (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    # The compiler looks up digest and format before it parses a text. `licensees` is the field as it was compiled,
    # names and all, so that an assertion is decoded from one row; the table licensee is its inverted index.
    """
    CREATE TABLE assertion (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL,
        format INTEGER NOT NULL,
        authorizer INTEGER NOT NULL REFERENCES principal (id),
        licensees TEXT,
        shape INTEGER REFERENCES shape (id),
        constants TEXT NOT NULL,
        spans TEXT NOT NULL,
        local_constants TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (digest, format)
    ) STRICT
    """,
    "CREATE INDEX assertion_authorizer ON assertion (authorizer)",
    "CREATE INDEX assertion_open_to_all ON assertion (id) WHERE licensees IS NULL",
    """
    CREATE TABLE licensee (
        principal INTEGER NOT NULL REFERENCES principal (id),
        assertion INTEGER NOT NULL REFERENCES assertion (id),
        PRIMARY KEY (principal, assertion)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE stretch (
        id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE
    ) STRICT
    """,
    # Lines of a stretch count from its first one, lines of a source from the start of the file.
    """
    CREATE TABLE appearance (
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        line INTEGER NOT NULL,
        assertion INTEGER NOT NULL REFERENCES assertion (id),
        PRIMARY KEY (stretch, line)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX appearance_assertion ON appearance (assertion, stretch)",
    """
    CREATE TABLE source_stretch (
        source INTEGER NOT NULL REFERENCES source (id),
        line INTEGER NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        PRIMARY KEY (source, line)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX source_stretch_stretch ON source_stretch (stretch, source)",
    """
    CREATE TABLE binding (
        source INTEGER NOT NULL REFERENCES source (id),
        line INTEGER NOT NULL,
        section TEXT NOT NULL,
        tag TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (source, line)
    ) STRICT, WITHOUT ROWID
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_HISTORY = (
    "ALTER TABLE generation ADD COLUMN author TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE generation ADD COLUMN restores INTEGER REFERENCES generation (number)",
    "CREATE TABLE block (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, text TEXT NOT NULL) STRICT",
    # A source that was published before this step has no blocks: what it said is not known any more.
    """
    CREATE TABLE source_block (
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        block INTEGER NOT NULL REFERENCES block (id),
        PRIMARY KEY (source, position)
    ) STRICT, WITHOUT ROWID
    """,
)

_PARTS = (
    # A configuration is a list of stretches too (policydb.storage.parts), a section the JSON of its lines and the JSON
    # of its tags and values. One that was published before has bindings instead. `joined`: the lists of this section
    # are put together with those of other stretches.
    """
    CREATE TABLE section (
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        position INTEGER NOT NULL,
        line INTEGER NOT NULL,
        key TEXT NOT NULL,
        name TEXT NOT NULL,
        phase TEXT,
        joined INTEGER NOT NULL,
        lines TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (stretch, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX section_key ON section (key, stretch)",
    "CREATE INDEX section_phase ON section (stretch, phase, key) WHERE phase IS NOT NULL",
    # Names of sections and values of identities (policydb.storage.section_rows): who refers to a section is looked up
    # here.
    """
    CREATE TABLE mention (
        key TEXT NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        section TEXT NOT NULL,
        PRIMARY KEY (key, stretch, section)
    ) STRICT, WITHOUT ROWID
    """,
    # What a part came to beside its sections: how many settings, the stretch of assertions that its rules made (by its
    # digest) and how many lines these have.
    """
    CREATE TABLE part (
        stretch INTEGER PRIMARY KEY REFERENCES stretch (id),
        settings INTEGER NOT NULL,
        policy TEXT,
        lines INTEGER NOT NULL
    ) STRICT
    """,
)

_LISTS = (
    # The parts of a configuration in order; `line` is where the lines of a part count from. Several may start in one:
    # the pieces of a long list. Configurations that have their parts in source_stretch, as policies do, get them here.
    """
    CREATE TABLE source_part (
        source INTEGER NOT NULL REFERENCES source (id),
        position INTEGER NOT NULL,
        line INTEGER NOT NULL,
        stretch INTEGER NOT NULL REFERENCES stretch (id),
        PRIMARY KEY (source, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    INSERT INTO source_part (source, position, line, stretch)
    SELECT source, row_number() OVER (PARTITION BY source ORDER BY line) - 1, line, stretch
    FROM source_stretch JOIN source ON source.id = source WHERE kind = 'configuration'
    """,
)

_RECORDS = (
    # A configuration as it was resolved: pages of records (policydb.storage.records), which generations share. One that
    # was published before has none, and is resolved by whoever reads it.
    "CREATE TABLE offer (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT",
    """
    CREATE TABLE record (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        offer INTEGER NOT NULL REFERENCES offer (id)
    ) STRICT
    """,
    """
    CREATE TABLE record_key (
        key TEXT NOT NULL,
        record INTEGER NOT NULL REFERENCES record (id),
        PRIMARY KEY (key, record)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE TABLE page (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE) STRICT",
    """
    CREATE TABLE page_record (
        page INTEGER NOT NULL REFERENCES page (id),
        position INTEGER NOT NULL,
        record INTEGER NOT NULL REFERENCES record (id),
        PRIMARY KEY (page, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX page_record_record ON page_record (record, page)",
    "CREATE TABLE configuration (id INTEGER PRIMARY KEY, format INTEGER NOT NULL, digest BLOB NOT NULL UNIQUE) STRICT",
    """
    CREATE TABLE configuration_page (
        configuration INTEGER NOT NULL REFERENCES configuration (id),
        position INTEGER NOT NULL,
        page INTEGER NOT NULL REFERENCES page (id),
        PRIMARY KEY (configuration, position)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX configuration_page_page ON configuration_page (page, configuration)",
    # Which section refers to which, by their names in lower case, in any generation that has a configuration: more than
    # one generation needs to know is no harm. An edge is noted when the reference is followed.
    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    """
    CREATE TABLE edge (
        child INTEGER NOT NULL REFERENCES name (id),
        parent INTEGER NOT NULL REFERENCES name (id),
        PRIMARY KEY (child, parent)
    ) STRICT, WITHOUT ROWID
    """,
    "ALTER TABLE generation ADD COLUMN configuration INTEGER REFERENCES configuration (id)",
)

STEPS = (
    Step("first", _FIRST),
    Step("history", _HISTORY),
    Step("parts", _PARTS),
    Step("lists", _LISTS),
    Step("records", _RECORDS),
)
"""Every migration in order. A store of N of them has `PRAGMA user_version` N; the writer brings it up to date."""

VERSION = len(STEPS)
"""`PRAGMA user_version` of a store that this program reads and writes."""
