"""What the three editors of the council share: reading an assignment, edits, and answering.

An editor is a function from a text to the edits that it would make, and a rule about the edits of
others. Everything follows from the text: there is no model here, and no answer that was prepared.

Steps of a deliberation, and what an editor does with each:

* draft: applies its own edits to the text of the brief, until there is none left;
* critique: says which edits it would make to somebody else's version, and why;
* revise: applies the critics' edits to its own version, as far as its rule lets it, then its own.
"""

import json
import re
import sys
from dataclasses import asdict, dataclass

PASSES_MAX = 10
TOLD_MAX = 6
# Code and addresses are quoted from elsewhere: editors leave them alone.
CODE = re.compile(
    r"^(```|~~~)[^\n]*\n.*?^\1[^\n]*$|`[^`\n]+`|https?://[^\s)>]*[^\s)>.,;:!?]",
    re.MULTILINE | re.DOTALL,
)
# What stands for each character of code where only prose is looked at: no word, and no space.
HIDDEN = "\ufffc"


@dataclass(frozen=True)
class Edit:
    """One change: this quote becomes that, because of something."""

    quote: str
    by: str
    why: str
    # Whether the quote is a word, changed wherever it stands; else it is a passage, changed once.
    word: bool = False


def outside_code(text, change):
    """Applies a change to everything but code."""
    parts, at = [], 0
    for found in CODE.finditer(text):
        parts += [change(text[at : found.start()]), found.group()]
        at = found.end()
    return "".join(parts + [change(text[at:])])


def without_code(text):
    """The text with its code hidden: places stay what they are."""
    return CODE.sub(lambda found: re.sub(r"[^\n]", HIDDEN, found.group()), text)


def apply(text, edit):
    """The text with an edit, or None where its quote is not there (any more)."""
    if edit.word:
        word = re.compile(rf"(?<![\w-]){re.escape(edit.quote)}(?![\w-])")
        changed = outside_code(text, lambda prose: word.sub(lambda _: edit.by, prose))
    else:
        changed = text.replace(edit.quote, edit.by, 1)
    return changed if changed != text else None


def improved(text, editor):
    """The text after all of an editor's edits, and what they were."""
    made = []
    for _ in range(PASSES_MAX):
        edits = editor(text)
        if not edits:
            break
        for edit in edits:
            changed = apply(text, edit)
            if changed is not None:
                text = changed
                made.append(edit)
    return text, made


def told(edits):
    """Edits in words, the same reason once."""
    counts = {}
    for edit in edits:
        counts[edit.why] = counts.get(edit.why, 0) + 1
    words = [why if count == 1 else f"{why} ({count} times)" for why, count in counts.items()]
    more = [f"{len(words) - TOLD_MAX} more"] if len(words) > TOLD_MAX else []
    return "; ".join(words[:TOLD_MAX] + more)


def content(output):
    return output if isinstance(output, str) else output["content"]


def draft(assignment, editor, _):
    text = assignment["input"]["brief"].get("metadata", {}).get("text", "")
    if not text.strip():
        raise ValueError("the brief has no text to improve: say it in its metadata, as `text`")
    text, made = improved(text, editor)
    return {"content": text, "notes": told(made) or "nothing to improve by my rules"}


def critique(assignment, editor, _):
    critiques = []
    for subject in assignment["input"]["subjects"]:
        _, edits = improved(content(assignment["results"][subject]), editor)
        critiques.append(
            {
                "of": subject,
                "text": told(edits) or "nothing to object to by my rules",
                "approves": not edits,
                "edits": [asdict(edit) for edit in edits],
            }
        )
    return {"critiques": critiques}


def revise(assignment, editor, accepts):
    results = dict(assignment["results"])
    critics = [results.pop(name) for name in list(results) if name.startswith("critique-")]
    ((own, version),) = results.items()
    text = content(version)
    offered = [
        [Edit(**edit) for edit in one.get("edits", [])]
        for output in critics
        for one in (output["critiques"] if isinstance(output, dict) else [])
        if one["of"] == own
    ]
    # Who changes words comes last: a passage is found only while its words are what they were.
    offered.sort(key=lambda edits: any(edit.word for edit in edits))
    offered = [edit for edits in offered for edit in edits]
    taken, refused, gone = [], [], []
    for edit in offered:
        changed = apply(text, edit) if accepts(edit) else None
        if changed is not None:
            text = changed
            taken.append(edit)
        else:
            (gone if accepts(edit) else refused).append(edit)
    text, _ = improved(text, editor)
    notes = [f"took {len(taken)} of {len(offered)} edits"]
    notes += [f"took: {told(taken)}"] if taken else []
    notes += [f"refused: {told(refused)}"] if refused else []
    notes += [f"no longer there: {told(gone)}"] if gone else []
    return {"content": text, "notes": "; ".join(notes)}


STEPS = {"draft": draft, "critique": critique, "revise": revise}


def work(editor, accepts=lambda edit: True):
    """Reads one assignment, and answers it."""
    assignment = json.loads(sys.stdin.readline())
    try:
        step = assignment["input"]["step"]
        if step not in STEPS:
            raise ValueError(f"no editor knows the step {step!r}")
        answer = {"type": "completed", "output": STEPS[step](assignment, editor, accepts)}
    except (KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        answer = {"type": "failed", "message": why, "retryable": False}
    print(json.dumps(answer))
