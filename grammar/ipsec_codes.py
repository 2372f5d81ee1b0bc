"""The stable codes of what can be wrong with an ipsec.conf, and their meanings (docs/diagnostics.md)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class IpsecCode(StrEnum):
    """A code never changes its meaning and is never given away again."""

    SYNTAX = "IP001"
    UNKNOWN_MACRO = "IP002"
    MACRO_NAME = "IP003"
    INCLUDE = "IP004"
    HOST = "IP101"
    FAMILIES = "IP102"
    NAT = "IP103"
    PROTOCOL = "IP104"
    PORT = "IP105"
    TRANSFORM = "IP106"
    LIFETIME = "IP107"
    SPI = "IP108"
    KEY = "IP109"
    KIND = "IP110"
    NO_PEER = "IP111"
    INTERFACE = "IP112"
    ILLEGAL = "IP113"
    DEFAULT_PEER = "IP114"
    NOT_COMPILED = "IP115"
    NO_PRINCIPAL = "IP116"
    REPLACED = "IP117"
    TOO_MANY = "IP118"
    SAME_PEER = "IP119"


MEANINGS: Mapping[IpsecCode, str] = {
    IpsecCode.SYNTAX: "a line that is no macro, no include and no rule",
    IpsecCode.UNKNOWN_MACRO: "a macro that was not defined before it is used",
    IpsecCode.MACRO_NAME: "a macro whose name has blanks",
    IpsecCode.INCLUDE: "a file to include that cannot be read",
    IpsecCode.HOST: "no address, network, interface or name that can be looked up",
    IpsecCode.FAMILIES: "from and to have no address family in common",
    IpsecCode.NAT: "source NAT where it cannot be, or of another address family",
    IpsecCode.PROTOCOL: "an unknown protocol, or ports without tcp or udp",
    IpsecCode.PORT: "an unknown port",
    IpsecCode.TRANSFORM: "an unknown or repeated transform, or one that another makes needless",
    IpsecCode.LIFETIME: "a lifetime that is no number of seconds, minutes (m) or hours (h)",
    IpsecCode.SPI: "an SPI that is none, or a reserved one",
    IpsecCode.KEY: "a static key that is missing, of the wrong length, not hexadecimal or in an unusable file",
    IpsecCode.KIND: "an algorithm that this kind of SA does not take",
    IpsecCode.NO_PEER: "a flow without peer towards a network",
    IpsecCode.INTERFACE: "no name of a sec(4) interface",
    IpsecCode.ILLEGAL: "an algorithm, a group or a protocol that cannot be negotiated",
    IpsecCode.DEFAULT_PEER: "warning: two rules for any peer that differ where they share one setting",
    IpsecCode.NOT_COMPILED: "warning: a flow or a static SA, which the store does not hold",
    IpsecCode.NO_PRINCIPAL: "warning: nothing names the peer's key, so only its identity and address are asked",
    IpsecCode.REPLACED: "warning: a rule takes the place of an earlier one for the same traffic",
    IpsecCode.TOO_MANY: "lists behind from and to that come to more combinations than one rule may stand for",
    IpsecCode.SAME_PEER: "warning: two rules for one peer that differ in what they share; the later one counts",
}
