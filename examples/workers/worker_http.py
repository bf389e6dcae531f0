"""A worker of Tasker over HTTP, in one file to copy: needs no broker and no package.

    TASKER_KEY=… TASKER_URL=http://127.0.0.1:8080 python3 worker_http.py

Change SYSTEM and HANDLERS. Contract: docs/envelopes.md. A command that is not answered within its
lease is delivered again; what gives a sign of life keeps it.
"""
import hashlib, http.client, json, os, pathlib, random, signal, sys, threading, time
import urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

SYSTEM = "python_inventory"
URL = f"{os.environ.get('TASKER_URL', 'http://127.0.0.1:8080')}/v1/bus/{SYSTEM}"
HEADERS = {"authorization": f"Bearer {os.environ.get('TASKER_KEY', '')}",
           "content-type": "application/json"}
SLOTS = 8  # commands in hand at once
LEASE_MS = int(os.environ.get("LEASE_MS", "10000"))  # silent for longer: another worker takes over
INSTANCE = os.environ.get("INSTANCE")  # its name, if it is registered: it may be ejected by it
WHO = {"instance": INSTANCE} if INSTANCE else {}
WAIT_MS = 2_000  # the longest poll, and so the longest wait for the end after SIGTERM

class Refused(Exception):
    """The step failed by its contract, for good. Arguments: a code, and a sentence."""

def check_stock(data, key, cancelled):
    """Reserves articles. All attempts of a step have one key: do nothing twice under one key."""
    if any(quantity > 100 for quantity in data["quantities"]):
        raise Refused("out_of_stock", "There are 100 pieces of each article")
    cancelled.wait(int(os.environ.get("WORK_MS", "0")) / 1000)
    pathlib.Path(os.environ.get("LEDGER", "/tmp"), key).touch()
    return {"reserved": True, "reservation_id": hashlib.sha256(key.encode()).hexdigest()[:16]}

HANDLERS = {"inventory.check_stock": check_stock}
AWAY = (OSError, ValueError, http.client.HTTPException)
stopping, changed, in_hand = threading.Event(), threading.Condition(), {}
away = {}  # since when the engine does not answer; empty: it does

def log(text):
    print(f"{SYSTEM}: {text}", file=sys.stderr, flush=True)

def rest(error):
    """Waits, longer the longer the engine is away; says so at first, and then every 30 s."""
    now = time.monotonic()
    since = away.setdefault("since", now)
    if now >= away.get("silent_until", now):
        away["silent_until"] = now + 30
        log(f"rests: {error}")
    stopping.wait(random.uniform(0.5, 1.5) * min(1 + (now - since) / 10, 5))

def post(path, body):
    request = urllib.request.Request(f"{URL}/{path}", json.dumps(body).encode(), HEADERS)
    with urllib.request.urlopen(request, timeout=WAIT_MS / 1000 + 15) as response:
        return json.load(response)

def reply(command, kind, data):
    """Made again it has the same id, so that a repeat is known as one."""
    copied = ("subject", "correlationid", "traceparent", "taskerattempt", "taskerreplytoken")
    return {"specversion": "1.0", "id": f"{command['id']}:{kind}", "source": f"/{SYSTEM}",
            "type": f"tasker.step.{kind}", "time": datetime.now(timezone.utc).isoformat(),
            "causationid": command["id"], "datacontenttype": "application/json",
            **({"taskerinstance": INSTANCE} if INSTANCE else {}),
            **{name: command[name] for name in copied if name in command}, "data": data}

def failed(command, code, message, retryable=False):
    error = {"error_code": code, "error_message": message, "retryable": retryable}
    return reply(command, "failed", error)

def answer(command, cancelled):
    """Does what a command asks. The engine delivers nothing that has expired."""
    if command["type"] not in HANDLERS:
        return failed(command, "unknown_type", f'Type "{command["type"]}" is not known here')
    try:
        result = HANDLERS[command["type"]](command.get("data"), command["subject"], cancelled)
        if cancelled.is_set():  # nobody reads it, but what is not answered would come again
            return failed(command, "cancelled", "The step was cancelled")
        return reply(command, "completed", result)
    except Refused as refused:
        return failed(command, *refused.args)
    except Exception as error:
        return failed(command, "unexpected", repr(error), retryable=True)

def handle(command, cancelled):
    """Works, and repeats the answer until it has arrived; the engine knows a repeat by its id."""
    answered = answer(command, cancelled)
    while True:
        try:
            post("replies", answered)
        except urllib.error.HTTPError as error:
            if error.code >= 500 or error.code == 429:
                rest(error)
                continue
            log(f"the reply to {command['id']} is refused for good: {error.read().decode()}")
        except AWAY as error:
            if not stopping.is_set():
                rest(error)
                continue
            log(f"{command['id']} is left to another worker: {error}")
        break
    with changed:
        del in_hand[command["id"]]
        changed.notify()

def take(pool):
    """Waits for commands, for as many as there are free slots."""
    with changed:
        if not changed.wait_for(lambda: len(in_hand) < SLOTS, timeout=1):
            return
        free = SLOTS - len(in_hand)
    for command in post("poll", {"max": free, "waitMs": WAIT_MS, "leaseMs": LEASE_MS, **WHO})["envelopes"]:
        if command["type"] == "tasker.step.cancelled" and command.get("causationid") in in_hand:
            in_hand[command["causationid"]][1].set()
        if "taskerreplytoken" not in command:
            log(f"{command['id']} ({command['type']}) is a notice, and gets no answer")
        elif command["id"] not in in_hand:
            in_hand[command["id"]] = (command, threading.Event())
            pool.submit(handle, *in_hand[command["id"]])

def keep_leases():
    while True:
        threading.Event().wait(LEASE_MS / 3000)
        try:
            if signs := [reply(command, "progress", {}) for command, _ in list(in_hand.values())]:
                post("replies", signs)
        except AWAY as error:
            log(f"cannot keep what is in hand: {error}")

for one in (signal.SIGTERM, signal.SIGINT):
    signal.signal(one, lambda *_: stopping.set())
threading.Thread(target=keep_leases, daemon=True).start()
log("takes commands")
with ThreadPoolExecutor(SLOTS) as pool:  # its end waits for what is in hand
    while not stopping.is_set():
        try:
            take(pool)
            away.clear()
        except AWAY as error:
            rest(error)
