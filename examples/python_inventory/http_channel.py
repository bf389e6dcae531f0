"""The way over HTTP, without a broker: a command that is not answered in time comes again."""

import http.client
import json
import urllib.error
import urllib.request

from envelope import SYSTEM, Entry, log, reply

WAIT_MS = 2_000  # the longest poll, and so the longest wait for the end after SIGTERM


class HttpChannel:
    errors = (OSError, ValueError, http.client.HTTPException)

    def __init__(self, url, key, lease_s):
        self.base = f"{url.rstrip('/')}/v1/bus/{SYSTEM}"
        self.headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self.lease_ms = int(lease_s * 1000)

    def open(self):
        """There is nothing to open."""

    def take(self, free):
        """Waits for commands."""
        wanted = {"max": free, "waitMs": WAIT_MS, "leaseMs": self.lease_ms}
        commands = self.post("poll", wanted)["envelopes"]
        # The engine hands over nothing that has expired.
        return [Entry(command["id"], "", command, 1, age_s=0) for command in commands]

    def keep(self, entries):
        """Shows signs of life: each begins a lease anew."""
        for entry in entries:
            self.settle(entry, reply(entry.command, "progress", {}))

    def settle(self, entry, answer):
        """Replies; that acknowledges, too."""
        if answer is None:
            return
        try:
            self.post("replies", answer)
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code == 429:
                raise
            log(f"the reply to {entry.id} is refused for good: {error.read().decode()}")

    def close(self):
        """There is nothing to close."""

    def post(self, path, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.base}/{path}", data, self.headers)
        with urllib.request.urlopen(request, timeout=WAIT_MS / 1000 + 15) as response:
            return json.load(response)
