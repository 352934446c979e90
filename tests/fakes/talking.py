"""A session with a server whose part a test's coroutine plays."""

import asyncio
from contextlib import asynccontextmanager

from tests.fakes.dialogue import serving

from postboat.imap.connection import Connection
from postboat.imap.session import Session


def greets(*capabilities):
    """A greeting that says all that a session needs."""
    return f"* PREAUTH [CAPABILITY IMAP4rev1 {' '.join(capabilities)}] you are me"


@asynccontextmanager
async def talking(talk, *capabilities):
    """A session with a server that plays `talk` and then waits for us to hang up."""

    async def whole(server):
        server.say(greets(*capabilities))
        await talk(server)
        await server.farewell()

    async with serving(whole) as port:

        async def open_transport(factory):
            return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

        session = Session(await Connection.start(open_transport, timeout=5), "localhost:143")
        try:
            yield session
        finally:
            session.abort()
