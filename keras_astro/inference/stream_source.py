"""Where a stream's packets come from; each is confirmed once its row is on disk."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    """The bytes of one message, and what to call it.

    Args:
        name: Unique in its source.
        data: Avro in any framing.
    """

    name: str
    data: bytes


class PacketSource(abc.ABC):
    """Packets in order; what is confirmed does not come again."""

    @abc.abstractmethod
    def poll(self, count: int, seconds: float) -> list[Packet]:
        """Up to `count` packets, after at most `seconds`; fewer where no more came."""

    @property
    @abc.abstractmethod
    def exhausted(self) -> bool:
        """Whether no further packet can come."""

    @abc.abstractmethod
    def confirm(self, packets: Sequence[Packet]) -> None:
        """Remembers, beyond a crash, that packets are dealt with."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives back what is held."""
