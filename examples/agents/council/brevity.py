#!/usr/bin/env python3
"""An editor for whom a text is never short enough.

It takes out words that say nothing, puts one word where many stand, splits long sentences, and
leaves out the asides of what is still too long. It takes every edit that others propose.
"""

import re

from editing import Edit, without_code, work

WORDS_MAX = 22
FILLERS = (
    "actually|basically|clearly|essentially|just|obviously|of course|quite|rather|really|simply"
    "|very"
)
ROUNDABOUT = {
    "a large number of": "many",
    "at this point in time": "now",
    "due to the fact that": "because",
    "has the ability to": "can",
    "in order to": "to",
    "in the event that": "if",
    "it should be noted that": "",
    "make use of": "use",
    "makes use of": "uses",
    "on a regular basis": "regularly",
    "the majority of": "most",
    "with regard to": "about",
}
# What a main clause may begin with: only before one of these is a sentence split.
CLAUSE = (
    r"(?=(?:a|all|an|each|every|it|nobody|nothing|one|that|the|there|they|this|we|what|whoever"
    r"|you)\b)"
)
SPLITS = [
    (re.compile(r";\s+"), ". "),
    (re.compile(rf",\s+and\s+{CLAUSE}"), ". "),
    (re.compile(rf",\s+but\s+{CLAUSE}"), ". But "),
    (re.compile(rf",\s+so\s+{CLAUSE}"), ". So "),
    (re.compile(r",\s+which\s+"), ". This "),
]
SENTENCE = re.compile(
    r"[^\s#>|*+•-][^.!?\n]*(?:[.!?](?!\s|$)[^.!?\n]*|\n(?![\s#>|*+•=-])[^.!?\n]+)*[.!?]"
)
# An item of a list that is no sentence.
ITEM = re.compile(r"(?<=^[-*+] )\S(?:[^.!?\n]|\.(?=\w))*$", re.MULTILINE)


def capitalized(sentence):
    return sentence[:1].upper() + sentence[1:]


def words(sentence):
    return sum(1 for word in sentence.split() if re.search(r"\w", word))


def without_fillers(sentence):
    filler = re.compile(rf"\s*\b({FILLERS})\b,?(?=\s)", re.IGNORECASE)
    short = filler.sub("", sentence)
    for long, word in ROUNDABOUT.items():
        pattern = re.compile(rf"\b{long}\b" + ("" if word else r",?\s*"), re.IGNORECASE)
        short = pattern.sub(word, short)
    short = re.sub(r"^\W*\s+(?=\w)", "", short).strip()
    return capitalized(short) if sentence[:1].isupper() else short


def split(sentence):
    """Splits it where both parts come out best, or not at all."""
    middle = len(sentence) / 2
    places = [
        (abs(found.start() - middle), found, mark)
        for pattern, mark in SPLITS
        for found in pattern.finditer(sentence)
    ]
    if not places:
        return None
    _, found, mark = min(places, key=lambda place: place[0])
    rest = sentence[found.end() :]
    return sentence[: found.start()] + mark + (capitalized(rest) if mark == ". " else rest)


def editor(text):
    """One edit for each sentence that could be shorter."""
    edits, prose = [], without_code(text)
    for found in SENTENCE.finditer(prose):
        sentence = text[found.start() : found.end()]
        short = without_fillers(sentence)
        if short != sentence:
            edits.append(Edit(sentence, short, "words that say nothing"))
        elif words(sentence) > WORDS_MAX:
            aside = re.sub(r"\s*\([^()]*\)", "", sentence)
            if (parts := split(sentence)) is not None:
                why = f"a sentence of more than {WORDS_MAX} words"
                edits.append(Edit(sentence, parts, why))
            elif aside != sentence:
                edits.append(Edit(sentence, aside, "an aside in a long sentence"))
    for found in ITEM.finditer(prose):
        item = text[found.start() : found.end()]
        if (short := without_fillers(item)) != item:
            edits.append(Edit(item, short, "words that say nothing"))
    return edits


if __name__ == "__main__":
    work(editor)
