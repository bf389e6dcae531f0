#!/usr/bin/env python3
"""A shop that starts an order workflow for each of its orders, without any Tasker library.

    python3 produce.py --redis redis://127.0.0.1:6379 --orders 10
    TASKER_KEY=… python3 produce.py --http http://127.0.0.1:8080 --orders 10

Over Redis it speaks as system `rails_app`, on that system's inbound channel: a system may start the
workflows of namespaces in which it owns a step. Both ways say which order it is, so that a start
that is sent again, for whatever reason, starts nothing twice.
"""

import argparse
import http.client
import json
import os
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone

SYSTEM = "rails_app"
INBOUND = f"{os.environ.get('TASKER_BUS_PREFIX', 'tasker.workflows')}.in.{SYSTEM}"
REST_S = 1


def order(number, options):
    """Makes an order as the shop would have it."""
    return {
        "orderId": f"{options.prefix}-{number}",
        "customer": "ada@example.org",
        "items": [{"sku": "lamp", "quantity": 1 + number % 3}],
        "amountCents": options.cents or 1000 + number,
        "currency": "EUR",
    }


def redis_way(url, workflow):
    """Returns how to start an order by an envelope on the inbound channel."""
    try:
        import redis
    except ImportError:
        sys.exit("The way over Redis needs one package: python3 -m pip install redis")
    client = redis.Redis.from_url(url, socket_timeout=5)

    def start(order):
        envelope = {
            "specversion": "1.0",
            "id": order["orderId"],  # source and id together name the start, for ever
            "source": f"/{SYSTEM}",
            "type": "tasker.task.start",
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "datacontenttype": "application/json",
            "data": {"workflow": workflow, "input": order},
        }
        client.xadd(INBOUND, {"ce": json.dumps(envelope)})

    return start, (redis.RedisError, OSError)


def http_way(url, key, workflow):
    """Returns how to start an order by a request."""

    def start(order):
        body = json.dumps({"workflow": workflow, "input": order}).encode()
        headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "idempotency-key": order["orderId"],
        }
        request = urllib.request.Request(f"{url.rstrip('/')}/v1/tasks", body, headers)
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                sys.exit(f"order {order['orderId']} is refused: {error.read().decode()}")
            raise

    return start, (OSError, http.client.HTTPException)


def insist(start, order, errors):
    """Starts an order, again and again until it is known to have arrived."""
    while True:
        try:
            return start(order)
        except errors as error:
            print(f"order_producer: rests: {error}", file=sys.stderr, flush=True)
            time.sleep(REST_S)


def main():
    parser = argparse.ArgumentParser(description="Starts an order workflow for each order.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--redis", metavar="URL", help="the engine's REDIS_URL")
    way.add_argument("--http", metavar="URL", help="the engine itself: needs no broker")
    parser.add_argument("--key", default=os.environ.get("TASKER_KEY"), help="with --http")
    parser.add_argument("--orders", type=int, default=10, help="how many")
    parser.add_argument("--prefix", default="shop", help="begins each order's id")
    parser.add_argument(
        "--workflow", default="orders/distributed_order_processing", help="what an order starts"
    )
    parser.add_argument("--cents", type=int, help="what each order costs")
    options = parser.parse_args()
    if options.http and not options.key:
        parser.error("--http needs --key, or TASKER_KEY")
    start, errors = (
        redis_way(options.redis, options.workflow)
        if options.redis
        else http_way(options.http, options.key, options.workflow)
    )
    for number in range(1, options.orders + 1):
        insist(start, order(number, options), errors)
    print(f"order_producer: {options.orders} orders are on their way", file=sys.stderr)


if __name__ == "__main__":
    main()
