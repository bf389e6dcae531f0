"""A worker of Tasker over Redis Streams, in one file to copy: change SYSTEM and HANDLERS.

    python3 -m pip install redis
    REDIS_URL=redis://127.0.0.1:6379 python3 worker.py

Contract: docs/envelopes.md. A crash between working, answering and acknowledging repeats the work.
"""
import collections, hashlib, json, os, pathlib, random, signal, sys, threading, time, uuid
from datetime import datetime, timezone
import redis, redis.backoff, redis.retry

SYSTEM = "python_inventory"
PREFIX = os.environ.get("TASKER_BUS_PREFIX", "tasker.workflows")
COMMANDS, DEAD = f"{PREFIX}.cmd.{SYSTEM}", f"{PREFIX}.dead.{SYSTEM}"
CONSUMER = str(uuid.uuid4())  # two workers of one name would take each other's commands
SLOTS, DELIVERIES_MAX = 8, 10  # commands in hand at once; what comes more often breaks its workers
INSTANCE = os.environ.get("INSTANCE", "")  # its name, if it says hello: it may be ejected by it
LEASE_MS = int(os.environ.get("LEASE_MS", "10000"))  # silent for longer: another worker takes over
BLOCK_MS = 2_000  # the longest wait for a command, and so for the end after SIGTERM
CANCELLED_MAX = 1_000  # ids that are kept: their commands may be taken and not be in hand yet

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
AWAY = (redis.RedisError, OSError)
broker = redis.Redis.from_url(
    os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True,
    encoding_errors="replace", socket_timeout=BLOCK_MS / 1000 + 3,  # or a frozen one holds us up
    retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1), retry_on_error=[redis.ReadOnlyError])
stopping, in_hand = threading.Event(), {}
away = {}  # since when the broker does not answer; empty: it does
cancelled_ids, cancelling = collections.deque(maxlen=CANCELLED_MAX), threading.Lock()

def log(text):
    print(f"{SYSTEM}: {text}", file=sys.stderr, flush=True)

def parse(body):
    """Returns the command that a body is, or None when nobody can use it."""
    try:
        command = json.loads(body)
        needed = ["id", "type"] + ["subject", "taskerreplyto"] * ("taskerreplytoken" in command)
        lifetime_s(command)
        return command if all(isinstance(command[name], str) for name in needed) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None

def lifetime_s(command):
    """How long it was wanted when it was sent. Both times are the engine's: ours may be wrong."""
    if "expirytime" not in command:
        return float("inf")
    times = (command[name].replace("Z", "+00:00") for name in ("expirytime", "time"))
    until, sent = map(datetime.fromisoformat, times)
    return (until - sent).total_seconds()

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

def answer(command, deliveries, waited_s, cancelled):
    """Does what a command asks; returns the reply, or None when nobody waits for one."""
    if command["type"] == "tasker.step.cancelled":
        with cancelling:
            cancelled_ids.append(command.get("causationid"))
        for other, cancel in list(in_hand.values()):
            if other and other["id"] == command.get("causationid"):
                cancel.set()
    if "taskerreplytoken" not in command:
        return log(f"{command['id']} ({command['type']}) is a notice, and gets no answer")
    if cancelled.is_set():
        return log(f"{command['id']} is dropped: it was cancelled")
    if waited_s >= lifetime_s(command):
        return log(f"{command['id']} is dropped: it expired at {command['expirytime']}")
    if deliveries > DELIVERIES_MAX:
        return failed(command, "redelivery_exhausted", f"Taken {deliveries} times in vain")
    if command["type"] not in HANDLERS:
        return failed(command, "unknown_type", f'Type "{command["type"]}" is not known here')
    try:
        result = HANDLERS[command["type"]](command.get("data"), command["subject"], cancelled)
        return None if cancelled.is_set() else reply(command, "completed", result)
    except Refused as refused:
        return failed(command, *refused.args)
    except Exception as error:
        return failed(command, "unexpected", repr(error), retryable=True)

def again(call):
    """Calls until it succeeds: no answer is lost while the broker is away."""
    while True:
        try:
            return call()
        except AWAY as error:
            if stopping.is_set():
                raise  # another worker takes the command, when its lease ends
            rest(error)

def rest(error):
    """Waits, longer the longer the broker is away; says so at first, and then every 30 s."""
    now = time.monotonic()
    since = away.setdefault("since", now)
    if now >= away.get("silent_until", now):
        away["silent_until"] = now + 30
        log(f"rests: {error}")
    stopping.wait(random.uniform(0.5, 1.5) * min(1 + (now - since) / 10, 5))

def take(cursor):
    """Takes a command that nobody was heard of for a lease, else waits for a new one."""
    cursor, entries, *_ = broker.xautoclaim(COMMANDS, SYSTEM, CONSUMER, LEASE_MS, cursor, 1)
    if not entries:
        read = broker.xreadgroup(SYSTEM, CONSUMER, {COMMANDS: ">"}, 1, BLOCK_MS)
        entries = read[0][1] if read else []
    return cursor, [entry for entry in entries if entry[1] and entry[0] not in in_hand]

def handle(id, fields):
    """Works, answers, and only then acknowledges."""
    body = fields.get("ce", json.dumps(fields))
    command, cancelled = taken = parse(body), threading.Event()
    if in_hand.setdefault(id, taken) is not taken:
        return  # another slot has it since: its lease was over before it was in hand
    with cancelling:
        if command and command["id"] in cancelled_ids:
            cancelled.set()
    try:
        channel, envelope = DEAD, {
            "specversion": "1.0", "id": f"{id}:dead", "source": f"/{SYSTEM}",
            "type": "tasker.envelope.dead", "data": {"channel": COMMANDS, "body": body[:8192]}}
        if command and INSTANCE and INSTANCE in command.get("taskerejected", "").split():
            return stopping.wait(LEASE_MS / 500)  # it is ejected: meanwhile another one claims it
        if command:
            pending = again(lambda: broker.xpending_range(COMMANDS, SYSTEM, id, id, 1))
            seconds, microseconds = again(broker.time)  # Redis's clock made the id, too
            waited_s = seconds + microseconds / 1e6 - int(id.split("-")[0]) / 1000
            deliveries = pending[0]["times_delivered"] if pending else 1
            channel = command.get("taskerreplyto")
            envelope = answer(command, deliveries, waited_s, cancelled)
        if envelope:
            again(lambda: broker.xadd(channel, {"ce": json.dumps(envelope)}))
        again(lambda: broker.pipeline().xack(COMMANDS, SYSTEM, id).xdel(COMMANDS, id).execute())
    finally:
        del in_hand[id]

def work():
    """One slot: makes the group, from the first command on, and works until it is asked to end."""
    while not stopping.is_set():
        try:
            try:
                broker.xgroup_create(COMMANDS, SYSTEM, "0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            cursor = "0-0"
            while not stopping.is_set():
                cursor, entries = take(cursor)
                away.clear()
                for entry in entries:
                    handle(*entry)
        except AWAY as error:
            rest(error)

def keep_leases():
    """Takes what is in hand again, and again, so that no other worker does."""
    while True:
        threading.Event().wait(LEASE_MS / 3000)
        try:
            if ids := list(in_hand):
                broker.xclaim(COMMANDS, SYSTEM, CONSUMER, 0, ids, justid=True)
        except AWAY as error:
            log(f"cannot keep what is in hand: {error}")

for one in (signal.SIGTERM, signal.SIGINT):
    signal.signal(one, lambda *_: stopping.set())
slots = [threading.Thread(target=work) for _ in range(SLOTS)]
for thread in [*slots, threading.Thread(target=keep_leases, daemon=True)]:
    thread.start()
log("takes commands")
for slot in slots:
    slot.join()  # after SIGTERM, until what is in hand is answered
try:
    if not broker.xpending_range(COMMANDS, SYSTEM, "-", "+", 1, CONSUMER):
        broker.xgroup_delconsumer(COMMANDS, SYSTEM, CONSUMER)  # never one that still has commands
except AWAY as error:
    log(f"left without a word: {error}")
