"""Pre-shared keys and passwords of isakmpd.conf: read by the daemon itself, since secrets never enter the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grammar.nodes import Binding
from policydb.configuration.sealing import SecretError, is_key, secret_octets, secret_reference


class KeyStore:
    """Keys by the reference that the store has in their place (policydb.configuration.sealing); never printed."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by reference."""
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"<KeyStore of {len(self._keys)} keys>"

    def preshared_key(self, reference: str) -> bytes | None:
        """The octets of a key or password, or None where there is none."""
        return self._keys.get(reference)

    def with_keys(self, keys: Mapping[str, bytes]) -> KeyStore:
        """The same with these besides, or in the place of those with the same reference."""
        return KeyStore(self._keys | dict(keys)) if keys else self


def keys_of(bindings: Iterable[Binding]) -> KeyStore:
    """The keys of a file; the first value of a section counts. What is no key is left out, and the compiler says so."""
    keys: dict[str, bytes | None] = {}
    for each in bindings:
        reference = secret_reference(each.section, each.tag)
        if is_key(each) and reference not in keys:
            keys[reference] = _octets(each)
    return KeyStore({reference: key for reference, key in keys.items() if key is not None})


def _octets(binding: Binding) -> bytes | None:
    try:
        return secret_octets(binding.section, binding.tag, binding.value)
    except SecretError:
        return None
