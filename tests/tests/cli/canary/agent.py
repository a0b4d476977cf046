"""An agent that cannot keep anything to itself. Its mode says how its attempts end."""

import json
import os
import signal
import sys

home = os.path.dirname(os.path.abspath(sys.argv[0]))
mode = sys.argv[1]
assignment = json.loads(sys.stdin.readline())
first = assignment["attempt"] == 1


def say(**line):
    # Once as UTF-8, once in ASCII.
    print(json.dumps(line, ensure_ascii=first), flush=True)


def meet():
    """Says that it is there, and waits until it may go on."""
    with open(f"{home}/here-{mode}", "w") as here:
        here.write(str(os.getpid()))
    with open(f"{home}/go-{mode}") as go:
        go.read()


if mode == "gossip":
    meet()
    with open("/proc/self/limits") as limits:
        core = [line for line in limits if "core" in line][0].split()
    with open("/proc/self/stat") as stat:
        group, session = stat.read().rsplit(")", 1)[1].split()[2:4]
    say(
        type="completed",
        output={
            "environment": dict(os.environ),
            "arguments": sys.argv,
            "folder": os.getcwd(),
            "mode": oct(os.stat(".").st_mode & 0o777),
            "umask": oct(os.umask(0)),
            "core": core[4:6],
            "leads_group": int(group) == os.getpid(),
        },
    )
    sys.exit()

known = [os.environ["ENV_SECRET"], os.environ["FILE_SECRET"], assignment["input"], assignment["results"]]
loud = " ".join(part if isinstance(part, str) else json.dumps(part) for part in known)
print(loud, file=sys.stderr)
print(json.dumps(known), file=sys.stderr, flush=True)
say(type="progress", percent=10, message=loud)

if first and mode == "bad":
    print("not of the protocol:", loud, flush=True)
elif first and mode == "fails":
    say(type="failed", message=loud)
elif first and mode == "crashes":
    sys.exit(3)
elif first and mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif mode == "made":
    meet()
    with open(f"{home}/made.txt") as made:
        say(type="completed", output={"made": made.read(), "heard": known})
else:
    say(type="completed", output={"heard": known, loud: loud})
