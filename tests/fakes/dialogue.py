"""A server for one dialogue: a test's coroutine plays it, line by line."""

import asyncio
import re
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager

PATIENCE = 5.0


class Dialogue:
    """The server's end of one connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.heard = []

    def say(self, *lines):
        self.writer.write(b"".join(line.encode() + b"\r\n" for line in lines))

    def ask(self, challenge=b""):
        self.say("+ " + b64encode(challenge).decode())

    async def hear(self):
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readuntil(b"\r\n")
        self.heard.append(line)
        return line[:-2].decode()

    async def hear_base64(self):
        return b64decode(await self.hear(), validate=True)

    async def command(self, pattern):
        """Expect a command; returns its tag. Literals are asked for or taken, and stand in the text as they are."""
        text = await self.hear()
        while match := re.search(r"\{(\d+)(\+?)\}$", text):
            if not match[2]:
                self.say("+ go on")
            data = await self.reader.readexactly(int(match[1]))
            text = f"{text[: match.start()]}{data.decode()}{await self.hear()}"
        tag, _, rest = text.partition(" ")
        assert re.fullmatch(pattern, rest, re.S), f"expected {pattern!r}, heard {rest!r}"
        return tag

    async def answer(self, pattern, *lines):
        """Expect a command and answer; the last line gets the command's tag in front."""
        tag = await self.command(pattern)
        self.say(*lines[:-1], f"{tag} {lines[-1]}")

    async def farewell(self):
        """Wait until the client hangs up; whatever it says before that is kept in `heard`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while line := await self.reader.readline():
                    self.heard.append(line)
        except ConnectionError:
            pass


@asynccontextmanager
async def serving(*talks, ssl=None):
    """Play `talks`, one for each connection in turn; gives the port. Fails when one of them failed or did not end."""
    waiting = list(talks)
    ended = [asyncio.get_running_loop().create_future() for _ in talks]

    async def serve(reader, writer):
        if not waiting:
            writer.close()
            return
        over, talk = ended[len(talks) - len(waiting)], waiting.pop(0)
        try:
            await talk(Dialogue(reader, writer))
            over.set_result(None)
        except Exception as error:
            over.set_exception(error)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        except BaseException:
            for over in ended:
                if over.done() and over.exception():
                    over.exception().add_note("the server's side failed")
                    raise over.exception() from None
                over.cancel()
            raise
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*ended)
