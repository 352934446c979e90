"""A Maildir keeps the contract of replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.replica_contract import ReplicaContract
from tests.contract.worlds import MaildirWorld

if TYPE_CHECKING:
    from pathlib import Path


class TestMaildir(ReplicaContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> MaildirWorld:
        return MaildirWorld(tmp_path / "mail" / "INBOX")
