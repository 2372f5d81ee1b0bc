"""Points as octets: SEC 1, RFC 8032, against arithmetic of the tests' own and against a library."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from grammar.curves import P256, P384, P521, Curve, CurveError, ed25519_octets, octets, point

Q = 2**255 - 19
D = -121665 * pow(121666, -1, Q) % Q


def x_of(y: int) -> int | None:
    """RFC 8032 section 5.1.3: an x that belongs to y, None where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, Q) % Q
    root = pow(square, (Q + 3) // 8, Q)
    if root * root % Q != square:
        root = root * pow(2, (Q - 1) // 4, Q) % Q
    return root if root * root % Q == square else None


def doubled(point: tuple[int, int]) -> tuple[int, int]:
    x, y = point
    k = D * x * x * y * y % Q
    return 2 * x * y * pow(1 + k, -1, Q) % Q, (y * y + x * x) * pow(1 - k, -1, Q) % Q


def order_8_points() -> list[tuple[int, int]]:
    """By halving: points whose third doubling is the neutral element, found among multiples of the group's order."""
    large = 2**252 + 27742317777372353535851937790883648493
    found = set()
    for y in range(2, 60):
        x = x_of(y)
        if x is None:
            continue
        found.add(times(large, (x, y)))
    return sorted(found)


def added(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    (x1, y1), (x2, y2) = one, other
    k = D * x1 * x2 * y1 * y2 % Q
    return (x1 * y2 + x2 * y1) * pow(1 + k, -1, Q) % Q, (y1 * y2 + x1 * x2) * pow(1 - k, -1, Q) % Q


def times(number: int, point: tuple[int, int]) -> tuple[int, int]:
    result = (0, 1)
    while number:
        if number & 1:
            result = added(result, point)
        point = doubled(point)
        number >>= 1
    return result


def test_keys_of_small_order_are_refused_all_of_them() -> None:
    """By such a key (RFC 8032 is silent) one signature is good for every text, or for many."""
    points = order_8_points()
    assert {y for _, y in points} | {0} >= {0, 1, Q - 1}
    assert len({y for _, y in points}) == 5
    for x, y in points:
        octets = bytearray(y.to_bytes(32, "little"))
        octets[31] |= (x & 1) << 7
        with pytest.raises(CurveError, match="small order"):
            ed25519_octets(bytes(octets))


@pytest.mark.parametrize("y", [Q, Q + 1, Q + 2, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_second_way_to_write_a_key_is_refused(y: int, sign: int) -> None:
    with pytest.raises(CurveError, match="no point"):
        ed25519_octets((y | sign << 255).to_bytes(32, "little"))


CURVES: list[tuple[Curve, ec.EllipticCurve]] = [
    (P256, ec.SECP256R1()),
    (P384, ec.SECP384R1()),
    (P521, ec.SECP521R1()),
]
every_curve = pytest.mark.parametrize(("curve", "library"), CURVES, ids=lambda each: each.name)


@every_curve
@given(scalar=st.integers(min_value=1, max_value=2**255))
def test_points_survive_both_forms(curve: Curve, library: ec.EllipticCurve, scalar: int) -> None:
    numbers = ec.derive_private_key(scalar, library).public_key().public_numbers()
    x, y = (each.to_bytes(curve.octets, "big") for each in (numbers.x, numbers.y))
    assert point(curve, octets(curve, numbers.x, numbers.y)) == (numbers.x, numbers.y)
    assert point(curve, b"\x04" + x + y) == (numbers.x, numbers.y)


@every_curve
@given(data=st.data(), form=st.sampled_from([b"\x02", b"\x03"]))
def test_an_x_without_a_point_is_refused_as_the_library_refuses_it(
    curve: Curve, library: ec.EllipticCurve, data: st.DataObject, form: bytes
) -> None:
    x = data.draw(st.integers(min_value=0, max_value=curve.p - 1)).to_bytes(curve.octets, "big")
    try:
        expected = ec.EllipticCurvePublicKey.from_encoded_point(library, form + x).public_numbers()
    except ValueError:
        with pytest.raises(CurveError):
            point(curve, form + x)
    else:
        assert point(curve, form + x) == (expected.x, expected.y)


@every_curve
@given(data=st.binary(max_size=140))
def test_other_octets_are_no_point(curve: Curve, library: ec.EllipticCurve, data: bytes) -> None:
    try:
        x, y = point(curve, data)
    except CurveError:
        return
    assert data[1 : 1 + curve.octets] == x.to_bytes(curve.octets, "big")
    ec.EllipticCurvePublicNumbers(x, y, library).public_key()


@every_curve
def test_a_coordinate_beyond_the_prime_is_refused(curve: Curve, library: ec.EllipticCurve) -> None:
    numbers = ec.derive_private_key(7, library).public_key().public_numbers()
    beyond = (numbers.x + curve.p) % 2 ** (8 * curve.octets)
    with pytest.raises(CurveError):
        point(curve, b"\x02" + beyond.to_bytes(curve.octets, "big"))
