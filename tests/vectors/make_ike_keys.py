"""Make ike-keys.jsonl.gz anew: random inputs, and what libreswan's `cavp` derives from them.

    python -m tests.vectors.make_ike_keys /usr/libexec/ipsec/cavp

`cavp` is libreswan's tool for NIST's validation program; Debian's libreswan package has it. It takes SHA-1, SHA-256,
SHA-384 and SHA-512, not MD5. 4 ms a call, 800 calls; same seed, same inputs.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).with_name("ike-keys.jsonl.gz")
HASHES = ("SHA-1", "SHA-256", "SHA-384", "SHA-512")
COUNT = 200
_SEED = 2409
_SHARED_OCTETS = (24, 28, 32, 48, 64, 66, 96, 128, 192, 256)


def cases() -> list[dict[str, str]]:
    """COUNT inputs of each hash: every other one with a pre-shared key, else for signatures; values in hex."""
    dice = random.Random(_SEED)
    made = []
    for name in HASHES:
        for number in range(COUNT):
            case = {
                "hash": name,
                "shared": dice.randbytes(dice.choice(_SHARED_OCTETS)).hex(),
                "nonce_i": dice.randbytes(dice.choice((8, 16, 20, 32, 64))).hex(),
                "nonce_r": dice.randbytes(dice.choice((8, 16, 20, 32, 64))).hex(),
                "cookie_i": dice.randbytes(8).hex(),
                "cookie_r": dice.randbytes(8).hex(),
            }
            if number % 2 == 0:
                case["psk"] = dice.randbytes(dice.choice((1, 8, 20, 64, 65, 129))).hex()
            made.append(case)
    return made


def derived(tool: str, case: dict[str, str]) -> dict[str, str]:
    """The case with the four values that the tool derives."""
    options = {
        "-hashAlg": case["hash"],
        "-tcId": "1",
        "-gxy": case["shared"],
        "-nInit": case["nonce_i"],
        "-nResp": case["nonce_r"],
        "-ckyInit": case["cookie_i"],
        "-ckyResp": case["cookie_r"],
    }
    if "psk" in case:
        options["-preSharedKey"] = case["psk"]
    arguments = [word for option in options.items() for word in option]
    kind = "-v1psk" if "psk" in case else "-v1dsa"
    run = subprocess.run([tool, "-json", kind, *arguments], capture_output=True, check=True, text=True)
    found = json.loads(run.stdout)
    names = {"skeyid": "sKeyId", "skeyid_d": "sKeyIdD", "skeyid_a": "sKeyIdA", "skeyid_e": "sKeyIdE"}
    return case | {ours: found[theirs] for ours, theirs in names.items()}


def main(tool: str) -> None:
    """Write the file; its octets depend on nothing but the values."""
    lines = "".join(json.dumps(derived(tool, case)) + "\n" for case in cases())
    PLACE.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
