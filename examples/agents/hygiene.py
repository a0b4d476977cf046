#!/usr/bin/env python3
"""Hygiene: a command agent that looks for small carelessness in a repository.

It reads one JSON line, the assignment, and writes JSON lines: progress, then what it found or why
it failed. Rules: conflict (high), unparsable (medium: JSON, TOML), mixed_line_endings (low),
shebang_not_executable and executable_without_shebang (low). Nothing of the repository is run.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib

BYTES_MAX = 4 * 1024 * 1024
FINDINGS_MAX = 500
ORDER = ["critical", "high", "medium", "low", "info"]
# JSON with comments is what these tools want.
LENIENT_JSON = re.compile(r"(^|/)(tsconfig[^/]*|jsconfig[^/]*|\.vscode/[^/]*|\.eslintrc)\.json$")


def say(**message):
    print(json.dumps(message, sort_keys=True), flush=True)


def listing(path, commit):
    """The regular files of the commit as (path, executable)."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise ValueError(f"cannot review commit {commit[:80]!r}: it is not a full commit name")
    command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "-C", path]
    command += ["ls-tree", "-r", "-z", "--full-tree", commit]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    output = subprocess.run(command, check=True, capture_output=True, env=environment).stdout
    for line in sorted(filter(None, output.split(b"\0"))):
        head, _, name = line.partition(b"\t")
        mode = head.split(b" ")[0]
        if mode in (b"100644", b"100755"):
            yield name, mode == b"100755"


def read(workspace, name):
    """The bytes of a file in the workspace; None for links, large files and what leads outside."""
    path = os.path.join(os.fsencode(workspace), name)
    inside = os.path.realpath(path).startswith(os.path.realpath(os.fsencode(workspace)) + b"/")
    if not inside or os.path.islink(path) or not os.path.isfile(path):
        return None
    if os.path.getsize(path) > BYTES_MAX:
        return None
    with open(path, "rb") as file:
        return file.read()


def conflict(data):
    """The line of the first conflict that a merge left: all three marks, in order."""
    begun = parted = None
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.startswith(b"<" * 7 + b" "):
            begun, parted = number, None
        elif begun and line.rstrip(b"\r") == b"=" * 7:
            parted = number
        elif parted and line.startswith(b">" * 7 + b" "):
            return begun
    return None


def unparsable(name, data):
    """Why a data file does not parse, and the line; None when it does."""
    try:
        if name.endswith(".json") and not LENIENT_JSON.search(name):
            json.loads(data.decode("utf-8-sig"), parse_int=str)
        elif name.endswith(".toml"):
            tomllib.loads(data.decode("utf-8"))
    except json.JSONDecodeError as error:
        return error.msg, error.lineno
    except (ValueError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        return str(error)[:200], int(found.group(1)) if found else 1
    return None


def look(name, data, executable):
    """All findings of one file as (severity, rule, line, message, advice)."""
    if b"\0" in data[:8192]:
        return
    line = conflict(data)
    if line:
        yield "high", "conflict", line, "a merge left a conflict", "resolve it"
    broken = unparsable(name, data)
    if broken:
        yield "medium", "unparsable", broken[1], f"it does not parse: {broken[0]}", "correct it"
    windows = data.count(b"\r\n")
    if windows and windows != data.count(b"\n"):
        first = next(at for at, text in enumerate(data.split(b"\n"), 1) if text.endswith(b"\r"))
        message = "some lines end as on Windows, some do not"
        yield "low", "mixed_line_endings", first, message, "use one kind of line ending"
    shebang = data.startswith(b"#!/")
    if shebang and not executable:
        yield "low", "shebang_not_executable", 1, "a script that cannot be started", "chmod +x"
    if executable and data and not shebang:
        message = "executable, and not a script"
        yield "low", "executable_without_shebang", 1, message, "chmod -x, or add a shebang"


def review(assignment):
    repository = assignment["input"]["repository"]
    files = list(listing(repository["path"], repository["commit"]))
    findings, unread = [], 0
    for number, (raw, executable) in enumerate(files):
        if number % 500 == 0:
            say(type="progress", percent=number * 100 // len(files), message=f"{number} files")
        name, data = raw.decode("utf-8", "replace"), read(repository["workspace"], raw)
        if data is None:
            unread += 1
            continue
        for severity, rule, line, message, advice in look(name, data, executable):
            key = "\0".join(["hygiene", rule, name, message])
            findings.append({
                "id": hashlib.sha256(key.encode()).hexdigest()[:16], "rule": f"hygiene.{rule}",
                "severity": severity, "file": name, "line": line, "message": message,
                "advice": advice})
    findings.sort(key=lambda it: (ORDER.index(it["severity"]), it["file"], it["line"], it["rule"]))
    facts = {"files": len(files), "files_unread": unread,
             "findings_left_out": max(0, len(findings) - FINDINGS_MAX)}
    summary = f"{len(files)} files, {len(findings)} problems"
    return {"reviewer": "hygiene", "summary": summary, "findings": findings[:FINDINGS_MAX],
            "facts": facts}


def main():
    try:
        output = review(json.loads(sys.stdin.readline()))
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode("utf-8", "replace").strip()[:400]
        say(type="failed", message=f"cannot list the files of the commit: {why}", retryable=False)
    except (KeyError, TypeError, ValueError, OSError) as error:
        say(type="failed", message=f"cannot review: {error!r}"[:400], retryable=False)
    else:
        say(type="completed", output=output)


if __name__ == "__main__":
    main()
