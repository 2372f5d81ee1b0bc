"""Lifetimes and other attributes of a transform: one reading each, or the transform is skipped with a reason."""

from __future__ import annotations

import pytest

from daemon.ike.messages.attributes import Unsupported, collect
from daemon.ike.messages.payloads import DataAttribute
from daemon.ike.registries import IkeAttribute, IpsecAttribute, LifeType, Registry

MOST = 2**31 - 1
PHASES: list[tuple[type[Registry], int, int]] = [(IkeAttribute, 11, 12), (IpsecAttribute, 1, 2)]
"""The numbers of life type and duration in RFC 2409 appendix A and RFC 2407 section 4.5."""


def lives(phase: tuple[type[Registry], int, int], *pairs: tuple[str, int | bytes]) -> dict[LifeType, int]:
    """What a transform with only these attributes says: "type" and "duration" in the numbers of the phase."""
    names, life_type, duration = phase
    kinds = {"type": life_type, "duration": duration}
    return collect([DataAttribute(kinds[word], value) for word, value in pairs], names, frozenset())[1]


@pytest.mark.parametrize("phase", PHASES, ids=["phase 1", "phase 2"])
class TestLives:
    @pytest.mark.parametrize("kind", [1, 2])
    @pytest.mark.parametrize(
        ("written", "number"),
        [
            (3600, 3600),
            (65535, 65535),
            (b"\x0e\x10", 3600),
            (bytes(2) + b"\x0e\x10", 3600),
            (bytes(14) + b"\x0e\x10", 3600),
            (bytes(500) + b"\1", 1),
            (MOST.to_bytes(4), MOST),
            (MOST.to_bytes(8), MOST),
            (MOST.to_bytes(300), MOST),
        ],
    )
    def test_a_number_is_the_same_in_every_form(
        self, phase: tuple[type[Registry], int, int], kind: int, written: int | bytes, number: int
    ) -> None:
        assert lives(phase, ("type", kind), ("duration", written)) == {LifeType(kind): number}

    @pytest.mark.parametrize(("kind", "unit"), [(1, "seconds"), (2, "kilobytes")])
    @pytest.mark.parametrize("number", [MOST + 1, 2**32 - 1, 2**32, 2**32 + 60, 2**63, 2**64 - 1, 2**64, 2**64 + 60])
    @pytest.mark.parametrize("zeros", [0, 1, 40])
    def test_more_than_policy_can_compare_is_skipped(
        self, phase: tuple[type[Registry], int, int], kind: int, unit: str, number: int, zeros: int
    ) -> None:
        octets = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
        with pytest.raises(Unsupported) as caught:
            lives(phase, ("type", kind), ("duration", octets))
        (difference,) = caught.value.comparison("the offer").differences
        assert difference.attribute.endswith("LIFE_DURATION")
        assert unit in str(difference.offered)
        assert difference.configured == f"up to {MOST} {unit}"

    def test_a_duration_of_a_whole_message_is_refused_in_few_words(
        self, phase: tuple[type[Registry], int, int]
    ) -> None:
        with pytest.raises(Unsupported, match="seconds in 65535 octets"):
            lives(phase, ("type", 1), ("duration", b"\xff" * 65535))

    def test_no_kilobytes_are_no_limit(self, phase: tuple[type[Registry], int, int]) -> None:
        for zero in (0, b"\0", bytes(4), bytes(100)):
            assert lives(phase, ("type", 2), ("duration", zero), ("type", 1), ("duration", 60)) == {
                LifeType.SECONDS: 60
            }

    @pytest.mark.parametrize(
        "pairs",
        [
            [("type", 1), ("duration", 0)],
            [("type", 1), ("duration", bytes(8))],
            [("type", 1), ("duration", b"")],
            [("type", 2), ("duration", b"")],
            [("type", b""), ("duration", 60)],
            [("type", 1)],
            [("duration", 60)],
            [("type", 1), ("type", 2), ("duration", 60)],
            [("type", 1), ("duration", 60), ("duration", 60)],
            [("type", 1), ("duration", 60), ("type", 1), ("duration", 60)],
            [("type", 1), ("duration", 60), ("type", 1), ("duration", 86400)],
            [("type", 2), ("duration", 0), ("type", 2), ("duration", 5000)],
            [("type", 2), ("duration", 5000), ("type", 2), ("duration", 0)],
            [("type", 0), ("duration", 60)],
            [("type", 3), ("duration", 60)],
            [("type", 1), ("duration", 60), ("type", 2)],
        ],
        ids=str,
    )
    def test_what_has_two_readings_or_none_is_skipped(
        self, phase: tuple[type[Registry], int, int], pairs: list[tuple[str, int | bytes]]
    ) -> None:
        with pytest.raises(Unsupported):
            lives(phase, *pairs)


def test_other_attributes_may_stand_between_a_type_and_its_duration() -> None:
    between = [DataAttribute(1, 1), DataAttribute(4, 1), DataAttribute(2, 600)]
    assert collect(between, IpsecAttribute, frozenset({4})) == ({4: 1}, {LifeType.SECONDS: 600})
