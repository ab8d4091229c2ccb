"""A MiniOICQ client on python3-websockets and python3-msgpack, driven line by line.

Arguments: the URL and, for JSON in text frames instead of MessagePack in binary ones, `json`. Each line of standard
input is a JSON object, sent as one frame; `{"base64": "..."}` within it stands for MessagePack's binary. Each frame that
comes in is printed as one line of JSON. `{"python": "close"}` closes the connection; when it is closed, however that came,
its code is printed as `{"closed": code}`.
"""

import asyncio
import base64
import json
import sys

import msgpack
import websockets


LINE_BYTES_MAX = 16 * 1024 * 1024


def bytes_of(value):
    return base64.b64decode(value["base64"]) if set(value) == {"base64"} else value


async def lines():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(LINE_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line, object_hook=bytes_of)


async def print_frames(socket, as_json):
    try:
        async for frame in socket:
            if isinstance(frame, str) != as_json:
                raise SystemExit("a frame was answered in the other encoding")
            print(json.dumps(json.loads(frame) if as_json else msgpack.unpackb(frame)), flush=True)
    except websockets.ConnectionClosedError:
        pass  # the line broke
    print(json.dumps({"closed": socket.close_code}), flush=True)


async def main(url, as_json):
    async with websockets.connect(url, max_size=None) as socket:
        printing = asyncio.create_task(print_frames(socket, as_json))
        async for request in lines():
            if request.get("python") == "close":
                break
            await socket.send(json.dumps(request) if as_json else msgpack.packb(request))
        await socket.close()
        await printing


asyncio.run(main(sys.argv[1], "json" in sys.argv[2:]))
