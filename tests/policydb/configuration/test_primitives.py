"""What can be computed here: every word of isakmpd.conf(5) that is known, and libraries that lack something."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from policydb.configuration.primitives import LackingError, block_cipher, curve, lacking
from policydb.configuration.vocabulary import GROUPS, IKE_ENCRYPTION, IKE_HASH
from tests.policydb.confs import altered, findings, shown
from tests.policydb.test_isakmpd_conf_rows import main_mode, quick_mode

NEVER = {"DES_CBC", "IDEA_CBC", "RC5_R16_B64_CBC", "EC2N_155", "EC2N_185", "BP_224"}


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """What a test pretends is not remembered."""
    yield
    for each in (block_cipher, curve, lacking):
        each.cache_clear()


def _forget() -> None:
    for each in (block_cipher, curve, lacking):
        each.cache_clear()


@pytest.mark.parametrize("word", [*IKE_ENCRYPTION, *IKE_HASH, *GROUPS])
def test_a_word_is_computed_or_it_is_said_why_not(word: str) -> None:
    assert bool(lacking(word)) is (word in NEVER)


@pytest.mark.parametrize("word", ["", "AES", "BP_", "ECP_", "\0", "ANY "])
def test_no_other_word_is_computed(word: str) -> None:
    assert lacking(word)


@pytest.mark.parametrize(("word", "name"), [("CAST_CBC", "CAST5"), ("BLOWFISH_CBC", "Blowfish")])
def test_a_cipher_that_the_library_has_dropped_is_lacking(
    word: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget()
    monkeypatch.delattr(f"cryptography.hazmat.decrepit.ciphers.algorithms.{name}")
    assert lacking(word) == f"the installed cryptography package has no {name} any more"
    with pytest.raises(LackingError):
        block_cipher(word)


def test_a_module_that_the_library_has_dropped_is_lacking_with_its_ciphers(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget()
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.decrepit.ciphers.algorithms", None)
    assert "any more" in lacking("3DES_CBC")
    assert lacking("AES_CBC") == ""


def test_a_curve_that_the_library_has_dropped_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget()
    monkeypatch.delattr("cryptography.hazmat.primitives.asymmetric.ec.BrainpoolP384R1")
    assert "BrainpoolP384R1" in lacking("BP_384")


def test_a_curve_that_openssl_does_not_do_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm

    def refuse(*_: object) -> None:
        raise UnsupportedAlgorithm("curve")

    _forget()
    monkeypatch.setattr("cryptography.hazmat.primitives.asymmetric.ec.derive_private_key", refuse)
    assert lacking("ECP_192") == "the OpenSSL under the cryptography package has no curve secp192r1"


def test_a_hash_that_the_system_forbids_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    new = hashlib.new

    def without_md5(name: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - hashlib's own
        if name == "md5":
            raise ValueError("disabled for FIPS")
        return new(name, *args, **options)

    _forget()
    monkeypatch.setattr(hashlib, "new", without_md5)
    assert "md5" in lacking("MD5")
    text = altered(("AES-SHA2-256-GRP14", "AES-MD5-GRP14"))
    (error,) = findings(text)
    assert shown(text, error) == ("CF214", "AES-MD5-GRP14")
    assert error.hint == "take SHA2_256"


OLD_CIPHERS = """
from policydb.configuration.primitives import lacking
from daemon.ike.algorithms.ciphers import CIPHERS
print([word for word in ("AES_CBC", "3DES_CBC", "BLOWFISH_CBC", "CAST_CBC") if lacking(word)], *map(str, CIPHERS))
"""


def test_without_openssls_legacy_provider_old_ciphers_are_errors_when_compiled_and_not_negotiated() -> None:
    environment = os.environ | {"CRYPTOGRAPHY_OPENSSL_NO_LEGACY": "1"}
    found = subprocess.run(
        [sys.executable, "-c", OLD_CIPHERS], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "['BLOWFISH_CBC', 'CAST_CBC'] 3DES_CBC AES_CBC"


# --- when a file is compiled --------------------------------------------------------------------------------------

NOT_COMPUTED = {
    "ENCRYPTION_ALGORITHM": "DES_CBC IDEA_CBC RC5_R16_B64_CBC",
    "GROUP_DESCRIPTION": "EC2N_155 EC2N_185 BP_224",
}


@pytest.mark.parametrize(
    ("tag", "value"), [(tag, value) for tag, values in NOT_COMPUTED.items() for value in values.split()]
)
def test_a_value_of_the_manual_that_nothing_here_computes_is_an_error_at_compile_time(tag: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"CF214.*{tag}={value} cannot be negotiated"):
        main_mode(**{tag: value})


@pytest.mark.parametrize("value", NOT_COMPUTED["GROUP_DESCRIPTION"].split())
def test_so_is_a_group_of_quick_mode(value: str) -> None:
    with pytest.raises(ValueError, match="CF214"):
        quick_mode(GROUP_DESCRIPTION=value)
