"""Pre-shared keys of isakmpd.conf: read by the daemon itself, since secrets never enter the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grammar.nodes import Binding
from policydb.sealing import SecretError, is_key, preshared_key, secret_reference


class KeyStore:
    """Keys by the reference that the store has in their place (policydb.sealing); never printed."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """`keys` by reference."""
        self._keys = dict(keys)

    def __repr__(self) -> str:
        return f"<KeyStore of {len(self._keys)} keys>"

    def preshared_key(self, reference: str) -> bytes | None:
        """The key's octets, or None where there is none."""
        return self._keys.get(reference)


def keys_of(bindings: Iterable[Binding]) -> tuple[KeyStore, tuple[str, ...]]:
    """The keys of a file, the first of a section counts; and what is wrong with those that cannot be used."""
    keys: dict[str, bytes] = {}
    wrong: list[str] = []
    for each in bindings:
        reference = secret_reference(each.section)
        if not is_key(each) or reference in keys:
            continue
        try:
            keys[reference] = preshared_key(each.value)
        except SecretError as error:
            wrong.append(f"line {each.span.line}: [{each.section}]:Authentication: {error}")
    return KeyStore(keys), tuple(wrong)
