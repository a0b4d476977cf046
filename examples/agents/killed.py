"""An agent that is killed at its first attempt, and does its work at the next.

It speaks the json-lines protocol: one assignment in, one outcome out.
"""

import json
import os
import signal
import sys


def main() -> None:
    assignment = json.loads(sys.stdin.readline())
    if assignment["attempt"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    output = {"attempt": assignment["attempt"]}
    print(json.dumps({"type": "completed", "output": output}), flush=True)


if __name__ == "__main__":
    main()
