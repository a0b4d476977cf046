"""An agent in Python: joins a running cluster, takes tasks, tells how far it is.

    pip install -r requirements.txt
    NATS_URL=nats://127.0.0.1:4222 python3 agent.py

It counts words: {"text": "a b c"} becomes {"words": 3}. docs/nats.md has the protocol.
"""
import asyncio, json, os, uuid
import nats

NAME = os.environ.get("AGENT_NAME", "counter")
AGENT = f"ork.v1.{os.environ.get('ORKESTRA_CLUSTER', 'main')}.agent.{NAME}"
SESSION = uuid.uuid4().hex
working = {}  # what it holds: the key of each attempt, and who works on it


async def count_words(task, tell):
    words = task["input"]["text"].split()
    for done in range(1, len(words) + 1):
        await asyncio.sleep(task["input"].get("pause", 0))
        await tell("progress", percent=100 * done / len(words), message=f"{done} words")
    return {"words": len(words), "attempt": task["attempt"]}


async def ask(nc, what, **word):
    """Asks until there is an answer: what is said twice does no harm."""
    while True:
        try:
            answer = await nc.request(f"{AGENT}.{what}", json.dumps(word).encode(), timeout=5)
            return json.loads(answer.data)
        except (nats.errors.Error, OSError):
            if what == "beat":  # nobody hosts this agent now
                return {"code": "UNKNOWN_SESSION"}
            await asyncio.sleep(0.5)


async def join(nc):
    while True:
        answer = await ask(nc, "join", name=NAME, session=SESSION, capacity=2, kind="python")
        if answer["ok"]:
            return answer
        if answer["code"] in ("REPLACED", "CONFLICT", "INVALID"):
            raise SystemExit(answer["message"])
        await asyncio.sleep(0.5)


async def work(nc, task):
    def tell(kind, **word):
        return ask(nc, "say", session=SESSION, key=task["key"], type=kind, **word)
    try:
        await tell("completed", output=await count_words(task, tell))
    except BaseException as error:
        await tell("failed", message=repr(error))
    finally:
        working.pop(task["key"], None)


async def main():
    async def heard(message):
        word = json.loads(message.data)
        if word["type"] == "cancel" and word["key"] in working:
            working[word["key"]].cancel()
        elif word["type"] == "assign" and word["key"] not in working:
            working[word["key"]] = asyncio.create_task(work(nc, word))

    nc = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"),
                            max_reconnect_attempts=-1, reconnect_time_wait=0.2)
    await nc.subscribe(f"{AGENT}.work", cb=heard)
    every = (await join(nc))["beat_every_ms"] / 1000
    while True:
        answer = await ask(nc, "beat", session=SESSION, held=list(working))
        if answer.get("code"):
            await join(nc)
        for key in set(answer.get("drop", [])) & set(working):
            working[key].cancel()
        await asyncio.sleep(every)


asyncio.run(main())
