"""The replica in memory keeps the contract: what is proved on it holds for the others."""

from __future__ import annotations

import pytest
from tests.contract.replica_contract import ReplicaContract
from tests.contract.worlds import MemoryWorld


class TestMemoryAsServer(ReplicaContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld("uid")


class TestMemoryAsMaildir(ReplicaContract):
    @pytest.fixture
    def world(self) -> MemoryWorld:
        return MemoryWorld("name")
