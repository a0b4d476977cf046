"""Counts in a file that many programs count in, one at a time, by a lock of a running cluster (docs/locks.md).

    pip install -r requirements.txt
    NATS_URL=nats://127.0.0.1:4222 python3 count.py numbers.json 10
"""
import asyncio, fcntl, json, os, sys, uuid
import nats

LOCKS = f"ork.v1.{os.environ.get('ORKESTRA_CLUSTER', 'main')}.lock"
LEASE_MS = int(os.environ.get("LEASE_MS", "10000"))


class Lock:
    def __init__(self, nc, key):
        self.nc, self.key = nc, key

    async def ask(self, verb, **word):
        """Asks until there is an answer: what is asked twice is done once."""
        while True:
            try:
                body = json.dumps(word).encode()
                answer = json.loads((await self.nc.request(f"{LOCKS}.{verb}", body, timeout=40)).data)
                if answer.get("code") not in ("UNAVAILABLE", "BUSY", "FULL"):
                    return answer
            except (nats.errors.Error, OSError):
                pass
            await asyncio.sleep(0.2)

    async def __aenter__(self):
        name, lease = f"count-{uuid.uuid4().hex}", LEASE_MS
        self.session = (await self.ask("open", name=name, lease_ms=lease, nonce=1))["session"]
        self.renewing = asyncio.create_task(self.renew())
        word = {"session": self.session, "request": 1, "locks": [{"key": self.key}]}
        answer = {"why": "waiting"}
        while answer.get("why") == "waiting":  # the same request keeps its place in the queue
            answer = await self.ask("acquire", wait_ms=600_000, **word)
        if not answer.get("granted"):
            raise SystemExit(answer["message"])
        self.held = answer["locks"]
        return self.held[0]["token"]

    async def renew(self):
        while (await self.ask("renew", session=self.session))["ok"]:
            await asyncio.sleep(LEASE_MS / 4000)

    async def __aexit__(self, *_):
        self.renewing.cancel()
        await self.ask("release", session=self.session, request=2, locks=self.held)
        await self.ask("close", session=self.session)


def read(file):
    file.seek(0)
    return json.loads(file.read() or '{"token": 0, "count": 0}')


def write(path, token, count):
    """Looks and writes in one step: whoever had the lock before a later holder is refused."""
    with open(path, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if token < (newest := read(file)["token"]):
            return f"refused: token {token} is older than {newest}"
        file.truncate(0)
        file.write(json.dumps({"token": token, "count": count}))
        return f"wrote {count} with token {token}"


async def main(path, times):
    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
    for _ in range(times):
        async with Lock(nc, "count") as token:
            with open(path, "a+") as file:
                count = read(file)["count"]
            print(f"read {count}", flush=True)
            await asyncio.sleep(float(os.environ.get("PAUSE", "0")))
            print(write(path, token, count + 1), flush=True)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
