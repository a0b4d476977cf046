"""Does what `grpcurl` would do with each line of a document, at another address.

    python as_printed.py ADDRESS DOCUMENT

Prints a line for each command: its method and the status of the call. Of a stream that goes on, the first
message is enough. A session that was opened on the way has the number that it was given.
"""

import json
import shlex
import sys

import grpc

from client import Service

ADDRESS, DOCUMENT = sys.argv[1:]
channel = grpc.insecure_channel(ADDRESS)
session = {}


def with_session(request):
    """The same request with the number of the session that it names."""
    named = request.get("session", request)
    if named.get("name") in session and "number" in named:
        named["number"] = session[named["name"]]
    return request


def call(path, data):
    service, method = path.split("/")
    answer = Service(channel, service).call(method, with_session(json.loads(data)), timeout=30)
    if not isinstance(answer, dict):
        answer = next(answer)
    if method == "OpenSession":
        session[answer["name"]] = int(answer["number"])


def told(words):
    """What becomes of a command, and what it is called."""
    assert words[:2] == ["grpcurl", "-plaintext"], words
    data = words[words.index("-d") + 1] if "-d" in words else "{}"
    rest = [word for word in words[2:] if word not in ("-d", data)]
    path = " ".join(rest[1:])
    if rest[1] == "list":
        described = Service(channel, "orchestrator.v1.OrchestratorService").database
        assert "orkestra.v1.TaskService" in described.get_services()
    elif rest[1] == "describe":
        assert Service(channel, rest[2]).described.methods
    else:
        call(path, data)
    return path


for line in open(DOCUMENT, encoding="utf-8"):
    if not line.startswith("grpcurl "):
        continue
    words = shlex.split(line)
    try:
        print(told(words), "OK", flush=True)
    except grpc.RpcError as error:
        print(words[-1], error.code().name, error.details(), flush=True)
