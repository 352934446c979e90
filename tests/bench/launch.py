"""Runs one program and prints its times and memory; small, because the program starts with the memory of its parent.

Linux counts the memory of the process that starts a program as the least that the program ever had. So the programs of
the benchmark are started by this file, in a Python that has imported next to nothing: `python -I -S launch.py RESULT
SECONDS PROGRAM ...` writes to the file RESULT, and ends the program after SECONDS.
"""

import os
import signal
import sys
import time


def main() -> None:
    result, limit, *command = sys.argv[1:]
    begun = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(int(limit))
    _, status, used = os.wait4(child, 0)
    took = time.perf_counter() - begun
    code = os.waitstatus_to_exitcode(status)
    with open(result, "w") as file:
        print(took, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, code, file=file)


main()
