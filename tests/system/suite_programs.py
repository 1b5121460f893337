# SPDX-License-Identifier: Apache-2.0
"""The system tests of single modules: Catch2 programs next to this file, one test per test case."""
import glob
import os
import subprocess

from harness import BUILD, Skip, check, tests


def run_case(program, case):
    def run(_node):
        done = subprocess.run([program, case.replace(",", "\\,").replace("[", "\\[")], capture_output=True, text=True, timeout=300)
        skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIP: ")]
        if done.returncode == 0 and skipped:
            raise Skip(skipped[0][len("SKIP: "):])
        check(done.returncode == 0, lambda: done.stdout[-3000:] + done.stderr[-1000:])
        check("No test cases matched" not in done.stdout, "the program does not know its own test case")
    return run


for found in sorted(glob.glob(BUILD + "/tests/system/system_*")):
    if os.path.isfile(found) and os.access(found, os.X_OK):
        listing = subprocess.run([found, "--list-test-names-only"], capture_output=True, text=True).stdout
        tests.extend((line.strip(), run_case(found, line.strip())) for line in listing.splitlines() if line.strip())
