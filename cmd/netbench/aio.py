"""The servers of the workloads on asyncio's streams, or on uvloop: see load."""

import asyncio
import os
import sys

rooms = {}


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def chat(reader, writer):
    try:
        room = rooms.setdefault(await reader.readline(), {})
        lines = asyncio.Queue(64)
        room[lines] = True
        send = asyncio.create_task(sender(lines, writer))
        try:
            lines.put_nowait(b"welcome\n")
            while line := await reader.readline():
                for other in room:
                    if other is not lines and not other.full():
                        other.put_nowait(line)
        finally:
            del room[lines]
            send.cancel()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def sender(lines, writer):
    while True:
        writer.write(await lines.get())
        await writer.drain()


async def main(handle):
    server = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=1024)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


handlers = {"echo": echo, "chat": chat}
if sys.argv[-1] not in handlers:
    sys.exit(3)
if os.environ.get("PEERS_LOOP") == "uvloop":
    import uvloop

    uvloop.install()
asyncio.run(main(handlers[sys.argv[-1]]))
