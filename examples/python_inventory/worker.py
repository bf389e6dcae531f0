#!/usr/bin/env python3
"""Inventory as a worker of Tasker, without any Tasker library: answers `inventory.check_stock`.

    python3 worker.py --redis redis://127.0.0.1:6379
    TASKER_KEY=… python3 worker.py --http http://127.0.0.1:8080

Take a command, do the work, answer it, and only then acknowledge it. A crash between any two of
these repeats the work; so work is done under a key that a repetition does not change.
"""

import argparse
import hashlib
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from envelope import failure, log, reply, seconds_left

SLOTS = 8  # commands in hand at once
# A command not heard of for this long goes to another worker; far below the time-out of its step.
LEASE_S = float(os.environ.get("INVENTORY_LEASE_S", "10"))
DELIVERIES_MAX = 10  # a command taken more often than this breaks its workers
STOCK = 100  # pieces of each article in the pretend warehouse
WORK_S = float(os.environ.get("INVENTORY_WORK_S", "0"))  # how long it takes to look


class Refused(Exception):
    """The step failed by its contract: it is not tried again."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def check_stock(data, key):
    """Reserves articles; the same key is the same reservation."""
    time.sleep(WORK_S)
    for sku, quantity in zip(data["product_ids"], data["quantities"]):
        if quantity > STOCK:
            raise Refused("out_of_stock", f'Of article "{sku}" there are {STOCK}, not {quantity}')
    return {"reserved": True, "reservation_id": hashlib.sha256(key.encode()).hexdigest()[:16]}


HANDLERS = {"inventory.check_stock": check_stock}


def answer(entry):
    """Does what a command asks; returns the reply, or None when nobody waits for one."""
    command, deliveries = entry.command, entry.deliveries
    if "taskerreplytoken" not in command:
        log(f"{command['id']} ({command['type']}) is only a notice, and needs no answer")
        return None
    if seconds_left(command, entry.age_s) <= 0:
        until = command["expirytime"]
        log(f"{command['id']} is dropped: it expired at {until}, the engine has given it up")
        return None
    if deliveries > DELIVERIES_MAX:
        return failure(command, "redelivery_exhausted", f"Taken {deliveries} times in vain")
    handler = HANDLERS.get(command["type"])
    if handler is None:
        return failure(command, "unknown_type", f'Type "{command["type"]}" is not known here')
    try:
        # `subject` is the same for every attempt of a step; `id` is another for each.
        return reply(command, "completed", handler(command["data"], command["subject"]))
    except Refused as refused:
        return failure(command, refused.code, str(refused))
    except Exception as error:
        return failure(command, "unexpected", repr(error), retryable=True)


class Worker:
    """Works on as many commands at once as it has slots, whichever way they come."""

    def __init__(self, channel):
        self.channel = channel
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        self.in_hand = {}

    def run(self):
        """Works until it is asked to stop, then finishes what is in hand."""
        threading.Thread(target=self.keep_leases, daemon=True).start()
        with ThreadPoolExecutor(SLOTS) as pool:
            while not self.stopping.is_set():
                try:
                    self.channel.open()
                    while not self.stopping.is_set():
                        self.take(pool)
                except self.channel.errors as error:
                    self.rest(error)
        try:
            self.channel.close()
        except self.channel.errors as error:
            log(f"left without a word: {error}")

    def take(self, pool):
        with self.changed:
            self.changed.wait_for(lambda: len(self.in_hand) < SLOTS, timeout=1)
            free = SLOTS - len(self.in_hand)
        if free == 0:
            return
        for entry in self.channel.take(free):
            if entry.id not in self.in_hand:
                self.in_hand[entry.id] = entry
                pool.submit(self.handle, entry)

    def handle(self, entry):
        try:
            if entry.command is None:
                self.insist(lambda: self.channel.dead_letter(entry))
            else:
                answered = answer(entry)
                self.insist(lambda: self.channel.settle(entry, answered))
        except Exception as error:
            log(f"{entry.id} is left to another worker: {error!r}")
        finally:
            with self.changed:
                del self.in_hand[entry.id]
                self.changed.notify()

    def insist(self, call):
        """Calls until it succeeds; a worker that ends leaves the entry to another."""
        while True:
            try:
                return call()
            except self.channel.errors as error:
                if self.stopping.is_set():
                    raise
                self.rest(error)

    def keep_leases(self):
        while True:
            time.sleep(LEASE_S / 3)
            entries = [entry for entry in list(self.in_hand.values()) if entry.command]
            try:
                if entries:
                    self.channel.keep(entries)
            except self.channel.errors as error:
                log(f"cannot keep what is in hand: {error}")

    def rest(self, error):
        log(f"rests: {error}")
        self.stopping.wait(random.uniform(0.5, 1.5))


def channel_of(options):
    if options.redis:
        from redis_channel import RedisChannel

        return RedisChannel(options.redis, LEASE_S)
    from http_channel import HttpChannel

    return HttpChannel(options.http, options.key, LEASE_S)


def main():
    parser = argparse.ArgumentParser(description="Answers inventory.check_stock.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--redis", metavar="URL", help="the engine's REDIS_URL")
    way.add_argument("--http", metavar="URL", help="the engine itself: needs no broker")
    parser.add_argument("--key", default=os.environ.get("TASKER_KEY"), help="with --http")
    options = parser.parse_args()
    if options.http and not options.key:
        parser.error("--http needs --key, or TASKER_KEY")
    worker = Worker(channel_of(options))
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: worker.stopping.set())
    log(f"takes commands (pid {os.getpid()})")
    worker.run()


if __name__ == "__main__":
    main()
