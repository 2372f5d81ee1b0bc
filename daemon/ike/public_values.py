"""Public values of ours that openings of aggressive mode share for a short while, so that each costs no power.

Message 2 of aggressive mode holds g^xr, and whoever can write a sender's address could have us compute one for each
datagram. So all openings get the same one, for some seconds, and until somebody has proved who he is with it: then it
has been used, and the next opening gets a new one. docs/decisions/0014-shared-public-values.md says why that is safe.
"""

from __future__ import annotations

from daemon.ike import limits
from daemon.ike.algorithms import dh
from daemon.ike.registries import Group


class PublicValues:
    """One key pair for each group, with the time from which it is too old. Times are the caller's, in seconds."""

    def __init__(self) -> None:
        self._pairs: dict[Group, tuple[float, dh.KeyPair]] = {}

    def pair(self, group: Group, random: dh.Random, now: float) -> dh.KeyPair:
        """The pair that an opening gets now."""
        until, pair = self._pairs.get(group, (now, None))
        if pair is None or until <= now:
            pair = dh.generate(group, random)
            self._pairs[group] = now + limits.PUBLIC_VALUE_SECONDS, pair
        return pair

    def retire(self, public: bytes) -> None:
        """Somebody has proved himself in an exchange with this value: no opening gets it any more."""
        for group, (_, pair) in tuple(self._pairs.items()):
            if pair.public == public:
                del self._pairs[group]
