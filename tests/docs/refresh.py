"""Writes what commands print today into the documents' ```console blocks: `python -m tests.docs.refresh FILE...`.

Steps whose output still agrees stay as they are, so that times and SPIs do not change with every run. Read the
difference before committing it: it is what changed for users.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.console import agrees, blocks_of, outputs

ROOT = Path(__file__).resolve().parents[2]


def refreshed(text: str, document: str) -> str:
    """The text with the output of every step that no longer agrees replaced."""
    for block in blocks_of(text, document):
        with tempfile.TemporaryDirectory() as folder:
            printed = outputs(block, ROOT, Path(folder))
        pairs = list(zip(block.steps, printed, strict=True))
        before = "".join(step.laid_out(step.shown) for step in block.steps)
        after = "".join(step.laid_out(step.shown if agrees(step.shown, output) else output) for step, output in pairs)
        old = f"```console\n{before}```"
        if old not in text:
            raise SystemExit(f"{block}: not laid out as commands and their outputs alone")
        text = text.replace(old, f"```console\n{after}```", 1)
    return text


def main() -> None:
    """Refresh the named files."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(refreshed(path.read_text(), name))


if __name__ == "__main__":
    main()
