"""The data attributes of a transform as numbers: each once, and lifetimes as pairs of a type and a duration.

What a number may be depends on the attribute; what cannot be a number at all, or says one thing twice, makes the
transform unsupported here. So there is one reading of every transform, and the SA is what that reading says.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from daemon.ike.messages.payloads import DataAttribute
from daemon.ike.registries import IkeAttribute, IpsecAttribute, LifeType, Registry
from policydb.configuration.comparison import LONGEST_LIFE
from policydb.negotiation import Comparison, Difference


class Unsupported(Exception):  # noqa: N818 - a verdict on one transform, not an error of anybody's
    """A transform asks for what we cannot do; `attribute`, its `value` in words, and what would be `supported`."""

    def __init__(self, attribute: str, value: str | None, supported: str | None = None) -> None:
        super().__init__(f"{attribute} {value}" + (f", supported is {supported}" if supported else ""))
        self.attribute = attribute
        self.value = value
        self.supported = supported

    def comparison(self, offered: str) -> Comparison:
        """The same as a comparison with what is supported at all."""
        return Comparison(offered, "anything supported", (Difference(self.attribute, self.value, self.supported),))


_LIFE: dict[type[Registry], tuple[int, int]] = {
    IkeAttribute: (IkeAttribute.LIFE_TYPE, IkeAttribute.LIFE_DURATION),
    IpsecAttribute: (IpsecAttribute.SA_LIFE_TYPE, IpsecAttribute.SA_LIFE_DURATION),
}

_MOST_OCTETS = 8
"""What is longer is not even shown as a number."""

Attributes = tuple[dict[int, int], dict[LifeType, int]]


def collect(attributes: Sequence[DataAttribute], names: type[Registry], known: Container[int]) -> Attributes:
    """Numbers by attribute, and durations by life type. Raises Unsupported.

    A duration belongs to the life type before it (RFC 2407 section 4.5). Of no kilobytes at all nothing could be sent,
    so 0 kilobytes mean that there is no such limit, and are as if they were left out.
    """
    life_type, life_duration = _LIFE[names]
    values: dict[int, int] = {}
    lives: dict[LifeType, int] = {}
    pending: LifeType | None = None
    for attribute in attributes:
        name, number = str(names(attribute.type)), attribute.number
        if attribute.type == life_duration and pending is not None:
            if pending in lives or not pending.known:
                reason = "given twice" if pending.known else "no life type"
                raise Unsupported(name, f"of {pending}, which is {reason}")
            lives[pending], pending = _duration(name, pending, attribute), None
        elif number is None:
            raise Unsupported(name, "longer than 8 octets" if attribute.value else "without a value")
        elif attribute.type == life_type and pending is None:
            pending = LifeType(number)
        elif attribute.type in known and attribute.type not in values:
            values[attribute.type] = number
        else:
            raise Unsupported(name, str(number))
    if pending is not None:
        raise Unsupported("life type", f"{pending} without a duration")
    return values, {kind: number for kind, number in lives.items() if number}


def _duration(name: str, kind: LifeType, attribute: DataAttribute) -> int:
    """A duration that an SA can have and policy can compare, in any form and with any number of zeros in front."""
    digits = attribute.value.to_bytes(2) if isinstance(attribute.value, int) else attribute.value
    significant = digits.lstrip(b"\0")
    number = int.from_bytes(significant[:_MOST_OCTETS])
    unit = str(kind).lower()
    if len(significant) > _MOST_OCTETS or number > LONGEST_LIFE:
        shown = f"{number} {unit}" if len(significant) <= _MOST_OCTETS else f"{unit} in {len(significant)} octets"
        raise Unsupported(name, shown, f"up to {LONGEST_LIFE} {unit}")
    if not digits or (number == 0 and kind is LifeType.SECONDS):
        raise Unsupported(name, f"{number} {unit}" if digits else f"no number of {unit}", f"1 {unit[:-1]} at least")
    return number
