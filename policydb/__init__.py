"""The policy engine: nodes to a store, the store to decisions, decisions to reasons.

    from policydb import Request, open_snapshot

    with open_snapshot("policy.db") as policy:
        policy.allows(Request(("alice",), {"esp_enc_alg": "aes"}))

These names are the library (docs/library.md). Each is loaded from its module when it is first asked for, so that what
asks a store loads no parser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policydb.compiling.compilation import Compilation, Findings
    from policydb.compiling.compiler import check_paths, compile_paths
    from policydb.decision import (
        AssertionReport,
        AssertionStatus,
        Atom,
        Change,
        Decision,
        Nearest,
        Place,
        Step,
        to_json,
    )
    from policydb.keynote.checker import Checker
    from policydb.library import Policy, read_policy, with_credentials
    from policydb.request import DEFAULT_VALUES, Request, RequestError
    from policydb.storage.history import Comparison, SourceChange, compare, list_generations, roll_back
    from policydb.storage.portable import dump_snapshot, load_snapshot
    from policydb.storage.snapshot import Snapshot, open_snapshot
    from policydb.storage.storefile import StoreError

__all__ = [
    "DEFAULT_VALUES",
    "AssertionReport",
    "AssertionStatus",
    "Atom",
    "Change",
    "Checker",
    "Comparison",
    "Compilation",
    "Decision",
    "Findings",
    "Nearest",
    "Place",
    "Policy",
    "Request",
    "RequestError",
    "Snapshot",
    "SourceChange",
    "Step",
    "StoreError",
    "check_paths",
    "compare",
    "compile_paths",
    "dump_snapshot",
    "list_generations",
    "load_snapshot",
    "open_snapshot",
    "read_policy",
    "roll_back",
    "to_json",
    "with_credentials",
]

_HOMES = {
    "keynote.checker": ("Checker",),
    "compiling.compilation": ("Compilation", "Findings"),
    "compiling.compiler": ("check_paths", "compile_paths"),
    "decision": (
        *("AssertionReport", "AssertionStatus", "Atom", "Change", "Decision", "Nearest", "Place", "Step"),
        "to_json",
    ),
    "storage.history": ("Comparison", "SourceChange", "compare", "list_generations", "roll_back"),
    "library": ("Policy", "read_policy", "with_credentials"),
    "storage.portable": ("dump_snapshot", "load_snapshot"),
    "request": ("DEFAULT_VALUES", "Request", "RequestError"),
    "storage.snapshot": ("Snapshot", "open_snapshot"),
    "storage.storefile": ("StoreError",),
}

if not TYPE_CHECKING:  # a checker of types is to see the names above, and no others

    def __getattr__(name: str) -> object:
        """A name of the library, from its module (PEP 562)."""
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
