#!/usr/bin/env python3
"""A proofreader: spelling by a list of words, doubled words, names, typography.

It takes only edits that leave the words of a passage what they are, more or less: who proofreads
does not rewrite.
"""

import re

from editing import Edit, without_code, work

SPELLED = {
    "accross": "across",
    "acheive": "achieve",
    "definately": "definitely",
    "enviroment": "environment",
    "garantee": "guarantee",
    "garantees": "guarantees",
    "independant": "independent",
    "occured": "occurred",
    "persistant": "persistent",
    "recieve": "receive",
    "recieves": "receives",
    "seperate": "separate",
    "succesful": "successful",
    "teh": "the",
    "untill": "until",
    "wich": "which",
}
NAMES = {
    "github": "GitHub",
    "json": "JSON",
    "linux": "Linux",
    "macos": "macOS",
    "nats": "NATS",
    "orkestra": "Orkestra",
    "python": "Python",
    "rust": "Rust",
    "sqlite": "SQLite",
    "toml": "TOML",
}
CHANGED_MAX = 1


def bare(text):
    return re.findall(r"[\w`]+", text.lower())


def sentences(text):
    return len(re.findall(r"[.!?](?:\s|$)", text))


def leaves_the_words(edit):
    """Whether an edit changes no more than a word: of marks and empty lines it may change any."""
    before, after = bare(edit.quote), bare(edit.by)
    lost = sum(1 for word in before if word not in after)
    won = sum(1 for word in after if word not in before)
    return max(lost, won) <= CHANGED_MAX and sentences(edit.quote) == sentences(edit.by)


def words(prose):
    """Misspelled words and names, each once."""
    for word in sorted(set(re.findall(r"(?<![\w/.-])[A-Za-z]+(?![\w/-]|\.\w)", prose))):
        right = SPELLED.get(word.lower())
        if right is not None:
            right = right.capitalize() if word[0].isupper() else right
            yield Edit(word, right, f"{word} is spelled {right}", word=True)
        elif NAMES.get(word.lower(), word) != word:
            name = NAMES[word.lower()]
            yield Edit(word, name, f"the name is {name}", word=True)


def passages(text, prose):
    """Doubled words and typography."""
    rules = [
        (r"\b(\w+) \1\b", lambda found: found[1], "a doubled word"),
        (r"(?<=\w) +([,;:.!?])(?=\s|$)", lambda found: found[1], "a space before a mark"),
        (r"(?<=\S) -- (?=\S)", lambda _: " – ", "two hyphens instead of a dash"),
        (r"(?<!\.)\.\.\.(?!\.)", lambda _: "…", "three dots instead of an ellipsis"),
        (r"(?<=[^\s|])  +(?=[^\s|])", lambda _: " ", "two spaces"),
        (r"(?<=[a-z]{2}[.!?] )[a-z]", lambda found: found[0].upper(), "a sentence begins small"),
    ]
    for pattern, by, why in rules:
        for found in re.finditer(pattern, prose, re.MULTILINE):
            # With the words around it, so that it is this place and no other.
            before, after = max(found.start() - 1, 0), found.end()
            start = max(prose.rfind(" ", 0, before), prose.rfind("\n", 0, before + 1)) + 1
            ends = [prose.find(" ", after), prose.find("\n", after)]
            end = min((at for at in ends if at >= 0), default=len(prose))
            quote = text[start:end]
            new = text[start : found.start()] + by(found) + text[found.end() : end]
            yield Edit(quote, new, why)


def editor(text):
    prose = without_code(text)
    return list(words(prose)) or list(passages(text, prose))


if __name__ == "__main__":
    work(editor, leaves_the_words)
