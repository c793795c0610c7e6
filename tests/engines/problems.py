"""Held-out problems of the reasoner: chains modulo 5, as `train sft --task recheck:5` draws and splits them."""

import random

MODULUS = 5


def held_out(question):
    """FNV-1a with a finaliser, as crates/outthink-train/src/tasks/mod.rs has it; one question in eight."""
    mask = (1 << 64) - 1
    value = 0xCBF29CE484222325
    for byte in question.encode():
        value = ((value ^ byte) * 0x100000001B3) & mask
    mixed = ((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) & mask
    return (mixed >> 32) % 8 == 0


def problems(count, levels=(2, 3), seed=1):
    """Pairs of a question and its answer."""
    drawn, rng = {}, random.Random(seed)
    while len(drawn) < count:
        value = rng.randrange(MODULUS)
        question = str(value)
        for _ in range(rng.randint(*levels)):
            operator, right = rng.choice("+-*"), rng.randint(1, MODULUS - 1)
            question += f"{operator}{right}"
            value = {"+": value + right, "-": value - right, "*": value * right}[operator] % MODULUS
        question += f" mod {MODULUS}"
        if held_out(question):
            drawn[question] = str(value)
    return list(drawn.items())
