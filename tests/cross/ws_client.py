"""A MiniOICQ client on python3-websockets and python3-msgpack, driven line by line.

Each line of standard input is a JSON object, sent as one binary MessagePack frame. Each frame that comes in is printed
as one line of JSON. `{"python": "close"}` closes the connection.
"""

import asyncio
import json
import sys

import msgpack
import websockets


async def lines():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def print_frames(socket):
    async for frame in socket:
        if not isinstance(frame, bytes):
            raise SystemExit("a MessagePack client was answered with a text frame")
        print(json.dumps(msgpack.unpackb(frame)), flush=True)


async def main(url):
    async with websockets.connect(url, max_size=None) as socket:
        printing = asyncio.create_task(print_frames(socket))
        async for request in lines():
            if request.get("python") == "close":
                break
            await socket.send(msgpack.packb(request))
        printing.cancel()


asyncio.run(main(sys.argv[1]))
