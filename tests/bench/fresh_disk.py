# SPDX-License-Identifier: Apache-2.0
"""A file system to measure on. Where much has just been deleted, ext4 is another file system: each run has one of its own."""
import os
import subprocess
import tempfile

import harness


class FreshDisk:
    """A journalled ext4 that nobody has used before, in a file in `directory`; mounted at `root`."""

    def __init__(self, directory, gigabytes=12):
        self.root = tempfile.mkdtemp(prefix="disk-", dir=harness.BASE)
        with tempfile.NamedTemporaryFile(dir=directory) as file:
            subprocess.run(["fallocate", "-l", str(gigabytes << 30), file.name], check=True)
            # Discarding would undo the allocation.
            subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", file.name], check=True)
            device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", file.name], check=True, capture_output=True, text=True)
            self.device = device.stdout.strip()
            subprocess.run(["mount", self.device, self.root], check=True)
            subprocess.run(["losetup", "--detach", self.device], check=True)  # once it is not mounted any more

    def __enter__(self):
        return self.root

    def __exit__(self, *_):
        subprocess.run(["umount", self.root])
        os.rmdir(self.root)
