"""Envelopes: CloudEvents 1.0 in JSON, and the few attributes that Tasker adds."""

import json
import sys
from datetime import datetime, timezone
from typing import NamedTuple

SYSTEM = "python_inventory"


class Entry(NamedTuple):
    """What a channel brought: `command` is None when `body` is no envelope."""

    id: str
    body: str
    command: object
    deliveries: int
    age_s: float  # how long it has waited


def parse(body):
    """Returns the envelope that a body is, or None when nobody can use it."""
    try:
        envelope = json.loads(body)
        needed = ["id", "type"]
        if "taskerreplytoken" in envelope:
            needed += ["subject", "taskerreplyto"]
        seconds_left(envelope, 0)
        return envelope if all(isinstance(envelope[name], str) for name in needed) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def seconds_left(envelope, age_s):
    """Returns how long the answer of a command, that has waited for `age_s`, is still wanted.

    Both times are the engine's: a worker whose clock is wrong would drop what is wanted.
    """
    if "time" not in envelope or "expirytime" not in envelope:
        return float("inf")
    sent, until = (
        datetime.fromisoformat(envelope[name].replace("Z", "+00:00"))
        for name in ("time", "expirytime")
    )
    return (until - sent).total_seconds() - age_s


def reply(command, kind, data):
    """Makes a reply. Made again it has the same id, so that a repeat is known as one."""
    copied = ("subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken")
    return {
        "specversion": "1.0",
        "id": f"{command['id']}:{kind}",
        "source": f"/{SYSTEM}",
        "type": f"tasker.step.{kind}",
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "causationid": command["id"],
        "datacontenttype": "application/json",
        **{name: command[name] for name in copied if name in command},
        "data": data,
    }


def failure(command, code, message, retryable=False):
    """Makes the reply of a failure; only a retryable one is tried again."""
    data = {"error_code": code, "error_message": message, "retryable": retryable}
    return reply(command, "failed", data)


def log(text):
    """Logs what happens, for people."""
    print(f"{SYSTEM}: {text}", file=sys.stderr, flush=True)
