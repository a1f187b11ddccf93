"""Tables of studies as CSV and Markdown, and intervals of what was counted."""
import argparse
import csv
import math
import tomllib


class BadInput(Exception):
    """What a study cannot work with, in words for who asked for it."""


def positive(text):
    """Of argparse: a whole number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on expected")
    return int(text)


NORMAL_95 = 1.959964


def wilson(successes, count):
    """95 % interval of a share, in percent (Wilson's score interval)."""
    square, share = NORMAL_95**2, successes / count
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = NORMAL_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return 100 * max(0.0, centre - half), 100 * min(1.0, centre + half)


def difference(first, second):
    """Mean of first - second of the same images (booleans), in points, and half its 95 % interval: paired, for the two
    are wrong on much the same images."""
    count = len(first)
    gained, lost = int((first & ~second).sum()), int((second & ~first).sum())
    mean = (gained - lost) / count
    return 100 * mean, 100 * NORMAL_95 * math.sqrt(max(gained + lost, 1) / count - mean**2) / math.sqrt(count)


def read_toml(path):
    with open(path, "rb") as file:
        try:
            return tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{path}: {error}")


def shown(value):
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def write_csv(path, rows):
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: shown(value) for key, value in row.items()} for row in rows)


def markdown(columns, rows):
    """`rows`: lists of cells."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"
