#!/usr/bin/env python3
"""Runs a program and writes down the largest resident set that it had, in KiB:

    mpirun -np 4 jobs/peak.py FILE PROGRAM ARGUMENTS ...

Every rank writes its own file, FILE.0, FILE.1, ... (without mpirun: FILE.0), and the exit code is the program's. What
the program shares with others, as its libraries, counts in full.
"""
import os
import resource
import subprocess
import sys


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    code = subprocess.run(sys.argv[2:]).returncode
    with open(f"{sys.argv[1]}.{os.environ.get('OMPI_COMM_WORLD_RANK', 0)}", "w") as file:
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
    raise SystemExit(code if code >= 0 else 128 - code)  # as a shell says it of a signal


if __name__ == "__main__":
    main()
