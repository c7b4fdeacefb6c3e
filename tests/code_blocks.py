"""The code blocks of a Markdown document, and the commands with their outputs that stand in them."""

import re
import shlex
from dataclasses import dataclass, field

PROMPT = "$ "
# A comment in the line before a block, as `<!-- not run: needs Docker -->`.
MARK = re.compile(r"<!-- (not run|not commands|before|keeps running)(?:: (.*?))? -->")


@dataclass
class Step:
    """A command as one types it, and what it prints; `line` is its number in the document."""

    command: str
    line: int
    output: list[str] = field(default_factory=list)
    stays: bool = False
    """It goes on while the commands after it run."""


@dataclass
class CodeBlock:
    """`marks`: what the comments before it say; `info`: what stands behind the fence, empty for an indented block."""

    line: int
    lines: list[str]
    info: str
    marks: dict[str, str]

    @property
    def is_commands(self) -> bool:
        return bool(self.lines) and self.lines[0].startswith(PROMPT)

    def steps(self) -> list[Step]:
        """The commands of the mark `before`, which a reader does not see, then those of the block."""
        steps = [Step(command, self.line) for command in filter(None, [self.marks.get("before")])]
        if not self.is_commands:
            return steps
        complete = True
        for number, line in enumerate(self.lines, self.line):
            if not complete:
                steps[-1].command += "\n" + line
                complete = _is_complete(steps[-1].command)
            elif line.startswith(PROMPT):
                steps.append(Step(line.removeprefix(PROMPT), number))
                complete = _is_complete(steps[-1].command)
            else:
                steps[-1].output.append(line)
        steps[-1].stays = "keeps running" in self.marks
        for step in steps:
            while step.output and not step.output[-1].strip():
                step.output.pop()
        return steps


def _is_complete(command: str) -> bool:
    """Whether a shell would run it rather than ask for another line."""
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def code_blocks(markdown: str) -> list[CodeBlock]:
    """Those with a fence, and those that are indented by four spaces after an empty line."""
    blocks: list[CodeBlock] = []
    lines = markdown.splitlines()
    number = 0
    marks: dict[str, str] = {}
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            end = next(n for n in range(number + 1, len(lines)) if lines[n].startswith("```"))
            blocks.append(CodeBlock(number + 2, lines[number + 1 : end], line[3:].strip(), marks))
            marks, number = {}, end + 1
            continue
        if _is_indented(line) and not (lines[number - 1].strip() if number else ""):
            end = number
            while end < len(lines) and (_is_indented(lines[end]) or not lines[end].strip()):
                end += 1
            while not lines[end - 1].strip():
                end -= 1
            blocks.append(CodeBlock(number + 1, [text[4:] for text in lines[number:end]], "", marks))
            marks, number = {}, end
            continue
        if found := MARK.fullmatch(line.strip()):
            marks = marks | {found[1]: found[2] or ""}
        elif line.strip():
            marks = {}
        number += 1
    return blocks


def _is_indented(line: str) -> bool:
    return line.startswith("    ") and not re.match(r" +(?:[-*]|\d+\.) ", line)
