/**
 * Labelled failures: errors as real software words them, in scenes that are drawn at random.
 *
 * Every second error of a type is held out: weights and patterns were set without looking at those.
 */

import type { FailureClass } from "../../src/core/event.ts";
import type { FailureType } from "../../src/core/healing.ts";

/** Who is hit by a failure, from its beginning on. */
export type Hits =
  | "all" // every attempt of the step
  | "some" // each attempt with a chance of a half
  | "system" // every attempt of all steps of the system
  | "instance" // attempts that one of four instances answers
  | "tag" // tasks of one of six tenants
  | "version" // tasks of a version that came with the failure
  | "policy" // attempts under a version of the policy that came with it
  | "task" // one task, in all its attempts
  | "slow" // attempts that are slower than the time-out, because all became slower
  | "narrow" // attempts that are slower than the time-out, as some always are
  | "flap" // all attempts, in stretches
  | "once"; // one attempt of an at-most-once step

/** An error and what it is. */
export interface Case {
  readonly type: FailureType;
  readonly hits: Hits;
  readonly class: FailureClass;
  readonly code?: string;
  readonly message: string;
}

type Row = readonly [hits: Hits, cls: FailureClass, code: string, message: string];

const ROWS: Readonly<Record<FailureType, readonly Row[]>> = {
  timeout: [
    ["narrow", "timed_out", "timed_out", "The attempt took too long"],
    [
      "some",
      "thrown",
      "thrown",
      "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    ],
    ["some", "thrown", "thrown", "Net::ReadTimeout with #<TCPSocket:(closed)>"],
    ["narrow", "timed_out", "timed_out", "The attempt took too long"],
    ["some", "thrown", "57014", "canceling statement due to statement timeout"],
    ["some", "thrown", "thrown", "java.net.SocketTimeoutException: Read timed out"],
    ["some", "thrown", "UND_ERR_HEADERS_TIMEOUT", "Headers Timeout Error"],
    [
      "some",
      "thrown",
      "thrown",
      "Operation timed out after 30001 milliseconds with 0 bytes received",
    ],
  ],
  latency_shift: [
    ["slow", "timed_out", "timed_out", "The attempt took too long"],
    ["slow", "timed_out", "timed_out", "The attempt took too long"],
    ["slow", "timed_out", "timed_out", "The attempt took too long"],
    ["slow", "timed_out", "timed_out", "The attempt took too long"],
  ],
  overload: [
    ["some", "thrown", "53300", "sorry, too many clients already"],
    [
      "some",
      "thrown",
      "thrown",
      "Task FutureTask@1b2c rejected from ThreadPoolExecutor[Running, pool size = 20, queued tasks = 100]",
    ],
    ["some", "thrown", "http_529", "POST https://api.model.example was answered 529: Overloaded"],
    ["some", "timed_out", "queue_timed_out", "The step waited too long to be started"],
    ["some", "thrown", "thrown", "server is at capacity, please try again later"],
    ["some", "thrown", "ER_CON_COUNT_ERROR", "Too many connections"],
  ],
  dependency_down: [
    ["all", "thrown", "thrown", "connect ECONNREFUSED 10.1.2.3:443"],
    ["system", "thrown", "thrown", "dial tcp 10.2.3.4:443: connect: connection refused"],
    [
      "all",
      "thrown",
      "http_503",
      "GET https://stock.example was answered 503: Service Temporarily Unavailable",
    ],
    [
      "all",
      "thrown",
      "thrown",
      "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
    ],
    ["system", "timed_out", "timed_out", "The attempt took too long"],
    ["all", "thrown", "57P03", "the database system is starting up"],
    ["all", "thrown", "thrown", "PG::ConnectionBad: server closed the connection unexpectedly"],
    ["system", "thrown", "thrown", "rpc error: code = Unavailable desc = transport is closing"],
    [
      "all",
      "thrown",
      "thrown",
      "Errno::EHOSTUNREACH: No route to host - connect(2) for 10.9.8.7:80",
    ],
    [
      "all",
      "thrown",
      "http_502",
      "POST https://pay.example was answered 502: <html><title>Bad Gateway</title></html>",
    ],
  ],
  flapping: [
    ["flap", "thrown", "thrown", "connect ECONNREFUSED 10.1.2.3:443"],
    ["flap", "thrown", "http_503", "GET https://stock.example was answered 503"],
    ["flap", "thrown", "thrown", "socket hang up"],
    ["flap", "timed_out", "timed_out", "The attempt took too long"],
  ],
  partial_endpoint: [
    [
      "all",
      "failed",
      "http_404",
      "POST https://pay.example was answered 404: no such route /v2/refunds",
    ],
    [
      "all",
      "thrown",
      "thrown",
      "rpc error: code = Unimplemented desc = unknown service billing.v2.Refunds",
    ],
    [
      "all",
      "failed",
      "http_410",
      "GET https://pay.example was answered 410: This endpoint has been removed",
    ],
    [
      "all",
      "thrown",
      "http_500",
      "POST https://pay.example was answered 500: internal server error",
    ],
    ["all", "failed", "http_405", "PUT https://pay.example was answered 405: Method Not Allowed"],
    ["all", "thrown", "thrown", "XMLRPC::FaultException: requested method createRefund not found"],
  ],
  worker_local: [
    ["instance", "thrown", "thrown", "Illegal instruction in module resize"],
    ["instance", "thrown", "thrown", "connect ECONNREFUSED 127.0.0.1:9000"],
    ["instance", "timed_out", "timed_out", "The attempt took too long"],
    [
      "instance",
      "thrown",
      "thrown",
      "failed to load libvips.so.42: cannot open shared object file",
    ],
    ["instance", "thrown", "thrown", "unexpected internal failure 77"],
    ["instance", "thrown", "thrown", "GPU 0 has fallen off the bus"],
  ],
  rate_limit: [
    ["some", "failed", "http_429", "POST https://mail.example was answered 429: slow down"],
    ["some", "thrown", "ThrottlingException", "Rate exceeded"],
    ["some", "thrown", "thrown", "You have exceeded your API request quota per second"],
    ["some", "failed", "rate_limited", "API rate limit exceeded for installation ID 123456"],
    ["some", "failed", "limit", "Request was throttled. Expected available in 32 seconds."],
    [
      "some",
      "thrown",
      "RESOURCE_EXHAUSTED",
      "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'",
    ],
    ["some", "failed", "too_many", "We received too many requests from you, come back in a minute"],
    ["some", "thrown", "thrown", "SlowDown: Please reduce your request rate"],
  ],
  auth: [
    ["all", "failed", "http_401", "GET https://crm.example was answered 401: Unauthorized"],
    ["all", "thrown", "thrown", "invalid_grant: Token has been expired or revoked."],
    ["all", "thrown", "ExpiredToken", "The security token included in the request is expired"],
    ["all", "thrown", "28P01", 'password authentication failed for user "app"'],
    ["all", "thrown", "thrown", "certificate has expired"],
    ["all", "failed", "invalid_key", "Invalid API Key provided: sk_live_***abcd"],
    [
      "system",
      "failed",
      "http_403",
      "POST https://crm.example was answered 403: Insufficient scopes",
    ],
    [
      "all",
      "thrown",
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided",
    ],
  ],
  validation: [
    ["some", "failed", "amount_too_small", "Amount must be at least 50 cents"],
    ["some", "failed", "http_422", "POST https://crm.example was answered 422: email is invalid"],
    ["some", "failed", "card_declined", "Your card was declined."],
    ["some", "failed", "invalid", "Validation failed: Name can't be blank"],
    ["some", "thrown", "thrown", "rpc error: code = InvalidArgument desc = zip code is required"],
    ["some", "failed", "out_of_stock", "quantity should be a number between 1 and 10"],
    ["some", "failed", "http_400", "POST https://crm.example was answered 400: bad date"],
    [
      "some",
      "failed",
      "insufficient_funds",
      "The account has insufficient funds for this transfer",
    ],
  ],
  contract_drift: [
    [
      "all",
      "contract_violation",
      "contract_violation",
      "The result breaks the success contract: total: expected number, received string",
    ],
    [
      "all",
      "contract_violation",
      "contract_violation",
      "The result breaks the success contract: reserved: is missing",
    ],
    [
      "all",
      "thrown",
      "thrown",
      "json: cannot unmarshal string into Go struct field Order.total of type float64",
    ],
    [
      "all",
      "thrown",
      "thrown",
      'Unrecognized field "discount" (class Order), not marked as ignorable',
    ],
    [
      "all",
      "thrown",
      "thrown",
      "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    ],
    ["all", "thrown", "thrown", "Cannot deserialize value of type `java.time.Instant` from String"],
    ["all", "thrown", "thrown", "unsupported API version 2023-01-01, expected 2024-06-01"],
    ["all", "thrown", "thrown", "protobuf: wire type mismatch for field 4"],
  ],
  poison: [
    ["task", "thrown", "thrown", "RangeError: Maximum call stack size exceeded"],
    ["task", "thrown", "thrown", "cannot read properties of null (reading 'lines')"],
    ["task", "thrown", "thrown", "failed to render page 7"],
    [
      "task",
      "failed",
      "http_413",
      "POST https://ocr.example was answered 413: Request Entity Too Large",
    ],
    [
      "task",
      "thrown",
      "thrown",
      "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0",
    ],
    ["task", "thrown", "thrown", "integer overflow while summing positions"],
  ],
  data_quality: [
    ["tag", "failed", "not_found", "Customer cus_8812 not found"],
    ["tag", "thrown", "22021", 'invalid byte sequence for encoding "UTF8": 0x00'],
    [
      "tag",
      "thrown",
      "23503",
      'insert or update on table "orders" violates foreign key constraint "orders_customer_fk"',
    ],
    ["tag", "failed", "bad_row", "the ledger of this tenant does not add up"],
    ["tag", "thrown", "thrown", "could not convert string to float: '12,50 EUR'"],
    [
      "tag",
      "undeliverable",
      "mapping_failed",
      "The mapping has no value: $.input.address.zip is missing",
    ],
  ],
  ambiguous_side_effect: [
    ["once", "timed_out", "timed_out", "The attempt took too long"],
    ["once", "thrown", "thrown", "socket hang up"],
    ["some", "thrown", "23505", 'duplicate key value violates unique constraint "payments_pkey"'],
    ["some", "failed", "http_409", "POST https://pay.example was answered 409: already captured"],
    [
      "some",
      "failed",
      "idempotency_error",
      "Keys for idempotent requests can only be used with the same parameters",
    ],
    ["some", "failed", "already_refunded", "Charge ch_123 has already been refunded."],
  ],
  interrupted: [
    ["some", "interrupted", "interrupted", "The node that ran the attempt died"],
    ["some", "thrown", "thrown", "worker received SIGTERM"],
    [
      "some",
      "interrupted",
      "interrupted",
      "The event loop of the node that ran the attempt hung, and the node was ended",
    ],
    ["some", "thrown", "thrown", "the container was evicted while it ran"],
  ],
  deploy_regression: [
    ["version", "thrown", "thrown", "cannot read properties of undefined (reading 'id')"],
    ["version", "thrown", "thrown", "undefined method `total' for nil:NilClass"],
    ["version", "thrown", "thrown", "price engine gave no price"],
    [
      "version",
      "contract_violation",
      "contract_violation",
      "The result breaks the success contract: state: is missing",
    ],
    ["version", "thrown", "thrown", "assertion failed: lines > 0"],
    ["version", "timed_out", "timed_out", "The attempt took too long"],
  ],
  config: [
    ["all", "thrown", "thrown", "getaddrinfo ENOTFOUND paymnts.internal"],
    ["all", "thrown", "thrown", "Missing required configuration: SMTP_HOST"],
    [
      "all",
      "undeliverable",
      "egress_refused",
      "Cannot request https://new.example: no rule allows this host",
    ],
    ["policy", "thrown", "thrown", "call refused by client"],
    ["all", "thrown", "thrown", "environment variable STRIPE_KEY is not set"],
    ["all", "thrown", "3D000", 'database "orders_prod" does not exist'],
    ["all", "thrown", "thrown", "ENOENT: no such file or directory, open '/etc/app/tls.pem'"],
    ["policy", "thrown", "thrown", "operation gave nothing"],
  ],
  resource: [
    ["some", "thrown", "thrown", "JavaScript heap out of memory"],
    ["some", "thrown", "thrown", "OSError: [Errno 24] Too many open files"],
    ["some", "thrown", "thrown", "Command terminated with exit code 137"],
    ["some", "thrown", "thrown", "java.lang.OutOfMemoryError: GC overhead limit exceeded"],
    ["some", "thrown", "53200", "out of shared memory"],
    ["some", "thrown", "thrown", "fork: retry: Resource temporarily unavailable"],
  ],
  storage: [
    ["some", "thrown", "thrown", "ENOSPC: no space left on device, write"],
    ["some", "thrown", "53100", "could not extend file base/16384: No space left on device"],
    ["some", "thrown", "thrown", "OSError: [Errno 30] Read-only file system: '/data/out'"],
    ["some", "thrown", "thrown", "SQLITE_BUSY: database is locked"],
    ["some", "thrown", "XX001", "invalid page in block 3 of relation base/16384/16385"],
    ["some", "thrown", "thrown", "Input/output error (os error 5)"],
  ],
  bus: [
    ["all", "undeliverable", "bus_unavailable", "Cannot publish: the broker does not answer"],
    ["some", "thrown", "thrown", "KafkaError: NOT_LEADER_FOR_PARTITION"],
    ["some", "thrown", "thrown", "Channel closed: 404 (NOT_FOUND) - no queue 'mail' in vhost '/'"],
    ["some", "thrown", "thrown", "nats: no responders available for request"],
    ["some", "thrown", "thrown", "AMQPConnectionError: broker forced the close of the connection"],
    ["all", "undeliverable", "undeliverable", "the stream tasker.commands has no leader"],
  ],
  clock: [
    [
      "all",
      "thrown",
      "RequestTimeTooSkewed",
      "The difference between the request time and the current time is too large.",
    ],
    ["some", "thrown", "thrown", "token used before issued: iat is in the future"],
    ["all", "failed", "-1021", "Timestamp for this request is outside of the recvWindow."],
    ["all", "thrown", "thrown", "x: the local clock is 412 s ahead of the server"],
    ["some", "thrown", "thrown", "certificate is not yet valid"],
    [
      "some",
      "thrown",
      "thrown",
      "Signature not yet current: 20261129T1700 is still later than 20261129T1655",
    ],
  ],
  novel: [
    ["all", "thrown", "E7731", "flux inversion in sector 9"],
    ["some", "failed", "zq", "the frobnicator refused to zag"],
    ["all", "thrown", "thrown", "14"],
    ["some", "thrown", "thrown", "internal error: code path 77 reached"],
    ["system", "thrown", "thrown", "reactor phase imbalance"],
    ["all", "failed", "NOPE", "computer says no"],
    ["some", "thrown", "thrown", "something went wrong"],
    ["all", "thrown", "XK-2", "ledger epoch 9 sealed by quorum 3"],
    ["some", "failed", "veto", "vetoed by rule engine step 12"],
    ["all", "thrown", "thrown", "Error"],
    ["some", "thrown", "thrown", "unit 4 declined to settle the tray"],
    ["system", "thrown", "thrown", "harmonic trap engaged"],
  ],
};

/** All errors; every second of a type is held out. */
export const CASES: readonly (Case & { readonly isHeldOut: boolean })[] = Object.entries(ROWS)
  .flatMap(([type, rows]) =>
    rows.map(([hits, cls, code, message], index) => ({
      type: type as FailureType,
      hits,
      class: cls,
      code,
      message,
      isHeldOut: index % 2 === 1,
    }))
  );
