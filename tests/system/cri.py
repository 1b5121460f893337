# SPDX-License-Identifier: Apache-2.0
"""The CRI from Python, through the program cri_call: cri.Version(), cri.ContainerStatus(container_id=...).
Messages are dictionaries with the field names of api.proto; 64-bit numbers come back as strings. A Stream* call
returns the list of its messages; Events are those of GetContainerEvents."""
import concurrent.futures
import itertools
import json
import subprocess
import threading


class RpcError(Exception):
    def __init__(self, method, code, message):
        super().__init__(f"{method}: {code}: {message}")
        self.code, self.message = code, message


class Cri:
    def __init__(self, program, socket):
        self._process = subprocess.Popen([program, socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._ids, self._lock, self._waiting, self._pieces = itertools.count(1), threading.Lock(), {}, {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            if answer.get("more"):
                self._pieces.setdefault(answer["id"], []).append(answer["response"])
                continue
            method, future = self._waiting.pop(answer["id"])
            pieces = self._pieces.pop(answer["id"], [])
            if answer["code"] == "OK":
                future.set_result(pieces if method.startswith("Stream") else answer.get("response") or {})
            else:
                future.set_exception(RpcError(method, answer["code"], answer["message"]))

    def start(self, method, request, timeout=60):
        """A future of the response."""
        future = concurrent.futures.Future()
        with self._lock:
            number = next(self._ids)
            self._waiting[number] = (method, future)
            line = {"id": number, "method": method, "timeout": timeout, "request": request}
            self._process.stdin.write(json.dumps(line) + "\n")
            self._process.stdin.flush()
        return future

    def call(self, method, request, timeout=60):
        return self.start(method, request, timeout).result(timeout + 30)

    def __getattr__(self, method):
        if not method[:1].isupper():
            raise AttributeError(method)
        return lambda rpc_timeout=60, **request: self.call(method, request, rpc_timeout)

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Events:
    """GetContainerEvents on a connection of its own; `seen` grows."""
    KINDS = {f"CONTAINER_{kind}_EVENT": kind.lower() for kind in ("CREATED", "STARTED", "STOPPED", "DELETED")}

    def __init__(self, node, program):
        self.seen, self.end = [], None
        command = [program, node.socket]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdin.write(json.dumps({"id": 1, "method": "GetContainerEvents", "timeout": 3600}) + "\n")
        self.process.stdin.flush()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("more"):
                self.seen.append(answer["response"])
            else:
                self.end = answer

    def of(self, identifier):
        """The kinds of events of one object, in their order."""
        return [self.KINDS[event["container_event_type"]] for event in list(self.seen) if event["container_id"] == identifier]

    def close(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
