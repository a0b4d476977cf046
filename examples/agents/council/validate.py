#!/usr/bin/env python3
"""The dry run of a proposal: does it still say what the original says?

    validate.py ORIGINAL < PROPOSAL

It compares numbers, code and links of both texts, and runs what can be run without doing anything:
blocks of JSON are parsed. It ends with 0 where nothing is lost, nothing is invented and everything
parses, and with 1 and a line for each fault where not.
"""

import json
import re
import sys

CODE = re.compile(
    r"^(?:```|~~~)[^\n]*\n(.*?)^(?:```|~~~)[^\n]*$|`([^`\n]+)`", re.MULTILINE | re.DOTALL
)
BLOCK = re.compile(r"^```json[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"https?://[^\s)>]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def facts(text):
    """What of a text can be true or false without being understood."""
    code = {(block or inline).strip() for block, inline in CODE.findall(text)}
    prose = CODE.sub(" ", text)
    links = set(LINK.findall(prose))
    # The number of a list's item says nothing.
    prose = re.sub(r"^\s*\d+[.)]\s", "", LINK.sub(" ", prose), flags=re.MULTILINE)
    return {"code": code, "link": links, "number": set(NUMBER.findall(prose))}


def faults(original, proposal):
    before, after = facts(original), facts(proposal)
    for kind, known in before.items():
        for one in sorted(known - after[kind]):
            yield f"lost: the {kind} {one}"
        for one in sorted(after[kind] - known):
            yield f"invented: the {kind} {one}"
    for block in BLOCK.findall(proposal):
        try:
            json.loads(block)
        except ValueError as error:
            yield f"a block of JSON does not parse: {error}"


if __name__ == "__main__":
    found = list(faults(sys.argv[1], sys.stdin.read()))
    print("\n".join(found) or "nothing lost, nothing invented")
    sys.exit(1 if found else 0)
