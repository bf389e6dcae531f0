"""The way over Redis Streams: an entry that was read is a consumer's until it is acknowledged."""

import json
import os
import socket
import sys
import uuid

from envelope import SYSTEM, Entry, log, parse

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError:
    sys.exit("The way over Redis needs one package: python3 -m pip install redis")

PREFIX = os.environ.get("TASKER_BUS_PREFIX", "tasker.workflows")
COMMANDS = f"{PREFIX}.cmd.{SYSTEM}"
DEAD = f"{PREFIX}.dead.{SYSTEM}"
GROUP = SYSTEM  # all workers of a system share its commands
BLOCK_MS = 2_000  # the longest wait for commands, and so for the end after SIGTERM


class RedisChannel:
    errors = (redis.RedisError, OSError)

    def __init__(self, url, lease_s):
        # Two processes under one name would take each other's entries for their own.
        self.consumer = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.lease_ms = int(lease_s * 1000)
        self.cursor = "0-0"
        self.redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",
            socket_timeout=BLOCK_MS / 1000 + 5,  # or a frozen broker would hold us for ever
            health_check_interval=10,
            # A server that was demoted answers so for ever: the retry opens another connection.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[redis.ReadOnlyError],
        )

    def open(self):
        """Makes the group, at the very first entry; anew when somebody deleted it."""
        try:
            self.redis.xgroup_create(COMMANDS, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def take(self, free):
        """Takes entries that nobody was heard of for a lease, else waits for new ones."""
        self.cursor, claimed, *deleted = self.redis.xautoclaim(
            COMMANDS, GROUP, self.consumer, self.lease_ms, self.cursor, count=free
        )
        if any(deleted):
            log(f"entries were trimmed before they were answered: {deleted}")
        if claimed:
            return self.entries_of((*one, self.deliveries(one[0])) for one in claimed if one[0])
        read = self.redis.xreadgroup(
            GROUP, self.consumer, {COMMANDS: ">"}, count=free, block=BLOCK_MS
        )
        return self.entries_of((*one, 1) for _, entries in read for one in entries)

    def entries_of(self, taken):
        """Makes entries; how long they have waited is by Redis's clock, which made their ids."""
        taken = list(taken)
        now_s = float(".".join(f"{part:06}" for part in self.redis.time())) if taken else 0
        return [entry_of(*one, now_s) for one in taken]

    def deliveries(self, id):
        pending = self.redis.xpending_range(COMMANDS, GROUP, id, id, 1)
        return pending[0]["times_delivered"] if pending else 1

    def keep(self, entries):
        """Says that entries are being worked on: their leases begin anew."""
        ids = [entry.id for entry in entries]
        self.redis.xclaim(COMMANDS, GROUP, self.consumer, 0, ids, justid=True)

    def settle(self, entry, answer):
        """Replies, and only then acknowledges: a crash between repeats a reply, and loses none."""
        if answer is not None:
            self.redis.xadd(entry.command["taskerreplyto"], {"ce": json.dumps(answer)})
        self.acknowledge(entry)

    def dead_letter(self, entry):
        """Puts aside what nobody can use, for people to look at."""
        dead = {
            "specversion": "1.0",
            "id": f"{entry.id}:dead",
            "source": f"/{SYSTEM}",
            "type": "tasker.envelope.dead",
            "data": {"channel": COMMANDS, "reason": "no envelope", "body": entry.body[:8192]},
        }
        self.redis.xadd(DEAD, {"ce": json.dumps(dead)})
        self.acknowledge(entry)

    def acknowledge(self, entry):
        """Removes the entry, too: XACK alone would leave it in the stream for ever."""
        with self.redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(COMMANDS, GROUP, entry.id).xdel(COMMANDS, entry.id).execute()

    def close(self):
        """Removes the consumer, unless it holds entries: they would be lost with it."""
        if not self.redis.xpending_range(COMMANDS, GROUP, "-", "+", 1, self.consumer):
            self.redis.xgroup_delconsumer(COMMANDS, GROUP, self.consumer)


def entry_of(id, fields, deliveries, now_s):
    body = fields.get("ce", json.dumps(fields))
    return Entry(id, body, parse(body), deliveries, now_s - int(id.split("-")[0]) / 1000)
