#!/usr/bin/env python3
"""Runs Kernels/OpenCL/sources/product_wgmma.ptx instruction by instruction and holds its products against plain ones.

    simulate_wgmma.py PROGRAM

PROGRAM lists the values of the text's names (`nodewatt opencl-kernels`). Copies and products are asynchronous: once
they happen as soon as they are begun and once as late as their waits allow, and once the one and once the other group
of threads is ahead, as far as the barriers let it. What the instructions do is written from PTX's description; that a
processor agrees is for the checks of every run to find.
"""

import itertools
import operator
import pathlib
import random
import re
import struct
import subprocess
import sys

TEXT = pathlib.Path(__file__).resolve().parents[2] / "Kernels/OpenCL/sources/product_wgmma.ptx"
GROUP, THREADS, SHARED_BASE, SHARED_BYTES = 128, 256, 1024, 49152
BITS = {"b32": 32, "u32": 32, "b64": 64, "u64": 64}


class Format:
    """How elements lie in memory: small integers, so that sums are exact."""

    def __init__(self, instruction):
        self.kind = instruction.split(".")[-1]
        self.size = 1 if self.kind == "s8" else 2

    def encode(self, value):
        if self.kind == "s8":
            return struct.pack("<b", value)
        return struct.pack("<e", value) if self.kind == "f16" else struct.pack("<f", value)[2:]

    def decode(self, data):
        if self.kind == "s8":
            return struct.unpack("<b", data)[0]
        return int(struct.unpack("<e", data)[0] if self.kind == "f16" else struct.unpack("<f", b"\0\0" + data)[0])

    def result(self, data):
        return struct.unpack("<i" if self.kind == "s8" else "<f", data)[0]

    def pack(self, value):
        return struct.pack("<i" if self.kind == "s8" else "<f", value)


class Memory:
    """Regions of bytes by their first address; an access outside of all of them is an error."""

    def __init__(self, regions):
        self.regions = regions

    def place(self, address, size):
        for base, data in self.regions.items():
            if base <= address and address + size <= base + len(data):
                return data, address - base
        raise IndexError(f"{size} bytes at {address:#x} are nowhere")

    def read(self, address, size):
        data, at = self.place(address, size)
        return bytes(data[at:at + size])

    def write(self, address, value):
        data, at = self.place(address, len(value))
        data[at:at + len(value)] = value


class Threads:
    """A group of 128 threads in step, with its registers and what it has begun but not waited for."""

    def __init__(self, machine, first):
        self.machine, self.first, self.at = machine, first, 0
        self.registers, self.copies, self.products, self.open = {}, [], [[]], 0

    def values(self, operand):
        """An operand's value in every thread."""
        if operand == "%tid.x":
            return range(self.first, self.first + GROUP)
        if operand == "%ctaid.x":
            return [self.machine.block] * GROUP
        if operand == "tiles":
            return [SHARED_BASE] * GROUP
        if operand.startswith("%"):
            return self.registers[operand]
        # A constant expression of the kind that descriptors have.
        parts = [int(part, 0) for part in operand.split("<<")]
        return [parts[0] << parts[1] if len(parts) > 1 else parts[0]] * GROUP

    def uniform(self, operand):
        values = set(self.values(operand))
        assert len(values) == 1, f"{operand} differs within a group"
        return values.pop()

    def copy(self, to, source):
        def now():
            self.machine.memory.write(to, self.machine.memory.read(source, 16))
        if self.machine.copies_late:
            self.copies[-1].append(now) if self.open else self.copies.append([now])
            self.open = 1
        else:
            now()

    def commit_copies(self):
        if not self.open:
            self.copies.append([])
        self.open = 0

    def wait_for_copies(self, left):
        while len(self.copies) > left:
            for now in self.copies.pop(0):
                now()

    def multiply(self, shape, sums, left, right, add, transposed):
        m, n, k = (int(number) for number in re.fullmatch(r"m(\d+)n(\d+)k(\d+)", shape).groups())
        machine, size = self.machine, self.machine.format.size
        operands = [(self.uniform(left), m, False), (self.uniform(right), n, transposed)]

        def now():
            a, b = ([self.row(descriptor, row, k, size, across) for row in range(count)]
                    for descriptor, count, across in operands)
            for thread in range(GROUP):
                for index, name in enumerate(sums):
                    row = thread // 32 * 16 + thread % 32 // 4 + index // 2 % 2 * 8
                    column = index // 4 * 8 + thread % 4 * 2 + index % 2
                    old = self.registers[name][thread] if add else 0
                    self.registers[name][thread] = old + sum(map(operator.mul, a[row], b[column]))
        for name in sums:
            self.registers.setdefault(name, [None] * GROUP)
        if machine.products_late:
            self.products[-1].append(now)
        else:
            now()

    def row(self, descriptor, row, k, size, transposed):
        """The elements of a row of an operand, by the canonical layouts without swizzle."""
        assert descriptor >> 46 == 0, "a descriptor asks for more than a layout without swizzle"
        base, leading, stride = ((descriptor >> shift & 0x3fff) << 4 for shift in (0, 16, 32))
        elements = 16 // size
        read = self.machine.memory.read
        if transposed:
            places = (base + row % 8 * 2 + row // 8 * stride + i % 8 * 16 + i // 8 * leading for i in range(k))
        else:
            places = (base + row % 8 * 16 + row // 8 * stride + i // elements * leading + i % elements * size
                      for i in range(k))
        return [self.machine.format.decode(read(place, size)) for place in places]

    def step(self):
        """Runs one instruction; False at a barrier and at the end, where others have to come up."""
        guard, name, operands = self.machine.code[self.at]
        self.at += 1
        allowed = [True] * GROUP
        if guard:
            allowed = self.values(guard)
        word, *modifiers = name.split(".")
        if word == "bar":
            return False
        if word == "ret":
            self.at = None
            return False
        if word == "bra":
            if self.uniform(guard) if guard else True:
                self.at = self.machine.labels[operands[0]]
        elif word == "cp":
            self.copy_instruction(modifiers, operands, allowed)
        elif word == "wgmma":
            self.product_instruction(modifiers, operands)
        elif word == "st":
            for address, *parts in zip(self.address(operands[0]), *map(self.values, operands[1])):
                self.machine.memory.write(address, b"".join(map(self.machine.format.pack, parts)))
        elif word != "fence":
            assert all(allowed), f"{name} under a predicate"
            self.arithmetic(word, modifiers, operands)
        return True

    def address(self, operand):
        base, _, offset = operand.strip("[]").partition("+")
        return [value + int(offset or 0) for value in self.values(base.strip())]

    def copy_instruction(self, modifiers, operands, allowed):
        if modifiers[1] == "wait_group":
            self.wait_for_copies(int(operands[0]))
        elif modifiers[1] == "commit_group":
            self.commit_copies()
        else:
            assert operands[2] == "16"
            for use, to, source in zip(allowed, self.address(operands[0]), self.address(operands[1])):
                if use:
                    self.copy(to, source)

    def product_instruction(self, modifiers, operands):
        if modifiers[0] == "mma_async":
            sums, left, right, add, *scales = operands
            transposed = scales[-1:] == ["1"] and len(scales) == 4
            self.multiply(modifiers[3], sums, left, right, self.uniform(add), transposed)
        elif modifiers[0] == "commit_group":
            self.products.append([])
        elif modifiers[0] == "wait_group":
            # The last is the one that is not committed yet.
            assert not self.products[-1], "a product was not committed"
            while len(self.products) > int(operands[0]) + 1:
                for now in self.products.pop(0):
                    now()

    def arithmetic(self, word, modifiers, operands):
        to, *sources = operands
        if word == "ld":
            self.registers[to] = [self.machine.arguments[sources[0].strip("[]")]] * GROUP
            return
        if word == "mov" and isinstance(sources[0], list):
            low, high = map(self.values, sources[0])
            self.registers[to] = [x | y << 32 for x, y in zip(low, high)]
            return
        calculate = {
            "mov": lambda x: x, "cvt": lambda x: x, "add": operator.add, "sub": operator.sub, "and": operator.and_,
            "shl": operator.lshift, "shr": operator.rshift, "div": operator.floordiv, "rem": operator.mod, "min": min,
            "mul": operator.mul, "mad": lambda x, y, z: x * y + z, "bfe": lambda x, at, bits: x >> at & (1 << bits) - 1,
            "selp": lambda x, y, which: x if which else y,
            "setp": {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "gt": operator.gt}.get(modifiers[0]),
        }[word]
        bits = 64 if "wide" in modifiers else BITS[modifiers[0] if word == "cvt" else modifiers[-1]]
        mask = (1 << bits) - 1
        self.registers[to] = [
            result if word == "setp" else result & mask
            for result in itertools.starmap(calculate, zip(*map(self.values, sources)))]


class Machine:
    """A block of two groups of threads and its memory."""

    def __init__(self, text, number_format, copies_late, products_late):
        body = re.sub(r"//.*", "", text[text.index("{"):])
        self.code, self.labels = [], {}
        for statement in body.strip("{} \n").replace(":\n", ":;").split(";"):
            statement = " ".join(statement.split())
            if statement.endswith(":"):
                if " " not in statement:
                    self.labels[statement[:-1]] = len(self.code)
            elif statement and not statement.startswith("."):
                self.code.append(self.parse(statement))
        self.format, self.copies_late, self.products_late = number_format, copies_late, products_late

    @staticmethod
    def parse(statement):
        guard = None
        if statement.startswith("@"):
            guard, statement = statement[1:].split(" ", 1)
        name, _, rest = statement.partition(" ")
        parts = re.findall(r"\s*\{[^}]*\}|[^,]+", rest)
        operands = [[item.strip() for item in part.strip(" {}").split(",")] if "{" in part else part.strip()
                    for part in parts if part.strip()]
        return guard, name, operands

    def run_block(self, block, order):
        self.block = block
        self.memory.regions[SHARED_BASE] = bytearray(b"\xff" * SHARED_BYTES)
        groups = [Threads(self, first) for first in range(0, THREADS, GROUP)]
        while groups[0].at is not None:
            for group in groups[::order]:
                while group.step():
                    pass
            assert len({group.at for group in groups}) == 1, "the groups are at different barriers"


def operand(number_format, rows, columns, whole_columns, whole_rows):
    """A random matrix and its bytes, with zeros up to whole rows and columns."""
    matrix = [[random.randint(-3, 3) for _ in range(columns)] for _ in range(rows)]
    padded = [row + [0] * (whole_columns - columns) for row in matrix]
    padded += [[0] * whole_columns] * (whole_rows - rows)
    return matrix, bytearray(b"".join(number_format.encode(x) for row in padded for x in row))


def check(text, number_format, reads_rows, k, copies_late, products_late, order):
    m, n = 256, 512
    depth = -(-k * number_format.size // 32) * 32 // number_format.size
    a, a_bytes = operand(number_format, m, k, depth, m)
    if reads_rows:
        b, b_bytes = operand(number_format, k, n, n, depth)
        columns, b_pitch = list(zip(*b)), n * number_format.size // 16
    else:
        columns, b_bytes = operand(number_format, n, k, depth, n)
        b_pitch = depth * number_format.size // 16
    machine = Machine(text, number_format, copies_late, products_late)
    c_bytes = bytearray(b"\xff" * (4 * m * n))
    machine.memory = Memory({1 << 32: a_bytes, 2 << 32: b_bytes, 3 << 32: c_bytes})
    machine.arguments = {
        "from_a": 1 << 32, "from_b": 2 << 32, "to_c": 3 << 32, "rows": m, "columns": n,
        "steps": depth * number_format.size // 32, "a_pitch": depth * number_format.size // 16, "b_pitch": b_pitch}
    for block in (0, 3):
        machine.run_block(block, order)
        row, column = block % 2 * 128, block // 2 * 256
        for y in range(row, row + 128):
            for x in range(column, column + 256):
                found = number_format.result(c_bytes[4 * (y * n + x):4 * (y * n + x) + 4])
                expected = sum(map(operator.mul, a[y], columns[x]))
                assert found == expected, f"C[{y}][{x}] is {found}, not {expected}"


def main():
    listing = subprocess.run([sys.argv[1], "opencl-kernels"], capture_output=True, text=True, check=True).stdout
    checked = 0
    for line in listing.splitlines():
        source, macros = line.split("\t")[:2]
        if source != TEXT.name:
            continue
        values = dict(macro.split("=", 1) for macro in macros.split())
        text = re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], TEXT.read_text())
        number_format = Format(values["INSTRUCTION"])
        reads_rows = values["TAIL"].endswith(",1")
        # One step, fewer than there are stages, and more, so that every stage is used again.
        depth = 32 // number_format.size
        cases = [(1, False, False, 1), (3 * depth - 1, True, True, -1), (7 * depth - 3, True, False, 1),
                 (7 * depth, False, True, -1)]
        for k, copies_late, products_late, order in cases:
            try:
                check(text, number_format, reads_rows, k, copies_late, products_late, order)
            except (AssertionError, IndexError, ValueError) as error:
                sys.exit(f"{TEXT.name} with {values['INSTRUCTION']}, k = {k}: {error}")
            checked += 1
    if not checked:
        sys.exit(f"no variant of {TEXT.name} is listed")
    print(f"{TEXT.name}: {checked} simulated products are right")


if __name__ == "__main__":
    main()
