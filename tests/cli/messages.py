#!/usr/bin/env python3
"""Texts of errors in the sources: what they tell the user to give exists (keys, options, verbs, scripts), and they are of one style.
messages.py PROGRAM: the built program, whose help and default configuration say what there is."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
AMERICAN = re.compile(
    r"\b(colors?|gray|behavior\w*|neighbor\w*|center(?:s|ed)?|labeled|modeled|canceled|favor\w*|catalog"
    r"|(?:normal|quant|optim|initial|synchron|organ|recogn|summar|minim|maxim|serial|util|parallel)iz(?:e|es|ed|er|ing|ation)|analyz\w+)\b")


def told(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def calls(text):
    """The literals of each call that makes an error or advises on one, joined where they are in parts."""
    for match in re.finditer(r"\b(?:snn_fail|snn_advise|snn_usage_error|snn_out_of_memory)\(", text):
        depth, at, quoted = 1, match.end(), False
        while depth > 0:
            if quoted and text[at] == "\\":
                at += 1
            elif text[at] == '"':
                quoted = not quoted
            elif not quoted:
                depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        body = re.sub(r'"\s*\n\s*"', "", text[match.end() : at - 1])
        # Those of a call within are its own.
        inner = re.search(r"\bsnn_(?:fail|advise)\(", body)
        for literal in re.findall(r'"((?:[^"\\]|\\.)*)"', body[: inner.start()] if inner else body):
            if " " in literal:
                yield text.count("\n", 0, match.start()) + 1, literal.replace('\\"', '"')


def complaints(text, keys, options, verbs):
    sections = "|".join(sorted({key.split(".")[0] for key in keys}))
    for key in re.findall(rf"(?<![\w/.])((?:{sections})\.[a-z]\w*)", text):
        if key not in keys:
            yield f"there is no key {key}"
    for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", text):
        if option not in options:
            yield f"there is no option {option}"
    for verb in re.findall(r"\bsnn_dist ([a-z]+)\b", text):
        if verb not in verbs:
            yield f"there is no verb {verb}"
    for script in re.findall(r"\b(?:jobs|io|configs)/[\w.]+\w", text):
        if not (root / script).is_file():
            yield f"there is no {script}"
    if text.endswith((".", "!")) and not text.endswith("..."):
        yield "ends with a full stop"
    if re.match(r"(?!HDF5|MPI|OpenMP|ONNX|TOML)[A-Z]", text):
        yield "begins with a capital"
    for word in AMERICAN.findall(text.lower()):
        yield f"{word} is American"


def main():
    program = sys.argv[1]
    keys, section = set(), ""
    for line in told(program, "config").splitlines():
        section = line[1:-1] if re.fullmatch(r"\[\w+\]", line) else section
        key = re.match(r"#?(\w+) = ", line)
        if key:
            keys.add(f"{section}.{key[1]}")
    verbs = set(re.findall(r"(?m)^  snn_dist ([a-z]+)", told(program, "--help")))
    options = {"--version", "--help"}
    for verb in verbs:
        options.update(re.findall(r"--[a-z][a-z-]*", told(program, verb, "--help")))
    assert len(keys) > 40 and len(verbs) > 10 and len(options) > 15, (keys, verbs, options)
    # It sees what it is to see.
    for text in "give neuron.step", "give --rank 4", "snn_dist covert", "jobs/none.py", "Too large", "too large.", "normalized":
        assert list(complaints(text, keys, options, verbs)), text
    count = failures = 0
    for folder in "core", "partition", "comm", "io":
        for source in sorted((root / folder).rglob("*.c*")):
            for line, text in calls(source.read_text(errors="replace")):
                count += 1
                for complaint in complaints(text, keys, options, verbs):
                    failures += 1
                    print(f"{source.relative_to(root)}:{line}: {complaint}: {text}")
    assert count > 500, count
    print(f"{count} texts, {failures} complaints")
    return failures > 0


sys.exit(main())
