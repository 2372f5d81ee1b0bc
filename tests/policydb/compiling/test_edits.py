"""Any sequence of edits comes to what the files come to when they are compiled at once."""

from pathlib import Path
from random import Random

import pytest

from policydb.compiling import recompiling
from policydb.storage import parts
from tests.policydb.compiling.edits import Files
from tests.policydb.compiling.fresh import Published, check
from tests.sizes import sized

EDITS = 25
"""Edits in a sequence."""

SEQUENCES = sized(6, 220)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a few sections have several parts."""
    monkeypatch.setattr(parts, "_SECTIONS", 1)
    monkeypatch.setattr(parts, "_RULES", 1)


@pytest.mark.full_size
@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_edits_one_after_the_other_come_to_what_their_files_come_to_at_once(tmp_path: Path, seed: int) -> None:
    """5,500 edits at full size. After two edits in error the files are put back as they were: an edit, too."""
    files = Files(Random(seed))
    good, before, wrong = files.copy(), None, 0
    history: list[str] = []
    for _ in range(EDITS):
        last = check_or_tell(tmp_path, files, before, history)
        if last.compilation.generation is None:
            wrong += 1
        else:
            good, before, wrong = files.copy(), last, 0
        if wrong > 1:
            files.pieces = {name: list(pieces) for name, pieces in good.items()}
            history.append("as it was")
        else:
            history.append(files.edit())


def test_a_compile_that_forgets_who_refers_to_a_section_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check can fail: with a fault planted in the compiler it does."""
    monkeypatch.setattr(recompiling, "concerned", lambda _, changed: set(changed))
    conf = {
        "isakmpd.conf": "[Phase 2]\nConnections=c\n[c]\nPhase=2\nISAKMP-peer=p\nConfiguration=quick\n"
        "[p]\nPhase=1\nAddress=192.0.2.1\nAuthentication=k\nConfiguration=main\n[main]\nEXCHANGE_TYPE=ID_PROT\n"
        "Transforms=AES-SHA2-256-GRP14\n[quick]\nEXCHANGE_TYPE=QUICK_MODE\n"
        "Suites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE\n"
    }
    check(tmp_path, "grown.db", conf)
    changed = {"isakmpd.conf": conf["isakmpd.conf"].replace("Transforms=AES-", "Transforms=AES-256-")}
    with pytest.raises(AssertionError):
        check(tmp_path, "grown.db", changed)


def test_of_two_lists_of_one_tag_the_first_counts_also_for_a_change(tmp_path: Path) -> None:
    conf = (
        "[Phase 2]\nConnections=c\n[c]\nPhase=2\nISAKMP-peer=p\nConfiguration=quick\n"
        "[p]\nPhase=1\nAddress=192.0.2.1\nAuthentication=k\nConfiguration=main\n"
        "[d]\nPhase=2\nISAKMP-peer=q\nConfiguration=quick\n[q]\nPhase=1\nAddress=192.0.2.2\nAuthentication=k\n"
        "Configuration=main\n[main]\nEXCHANGE_TYPE=ID_PROT\nTransforms=AES-SHA2-256-GRP14\n"
        "[quick]\nEXCHANGE_TYPE=QUICK_MODE\nSuites=QM-ESP-AES-SHA2-256-PFS-GRP14-SUITE\n"
        "[Phase 2]\nConnections=d\n"
    )
    before = check(tmp_path, "grown.db", {"isakmpd.conf": conf})
    check(tmp_path, "grown.db", {"isakmpd.conf": conf.replace("192.0.2.2", "192.0.2.3")}, before)


def check_or_tell(folder: Path, files: Files, before: Published | None, history: list[str]) -> Published:
    """check(); where it fails, the edits and the files are told."""
    try:
        return check(folder, "grown.db", files.texts(), before)
    except AssertionError:
        print(*history, sep="\n")
        for name, text in files.texts().items():
            was = before.texts.get(name, "") if before else ""
            print(f"=== {name} {'(as before)' if was == text else ''}\n{text}")
            if was and was != text:
                print(f"=== {name} before\n{was}")
        raise
