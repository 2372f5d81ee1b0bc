"""policydb/cores.py: no process that handles keys leaves a core, unless its developer wants one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.running import OPEN_POLICY, Isakmpd

LOOK = """
import resource
status = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
print(status, *resource.getrlimit(resource.RLIMIT_CORE))
"""
COMMANDS = {
    "policydb": ["policydb.cli", ["--version"]],
    "policydb keynote": ["policydb.cli", ["keynote", "keygen", "ed25519-base64:", "256", "-", "-"]],
    "isakmpd": ["daemon.cli", ["--help"]],
    "ipsecctl": ["daemon.ipsecctl", ["-h"]],
    "certpatch": ["daemon.certpatch", ["--help"]],
}


@pytest.mark.parametrize(("wanted", "found"), [("", "0 0 0"), ("yes", "1")])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_sees_keys_forbids_a_core(name: str, wanted: str, found: str) -> None:
    module, arguments = COMMANDS[name]
    run = f"import ctypes\nfrom {module} import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
    program = f"{run}{LOOK}"
    environment = os.environ | {"ISAKMPD_CORE_DUMPS": wanted}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=200
    )
    assert done.stdout.splitlines()[-1].startswith(found)


def test_a_running_daemon_has_no_core(tmp_path: Path) -> None:
    daemon = Isakmpd(tmp_path)
    daemon.write(daemon.policy, OPEN_POLICY)
    with daemon:
        daemon.started()
        proc = Path(f"/proc/{daemon.process.pid}")
        limits = proc.joinpath("limits").read_text()
        (core,) = [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")]
        assert core == ["0", "0"]
        # Who cannot be dumped belongs to root for all that looks at it by /proc (proc(5)), and so cannot be traced.
        assert proc.joinpath("mem").stat().st_uid == 0
