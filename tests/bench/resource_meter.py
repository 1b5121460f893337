# SPDX-License-Identifier: Apache-2.0
"""What a runtime with all its workers takes: CPU time and memory of a cgroup that it is started in."""
import os
import threading
import time

import isolate

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_SECONDS = 0.02
_QUIET_SECONDS = 0.5


class ResourceMeter:
    def __init__(self, parent):
        for hierarchy in isolate.hierarchies():
            names = os.path.basename(hierarchy).split(",")
            clock = "cpuacct.usage" if "cpuacct" in names else "cpu.stat" if hierarchy == isolate.CGROUPS else None
            if clock:
                self._group, self._clock = f"{hierarchy}{parent}/measured", clock
                os.makedirs(self._group, exist_ok=True)
                return
        raise AssertionError("no cgroup counts CPU time")

    def join(self):
        """For subprocess's preexec_fn."""
        with open(self._group + "/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))

    def cpu(self):
        """Seconds, of all that ever ran in it."""
        with open(f"{self._group}/{self._clock}") as file:
            text = file.read().split()
        return int(text[0]) / 1e9 if len(text) == 1 else int(text[text.index("usage_usec") + 1]) / 1e6

    def memory(self):
        """Bytes resident; what processes share counts for each of them."""
        total = 0
        with open(self._group + "/cgroup.procs") as file:
            pids = file.read().split()
        for pid in pids:
            try:
                with open(f"/proc/{pid}/statm") as file:
                    total += int(file.read().split()[1]) * _PAGE
            except OSError:
                pass  # it has ended
        return total

    def measured(self, action):
        """Runs it: its seconds, the CPU seconds, the largest memory."""
        done, peak = threading.Event(), [self.memory()]

        def sample():
            while not done.wait(_SAMPLE_SECONDS):
                peak[0] = max(peak[0], self.memory())
        sampler = threading.Thread(target=sample)
        sampler.start()
        cpu, began = self.cpu(), time.monotonic()
        try:
            action()
            return time.monotonic() - began, self.cpu() - cpu, peak[0]
        finally:
            done.set()
            sampler.join()

    def wait_until_idle(self, seconds=60):
        """Until nothing goes on in the background any more."""
        deadline = time.monotonic() + seconds
        before = self.cpu()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS)
            now = self.cpu()
            if now - before < 0.01 * _QUIET_SECONDS:
                return
            before = now
        raise AssertionError(f"still busy after {seconds} s")
