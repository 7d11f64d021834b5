#!/usr/bin/env python3
"""Disassembles the kernels' object files and checks the inner loops against the table in instruction_mix.py.

usage: check_instruction_mix.py ARCHITECTURE OBJECTS PLANTED

ARCHITECTURE is x86_64 or aarch64, OBJECTS a folder of object files (UNIT.o or UNIT.c.o), PLANTED the object file of
planted_kernels.c, whose faulty loops all have to be found. Exit status 1 when a loop is not what it has to be.
"""

import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import instruction_mix
from instruction_mix import Loop


class Instruction(NamedTuple):
    address: int
    mnemonic: str
    operands: tuple

    def __str__(self):
        return f"{self.mnemonic} {','.join(self.operands)}".strip()


class X86:
    """AT&T syntax: the destination comes last, memory is an operand with a parenthesis."""

    control = re.compile(r"(add|sub|inc|dec|cmp|test|lea|nop|xchg|j[a-z]+)[lqw]?")
    vector = re.compile(r"%([xyzt]mm|k)\d")
    address_only = re.compile(r"(nop|lea|prefetch)")
    reads_last = re.compile(r"(cmp|test|j|push|call)")

    @staticmethod
    def is_memory(operand):
        return "(" in operand

    @classmethod
    def stores(cls, i):
        if cls.address_only.match(i.mnemonic) or cls.reads_last.match(i.mnemonic):
            return False
        return bool(i.operands) and cls.is_memory(i.operands[-1])

    @staticmethod
    def destination(i):
        return i.operands[-1]

    @staticmethod
    def stack_pattern(function):
        framed = any(i.mnemonic.startswith("mov") and i.operands == ("%rsp", "%rbp") for i in function)
        return re.compile(r"\(%r[sb]p" if framed else r"\(%rsp")


class AArch64:
    """The destination comes first, memory is an operand in brackets."""

    control = re.compile(r"(adds?|subs?|cmp|nop|b(\.[a-z]+)?|cbn?z|tbn?z)")
    vector = re.compile(r"\b[vqdshbzp]\d")
    address_only = re.compile(r"(nop|prfu?m)")

    @staticmethod
    def is_memory(operand):
        return operand.startswith("[")

    @staticmethod
    def stores(i):
        return i.mnemonic.startswith("st")

    @staticmethod
    def destination(i):
        return i.operands[0]

    @staticmethod
    def stack_pattern(function):
        framed = any(i.operands[:2] == ("x29", "sp") for i in function)
        return re.compile(r"\[(sp|x29)\b" if framed else r"\[sp\b")


class Target(NamedTuple):
    syntax: type
    objdump: tuple
    loops: list


TARGETS = {
    "x86_64": Target(X86, ("objdump",), instruction_mix.X86_64),
    "aarch64": Target(AArch64, ("aarch64-linux-gnu-objdump", "objdump"), instruction_mix.AARCH64),
}


JUMP = re.compile(r"(j|b\b|b\.|cbn?z|tbn?z)")


def operands_of(text):
    """Splits at the commas outside of brackets."""
    return tuple(part.strip() for part in re.split(r",(?![^(\[{]*[)\]}])", text)) if text else ()


def disassemble(objdump, path):
    """The instructions of every function of an object file."""
    command = [objdump, "-d", "--no-show-raw-insn", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    functions, current = {}, []
    for line in text.splitlines():
        if start := re.fullmatch(r"[0-9a-f]+ <([^>]+)>:", line):
            current = functions.setdefault(start[1], [])
        elif found := re.fullmatch(r"\s*([0-9a-f]+):\t(?:\{\w+\} |data16 |cs |rex\S* )*(\S+)\s*(.*)", line):
            operands = re.sub(r"\s*(#|//).*|\s*<[^>]*>", "", found[3])
            current.append(Instruction(int(found[1], 16), found[2], operands_of(operands)))
    return functions


def innermost_loops(function):
    """The bodies of all loops that contain no other loop: from the target of a jump back to the jump."""
    spans = []
    for i in function:
        target = i.operands[-1] if i.operands else ""
        if JUMP.match(i.mnemonic) and re.fullmatch(r"[0-9a-f]+", target):
            if function[0].address <= int(target, 16) <= i.address:
                spans.append((int(target, 16), i.address))
    inner = [s for s in spans if not any(o != s and s[0] <= o[0] and o[1] <= s[1] for o in spans)]
    return [[i for i in function if first <= i.address <= last] for first, last in inner]


def faults(rule, body, syntax, stack):
    """What is wrong with one loop."""
    found, steps = [], set()
    counted = [i for i in body if any(re.fullmatch(p, i.mnemonic) for p in rule.instructions)]
    for pattern in rule.instructions:
        number = sum(bool(re.fullmatch(pattern, i.mnemonic)) for i in counted)
        steps.add(number / rule.count)
        if number == 0 or number % rule.count:
            found.append(f"{number} of {pattern}, expected {rule.count} or a multiple")
    if len(steps) > 1:
        found.append("not as many of one instruction as of the other")
    for i in counted:
        wrong = [o for o in i.operands if not re.fullmatch(rule.registers, o)
                 and not (rule.kind == "tile" and syntax.is_memory(o))]
        found += [f"operand {o} in '{i}'" for o in wrong]
    if rule.kind == "peak" and len({syntax.destination(i) for i in counted}) < rule.count:
        found.append(f"fewer than {rule.count} different results")
    for i in body:
        if syntax.stores(i):
            found.append(f"a store: '{i}'")
        if any(stack.search(o) for o in i.operands):
            found.append(f"the stack: '{i}'")
        if i.mnemonic.startswith(("call", "bl")):
            found.append(f"a call: '{i}'")
        if rule.kind == "peak" and i not in counted:
            memory = any(map(syntax.is_memory, i.operands)) and not syntax.address_only.match(i.mnemonic)
            # Where a jump goes can look like a register.
            vectors = not JUMP.match(i.mnemonic) and any(map(syntax.vector.search, i.operands))
            if memory or vectors or not syntax.control.fullmatch(i.mnemonic):
                found.append(f"beside the peak: '{i}'")
    return found


def check(rule, functions, syntax):
    """What is wrong with all loops a rule is about."""
    if rule.function not in functions:
        return [f"no function {rule.function}"]
    function = functions[rule.function]
    bodies = [b for b in innermost_loops(function)
              if any(re.fullmatch(p, i.mnemonic) for i in b for p in rule.instructions)]
    if not bodies:
        return [f"no loop with {' or '.join(rule.instructions)}"]
    stack = syntax.stack_pattern(function)
    return list(dict.fromkeys(f for body in bodies for f in faults(rule, body, syntax, stack)))


# Each function of planted_kernels.c, held to a kind of loop: what has to be said of it, None where nothing.
PLANTED = [
    ("honest", "peak", None),
    ("one_short", "peak", "expected 8"),
    ("loads", "peak", "beside the peak"),
    ("stores", "peak", "a store"),
    ("narrow", "peak", "operand"),
    ("other_work", "peak", "beside the peak"),
    ("one_chain", "peak", "different results"),
    ("spills", "peak", "the stack"),
    ("loads", "tile", None),
    ("one_short", "tile", "expected 8"),
    ("stores", "tile", "a store"),
    ("narrow", "tile", "operand"),
    ("spills", "tile", "the stack"),
]
PLANTED_OPERANDS = {
    "x86_64": (instruction_mix.FMA_PS, instruction_mix.YMM),
    "aarch64": ("fmla", instruction_mix.NEON_F32),
}


def check_planted(architecture, target, objdump, path):
    """Whether the checker sees the planted faults, and none where there is none."""
    pattern, registers = PLANTED_OPERANDS[architecture]
    functions, right = disassemble(objdump, path), True
    for function, kind, expected in PLANTED:
        count = 40 if function == "spills" else 8
        found = check(Loop("planted", function, kind, count, (pattern,), registers), functions, target.syntax)
        if not (any(expected in f for f in found) if expected else not found):
            right = False
            print(f"planted {function}, as {kind}: expected {expected or 'no fault'}, found {found or 'none'}")
    print(f"{architecture}: {len(PLANTED)} planted loops: {'told apart' if right else 'NOT told apart'}")
    return right


def report(architecture, rule, found):
    """Prints one rule's line; whether it is as it has to be."""
    name = f"{architecture}: {rule.unit} {rule.function}"
    if rule.wanting:
        print(f"{name}: known to be wanting: {rule.wanting}" if found
              else f"{name}: WRONG: is right now, so remove what it is said to be wanting")
        return bool(found)
    print(f"{name}: {'right' if not found else 'WRONG: ' + '; '.join(found[:4])}")
    return not found


def check_complete(architecture, target, objdump, objects):
    """Whether every translation unit that has code for this architecture is in the table."""
    known, right = {rule.unit for rule in target.loops}, True
    for path in sorted(pathlib.Path(objects).glob("isa_*.o")):
        unit = path.name.split(".")[0]
        if unit not in known and disassemble(objdump, path):
            right = False
            print(f"{architecture}: {unit}: WRONG: no line in instruction_mix.py says what its loops have to be")
    return right


def main(arguments):
    if len(arguments) != 3 or arguments[0] not in TARGETS:
        sys.exit(__doc__)
    architecture, objects, planted = arguments
    target = TARGETS[architecture]
    objdump = next(filter(shutil.which, target.objdump), None)
    if not objdump:
        sys.exit(f"check_instruction_mix.py: none of {', '.join(target.objdump)} in PATH (Debian package binutils)")
    right = check_planted(architecture, target, objdump, planted)
    for rule in target.loops:
        candidates = [pathlib.Path(objects, rule.unit + end) for end in (".o", ".c.o")]
        path = next((p for p in candidates if p.exists()), None)
        found = check(rule, disassemble(objdump, path), target.syntax) if path else ["no object file"]
        right = report(architecture, rule, found) and right
    # The objects in the program may have stale ones among them.
    if not list(pathlib.Path(objects).glob("*.c.o")):
        right = check_complete(architecture, target, objdump, objects) and right
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
