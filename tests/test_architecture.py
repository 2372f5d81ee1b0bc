"""The house rules that a program can check: who imports whom, what the core may not touch, how big things grow.

docs/decisions/0001-layout.md and CONTRIBUTING.md say why. Rules that look for offences are shown to find a planted one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("grammar", "policydb", "daemon")  # each may import itself and what stands before it

THIRD_PARTY = {
    "grammar": {"lark", "cryptography"},  # the latter for x509-base64 principals, when one occurs
    "policydb": {"click", "cryptography", "re2", "sqlite_utils", "tabulate"},
    "daemon": {"click", "cryptography", "pyroute2", "tabulate"},
}

# The protocol core is given time, randomness and addresses; it returns what it wants done.
NOT_IN_THE_CORE = {
    "asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "pyroute2", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "sqlite3", "sqlite_utils", "subprocess", "tempfile",
    "threading", "time", "uuid",
}  # fmt: skip

NEVER = {"dill", "marshal", "pickle", "shelve"}  # nothing executable is stored
EVALUATORS = {"eval", "exec", "__import__"}
EVALUATES_ON_PURPOSE = {
    # Condition programs become Python functions, put together from templates and never stored; no text of a file
    # gets into them.
    "policydb/keynote/programs.py": {"exec"},
}

SECRET_NAME = re.compile(
    r"(psk|pre_?shared_key|secret|passphrase|password|skeyid\w*|h?mac"
    r"|(expected|received|computed|peer|our|their)_(hash|mac|signature|digest)|hash_[ir123])\Z"
)

MODULE_LINES = 600
FUNCTION_LINES = 60


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module by its full name, and the line that imports it, wherever in the module that is."""

    module: str
    line: int


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.Module:
    """A source, parsed once for all that ask; nobody changes it."""
    return ast.parse(path.read_text())


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = python_files(*ROOMS)
OURS = {module_name(path): path for path in SOURCES}
CORE = [path for path in SOURCES if path.is_relative_to(ROOT / "daemon" / "ike")]


def imports_of(tree: ast.AST, package: str = "") -> list[Import]:
    """Every import, function-level ones and those below TYPE_CHECKING too; `package` resolves relative ones."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            submodules = [f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in OURS]
            found += [Import(name, node.lineno) for name in submodules or [base]]
    return found


@cache
def imports_of_file(path: Path) -> list[Import]:
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return imports_of(tree_of(path), package)


def offences(paths: Iterable[Path], rule: Callable[[Path], Iterable[object]]) -> list[str]:
    """What a rule finds in some files, each with its file's name."""
    return [f"{shown(path)}: {found}" for path in paths for found in rule(path)]


# --- import direction ---------------------------------------------------------------------------------------------


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def upward_imports(room: str, found: list[Import]) -> list[str]:
    above = ROOMS[ROOMS.index(room) + 1 :]
    return [f"line {each.line}: {room} imports {each.module}" for each in found if each.module.split(".")[0] in above]


def test_imports_only_go_down() -> None:
    assert not offences(SOURCES, lambda path: upward_imports(room_of(path), imports_of_file(path)))


def test_an_upward_import_is_found_even_inside_a_function() -> None:
    tree = ast.parse("def f():\n    from daemon.ike import events\n")
    assert upward_imports("policydb", imports_of(tree)) == ["line 2: policydb imports daemon.ike.events"]


# Folders within a room, each of which may import what stands before it, and the room's contract.
FOLDERS = {
    "policydb": (
        "keynote", "linting", "configuration", "ipsec", "storage", "records", "importers", "compiling", "commands"
    ),
    "daemon.ike": ("algorithms", "messages", "trust"),
}  # fmt: skip
CONTRACTS = {
    "policydb": {
        "attributes", "codes", "connections", "decision", "graph", "negotiation", "request", "traffic",
        "collecting", "cores", "folders", "sealing", "secrecy", "streams", "watching",
    },
    "daemon.ike": {"errors", "events", "limits", "registries", "surroundings"},
}  # fmt: skip


def imports_from_later_folders(module: str, found: list[Import]) -> list[Import]:
    """What a module of a folder imports of its room that is neither contract nor in a folder before its own."""
    room = next((each for each in FOLDERS if module.startswith(f"{each}.")), None)
    folder = module.removeprefix(f"{room}.").partition(".")[0]
    if room is None or folder not in FOLDERS[room]:
        return []
    allowed = {*CONTRACTS[room], *FOLDERS[room][: FOLDERS[room].index(folder) + 1]}
    return [
        each
        for each in found
        if each.module.startswith(f"{room}.") and each.module.removeprefix(f"{room}.").partition(".")[0] not in allowed
    ]


def test_folders_import_what_stands_before_them() -> None:
    assert not offences(SOURCES, lambda path: imports_from_later_folders(module_name(path), imports_of_file(path)))
    folders = {each.parent.name for room in FOLDERS for each in (ROOT / room.replace(".", "/")).glob("*/__init__.py")}
    assert folders - {"ike"} == {each for names in FOLDERS.values() for each in names}


def test_an_import_from_a_later_folder_is_found() -> None:
    tree = ast.parse("def f():\n    from policydb.compiling.compiler import compile_paths\n")
    assert imports_from_later_folders("policydb.storage.store", imports_of(tree))
    assert not imports_from_later_folders("policydb.commands.compile_files", imports_of(tree))


def test_no_two_modules_import_each_other() -> None:
    graph = {name: {each.module for each in imports_of_file(path)} & set(OURS) for name, path in OURS.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as cycle:
        pytest.fail("import cycle: " + " -> ".join(cycle.args[1]))
    assert set(order) == set(OURS)


def strangers(path: Path) -> list[Import]:
    allowed = sys.stdlib_module_names | set(ROOMS) | THIRD_PARTY[room_of(path)]
    return [each for each in imports_of_file(path) if each.module.split(".")[0] not in allowed]


def test_a_room_uses_only_its_own_third_party_packages() -> None:
    assert not offences(SOURCES, strangers)


@pytest.mark.parametrize("room", ["grammar", "daemon"])
def test_grammar_and_daemon_hold_no_code_of_their_own(room: str) -> None:
    """`daemon` is also what python-daemon installs: an __init__ with a docstring alone can be lost without harm."""
    body = ast.parse((ROOT / room / "__init__.py").read_text()).body
    assert [type(node) for node in body] == [ast.Expr]


def test_the_engine_itself_holds_the_names_of_the_library_and_loads_them_on_demand(tmp_path: Path) -> None:
    """Programs that embed it write `from policydb import ...`; that must not load a parser for a question."""
    tree = ast.parse((ROOT / "policydb" / "__init__.py").read_text())
    assert [node.name for node in functions(tree)] == ["__getattr__"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert not loaded_by("import policydb", tmp_path) & {"grammar", "lark", "sqlite3", "click"}


# --- the protocol core --------------------------------------------------------------------------------------------


def clock_readings(tree: ast.AST) -> list[int]:
    """Lines that ask a class for the present (datetime.now() and its kin)."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
    ]


def reaches_outside(path: Path) -> list[object]:
    imported = [each for each in imports_of_file(path) if each.module.split(".")[0] in NOT_IN_THE_CORE]
    return [*imported, *clock_readings(tree_of(path))]


def test_the_core_has_no_io_no_clock_and_no_randomness() -> None:
    assert CORE
    assert not offences(CORE, reaches_outside)


def test_a_clock_reading_is_found() -> None:
    assert clock_readings(ast.parse("def f():\n    return datetime.now(UTC)\n")) == [2]


# --- secrets, and code from data ----------------------------------------------------------------------------------


def last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def careless_comparisons(tree: ast.AST) -> list[str]:
    """Comparisons by == or != of something named like a secret or a keyed hash; lengths and None are no secrets."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
            names = [last_name(each) for each in (node.left, *node.comparators)]
            found += [f"line {node.lineno}: {name}" for name in names if SECRET_NAME.match(name)]
    return found


HANDLES_SECRETS = [path for path in SOURCES if shown(path).startswith("daemon/") or path.name == "credentials.py"]


def test_secrets_are_compared_in_constant_time() -> None:
    assert not offences(HANDLES_SECRETS, lambda path: careless_comparisons(tree_of(path)))


@pytest.mark.parametrize("text", ["received_hash == x", "if self.psk != other:\n    pass", "f(a.hash_i == b)"])
def test_a_careless_comparison_is_found(text: str) -> None:
    assert careless_comparisons(ast.parse(text))


def test_the_core_does_compare_in_constant_time() -> None:
    assert any("hmac.compare_digest(" in path.read_text() for path in CORE)


def forbidden_calls(tree: ast.AST, allowed: set[str]) -> list[str]:
    """Calls that run data as code or hand a line to a shell."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = last_name(node.func)
        if isinstance(node.func, ast.Name) and name in EVALUATORS - allowed:
            found.append(f"line {node.lineno}: {name}()")
        if name in {"system", "popen"} or any(each.arg == "shell" for each in node.keywords):
            found.append(f"line {node.lineno}: a shell")
    return found


def runs_data(path: Path) -> list[object]:
    tree = tree_of(path)
    imported = [each for each in imports_of(tree) if each.module.split(".")[0] in NEVER]
    return [*imported, *forbidden_calls(tree, EVALUATES_ON_PURPOSE.get(shown(path), set()))]


def test_no_data_is_run_as_code() -> None:
    assert not offences([*SOURCES, *python_files("examples")], runs_data)


@pytest.mark.parametrize("text", ["eval(x)", "os.system(x)", "subprocess.run(x, shell=True)", "exec(x)"])
def test_data_run_as_code_is_found(text: str) -> None:
    assert forbidden_calls(ast.parse(text), set())


# --- the page that shows the way ----------------------------------------------------------------------------------


def modules_in_the_page() -> list[str]:
    """`folder/module` for each module that a row of the table names; a row without a folder goes on with the last."""
    rooms = (ROOT / "ARCHITECTURE.md").read_text().partition("## Central types")[0]
    found, folder = [], ""
    for first, modules in re.findall(r"^\| (?:\*\*([\w/]+)\*\* )?\| ((?:`\w+` ?)+)\|", rooms, re.MULTILINE):
        folder = first or folder
        found += [f"{folder}/{each}.py" for each in re.findall(r"`(\w+)`", modules)]
    return found


def test_the_architecture_page_places_every_module_once() -> None:
    assert sorted(modules_in_the_page()) == [shown(path) for path in SOURCES if path.name != "__init__.py"]


# --- sizes --------------------------------------------------------------------------------------------------------


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(text: str, tree: ast.Module) -> list[str]:
    found = [f"module: {lines} lines"] if (lines := text.count("\n")) > MODULE_LINES else []
    for node in functions(tree):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES:
            found.append(f"{node.name}: {length} lines")
    return found


EVERYTHING = [*SOURCES, *python_files("examples", "tests")]


def test_modules_and_functions_stay_short() -> None:
    assert not offences(EVERYTHING, lambda path: too_long(path.read_text(), tree_of(path)))


@pytest.mark.parametrize("text", ["x = 1\n" * 601, "def f():\n" + "    x = 1\n" * 60], ids=["module", "function"])
def test_what_is_too_long_is_found(text: str) -> None:
    assert too_long(text, ast.parse(text))


def test_every_module_says_first_what_it_is_for() -> None:
    trees = {shown(path): tree_of(path) for path in EVERYTHING}
    assert not [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)]


def globals_rebound(path: Path) -> list[int]:
    return [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.Global)]


def test_no_function_rebinds_a_global() -> None:
    assert not offences(SOURCES, globals_rebound)


# --- what the paths that must be quick or small load --------------------------------------------------------------


def loaded_by(code: str, folder: Path) -> set[str]:
    """The top-level packages in sys.modules after `code` ran in a Python of its own."""
    program = f"import sys\n{code}\nprint('\\n'.join(sorted({{each.split('.')[0] for each in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=200, check=True
    )
    return set(done.stdout.split())


def run_policydb(*arguments: str) -> str:
    return (
        "from policydb.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    policy = tmp_path / "open.policy"
    policy.write_text('Authorizer: "POLICY"\nLicensees: "alice"\nConditions: colour == "red";\n')
    policy.chmod(0o600)
    path = tmp_path / "policy.db"
    loaded_by(run_policydb("compile", "--store", str(path), str(policy)), tmp_path)
    return path


@pytest.mark.parametrize("asked", [("query",), ("explain",)], ids="".join)
def test_asking_the_store_loads_neither_the_parser_nor_netlink(
    store: Path, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    question = (*asked, "--store", str(store), "--authorizer", "alice", "--attribute", "colour=red")
    assert not loaded_by(run_policydb(*question), tmp_path) & {"lark", "pyroute2", "daemon"}


def test_the_core_loads_neither_store_nor_parser_nor_event_loop(tmp_path: Path) -> None:
    loaded = loaded_by("import daemon.ike.engine", tmp_path)
    assert "daemon" in loaded
    assert not loaded & {"lark", "pyroute2", "sqlite3", "sqlite_utils", "asyncio", "click"}


# --- what has two sizes -------------------------------------------------------------------------------------------


def test_whatever_make_test_runs_a_part_of_is_run_whole_by_make_faults() -> None:
    """Its marks select it: `full_size`, or the one that hypothesis gives (tests/sizes.py)."""
    assert "FULL_SIZE=1 $(BIN)/python -m pytest" in (ROOT / "Makefile").read_text()
    assert '-m "full_size or hypothesis"' in (ROOT / "Makefile").read_text()
    for path in python_files("tests"):
        names = {each.module for each in imports_of_file(path)}
        if "tests.sizes" in names and path.name != "conftest.py":
            text = path.read_text()
            assert "pytest.mark.full_size" in text or "@given(" in text, shown(path)
