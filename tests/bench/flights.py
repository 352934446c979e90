"""How many round trips a connection took, told from what passed and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Connection:
    """What one connection carried.

    `trips` is the longest chain of octets to the server, each sent after its sender had octets that the server sent
    after the one before: for a program that waits for each answer the number of its commands, for one that sends
    everything at once 1. An answer that streams does not count again with every piece of it.
    """

    up: int = 0
    down: int = 0
    trips: int = 0
    _known_to_server: int = 0
    _known_to_client: int = 0

    def sent(self, size: int) -> int:
        """Count octets that leave the client and return the flight they belong to."""
        self.up += size
        self.trips = max(self.trips, self._known_to_client + 1)
        return self._known_to_client + 1

    def reached_server(self, flight: int) -> None:
        """Note that octets of a flight arrived: what the server sends from now on may answer them."""
        self._known_to_server = max(self._known_to_server, flight)

    def answered(self, size: int) -> int:
        """Count octets that leave the server and return the last flight they may answer."""
        self.down += size
        return self._known_to_server

    def reached_client(self, flight: int) -> None:
        """Note that an answer to a flight arrived: what the client sends from now on is the next."""
        self._known_to_client = max(self._known_to_client, flight)


@dataclass(frozen=True)
class Traffic:
    """What all connections of one run carried; round trips are those of all together and of the one with the most."""

    connections: int
    up: int
    down: int
    trips: int
    most_trips: int

    def __add__(self, other: Traffic) -> Traffic:
        """What two networks carried."""
        return Traffic(
            connections=self.connections + other.connections,
            up=self.up + other.up,
            down=self.down + other.down,
            trips=self.trips + other.trips,
            most_trips=max(self.most_trips, other.most_trips),
        )

    @classmethod
    def of(cls, connections: list[Connection]) -> Traffic:
        """Sum up."""
        return cls(
            connections=len(connections),
            up=sum(each.up for each in connections),
            down=sum(each.down for each in connections),
            trips=sum(each.trips for each in connections),
            most_trips=max((each.trips for each in connections), default=0),
        )
