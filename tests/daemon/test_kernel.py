"""daemon/kernel.py: the kernel in memory keeps the promises of a kernel (RFC 4301, RFC 4303)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

import pytest

from daemon.ike.events import SecurityAssociation
from daemon.kernel import LARVAL_SECONDS, LOWEST_SPI, KernelError, MemoryKernel
from policydb.connections import Identity

_T = TypeVar("_T")

SA = SecurityAssociation(
    spi=0x1234,
    protocol="ESP",
    source="192.0.2.1",
    destination="192.0.2.2",
    source_selector=Identity("IPV4_ADDR"),
    destination_selector=Identity("IPV4_ADDR"),
    encapsulation="TUNNEL",
    encryption="AES",
    encryption_key=bytes(16),
    authentication="HMAC_SHA2_256",
    authentication_key=bytes(32),
    replay_window=16,
    soft_seconds=1080,
    hard_seconds=1200,
    hard_kilobytes=None,
    udp_ports=None,
    inbound=True,
    connection="west-east",
)


def run(work: Coroutine[object, object, _T]) -> _T:
    return asyncio.run(work)


def numbers(*values: int) -> Callable[[int], bytes]:
    left = iter(values)
    return lambda count: next(left).to_bytes(count, "big")


def test_an_spi_is_never_reserved_nor_used_already() -> None:
    kernel = MemoryKernel(numbers(0, 0xFF, 0x100, 0x100, 0x1234, 0x2000), clock=lambda: 0)
    run(kernel.install([replace(SA, destination="192.0.2.9")]))
    first = run(kernel.allocate_spi("ESP", "192.0.2.9", "192.0.2.2"))
    second = run(kernel.allocate_spi("ESP", "192.0.2.9", "192.0.2.2"))
    assert (first, second) == (LOWEST_SPI, 0x2000)


def test_an_spi_that_no_sa_took_is_free_again_after_a_while() -> None:
    now = [0.0]
    kernel = MemoryKernel(numbers(0x500, 0x500), clock=lambda: now[0])
    run(kernel.allocate_spi("ESP", "a", "b"))
    now[0] = LARVAL_SECONDS + 1
    assert run(kernel.allocate_spi("ESP", "a", "b")) == 0x500


def test_sas_are_installed_all_or_none() -> None:
    kernel = MemoryKernel(os.urandom, clock=lambda: 0)
    run(kernel.install([SA]))
    with pytest.raises(KernelError, match=r"ESP SA 00001234 to 192\.0\.2\.2 exists"):
        run(kernel.install([replace(SA, spi=0x9999), SA]))
    with pytest.raises(KernelError):
        run(kernel.install([replace(SA, spi=0x8888), replace(SA, spi=0x8888)]))
    with pytest.raises(KernelError, match="reserved"):
        run(kernel.install([replace(SA, spi=0xFF)]))
    assert kernel.dump() == (SA,)


def test_deleting_what_is_gone_is_no_error() -> None:
    kernel = MemoryKernel(os.urandom, clock=lambda: 0)
    run(kernel.install([SA]))
    run(kernel.delete([("ESP", "192.0.2.2", 0x1234), ("ESP", "192.0.2.2", 0x1234)]))
    assert kernel.dump() == ()
    run(kernel.install([SA]))
