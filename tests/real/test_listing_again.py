"""A connection that is kept lists folders as they are now, not as they were when it had one of them open."""

from __future__ import annotations

import pytest
from tests.real.caller import calling
from tests.real.voyage import Voyage, message

from postboat.model import INBOX

pytestmark = pytest.mark.real


@pytest.mark.parametrize("server", ["dovecot", "dovecot_sdbox", "cyrus", "courier", "pymap"])
async def test_news_in_a_folder_that_is_still_open_shows_in_the_next_list(request, tmp_path, server: str) -> None:
    voyage = Voyage(tmp_path, request.getfixturevalue(server).account())
    voyage.deliver(message(1))
    async with calling(voyage.account) as caller, caller.call() as (folders, pool):
        before = (await folders.list(known=(INBOX,))).find(INBOX)
        async with pool.session() as session:
            await session.select("INBOX")
        voyage.deliver(message(2))
        after = (await folders.list(known=(INBOX,))).find(INBOX)
    assert before.glimpse is not None
    assert before.glimpse != after.glimpse
