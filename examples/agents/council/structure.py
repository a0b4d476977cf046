#!/usr/bin/env python3
"""An editor who looks at how a text is built: titles, headings, lists, empty lines.

It takes what others propose unless a number, a name in code or a link would be lost by it.
"""

import re

from editing import CODE, Edit, without_code, work

FACT = re.compile(r"\d+(?:\.\d+)*|https?://[^\s)>]+")


def facts(text):
    return sorted([found.group() for found in CODE.finditer(text)] + FACT.findall(text))


def keeps_facts(edit):
    return facts(edit.quote) == facts(edit.by)


def first_line(lines, _):
    """The first line is the title."""
    number, line = next(((n, line) for n, line in enumerate(lines) if line.strip()), (0, ""))
    under = lines[number + 1] if number + 1 < len(lines) else ""
    is_marked = line.startswith("#") or re.fullmatch(r"=+|-+", under.strip())
    if line and not is_marked and len(line) <= 80 and not line.rstrip().endswith("."):
        yield Edit(line + "\n", f"# {line.strip()}\n", "the title is no heading")


def headings(lines, prose):
    """Headings are marked as such, and go down one level at a time."""
    before = 0
    for number, line in enumerate(lines):
        after = prose[number + 1] if number + 1 < len(lines) else ""
        if line.strip() and re.fullmatch(r"(=+|-{3,})\s*", after) and not line.startswith("#"):
            mark = "#" if after.startswith("=") else "##"
            yield Edit(f"{line}\n{after}\n", f"{mark} {line.strip()}\n", "an underlined heading")
            before = len(mark)
        elif bold := re.fullmatch(r"\*\*([^*]+?):?\*\*:?\s*", prose[number]):
            title = line[bold.start(1) : bold.end(1)]
            yield Edit(f"{line}\n", f"## {title}\n", "bold words instead of a heading")
            before = 2
        elif heading := re.fullmatch(r"(#{1,6})(\s*)(\S.*?)\s*#*", prose[number]):
            title = line[heading.start(3) : heading.end(3)].rstrip(":")
            level = len(heading[1])
            skips = before and level > before + 1
            if skips:
                # Most likely meant beside the one before, unless that is the title.
                level = max(before, 2)
            if f"{'#' * level} {title}" != line:
                why = "a heading that skips a level" if skips else "a heading that is misspelled"
                yield Edit(f"{line}\n", f"{'#' * level} {title}\n", why)
            before = level


def lists(lines, prose):
    """All lists have one mark, and an empty line before them."""
    for number, line in enumerate(lines):
        item = re.fullmatch(r"(\s*)([*+•–-])(\s+)(\S.*)", prose[number])
        if item is None:
            continue
        if item[2] != "-" or item[3] != " ":
            said = line[item.start(4) :]
            yield Edit(f"{line}\n", f"{item[1]}- {said}\n", "lists with different marks")
        before = lines[number - 1] if number else ""
        if before.strip() and not re.match(r"\s*[*+•–-]\s|\s+\S", before):
            why = "no empty line before a list"
            yield Edit(f"{before}\n{line}\n", f"{before}\n\n{line}\n", why)


def blanks(lines, prose):
    """One empty line around headings, never two, and no spaces at the ends of lines."""
    for number, line in enumerate(lines):
        if line != line.rstrip():
            yield Edit(f"{line}\n", f"{line.rstrip()}\n", "spaces at the end of a line")
        if prose[number].startswith("#"):
            after = lines[number + 1] if number + 1 < len(lines) else ""
            before = lines[number - 1] if number else ""
            if after.strip():
                why = "no empty line after a heading"
                yield Edit(f"{line}\n{after}", f"{line}\n\n{after}", why)
            if before.strip():
                why = "no empty line before a heading"
                yield Edit(f"{before}\n{line}\n", f"{before}\n\n{line}\n", why)
    if "\n\n\n" in "\n".join(prose):
        yield Edit("\n\n\n", "\n\n", "several empty lines in succession")
    if lines[-1]:
        yield Edit(lines[-1], f"{lines[-1]}\n", "no line break at the end")


def editor(text):
    """The edits of the first rule that finds something: one rule may be in the way of the next."""
    lines, prose = text.split("\n"), without_code(text).split("\n")
    for rule in (first_line, headings, lists, blanks):
        edits = [edit for edit in rule(lines, prose) if edit.quote in text]
        if edits:
            return edits
    return []


if __name__ == "__main__":
    work(editor, keeps_facts)
