/** The guard: makes HTTP requests to hosts and addresses that the rules allow, and to no others. */

import { Buffer } from "node:buffer";
import { lookup } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { messageOf, TaskerError } from "../core/errors.ts";
import { whyNoHeader, whyNoHeaderValue } from "../core/http_call.ts";
import type {
  Egress,
  EgressHeader,
  EgressRequest,
  EgressResponse,
  Runtime,
} from "../core/ports.ts";
import { parseAddress } from "./address.ts";
import { Budget, type Hold } from "./budget.ts";
import {
  checkAddresses,
  type EgressRules,
  refused,
  shownUrl,
  type Target,
  targetOf,
} from "./rules.ts";
import { showsSecret } from "./secrets.ts";
import { signatureOf } from "./signatures.ts";

/** Bytes of an answer's status line and headers. */
const HEAD_BYTES_MAX = 32_768;

/** Longest time of one request. */
const TIMEOUT_MS_MAX = 3_600_000;

/** Bytes of answers that a guard holds at once; further bytes wait to be read. */
const BYTES_HELD_MAX = 256 * 1_048_576;

/** What the guard works with. */
export interface GuardDeps {
  readonly runtime: Pick<Runtime, "after">;
  readonly rules: EgressRules;
  /** By name. */
  readonly secrets: ReadonlyMap<string, string>;
  /** By name of a secret, the only origin that it is sent to; absent: any that a workflow names. */
  readonly secretOrigins?: ReadonlyMap<string, string>;
  /** All addresses of a host; absent: what the system says. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Certificates (PEM) trusted beside those of the system. */
  readonly ca?: string;
  /** Bytes of answers held at once. */
  readonly bytesHeldMax?: number;
}

/**
 * Makes an Egress that connects by itself.
 *
 * A host is resolved once and the connection goes to an address that was checked, so a name that
 * changes its answer gains nothing; TLS asks for the certificate of the host all the same. Redirects
 * are not followed: each of them would be another host to check, with the headers meant for this one.
 *
 * Cost: one connection a request.
 */
export function openGuard(deps: GuardDeps): Egress {
  const budget = new Budget(deps.bytesHeldMax ?? BYTES_HELD_MAX);
  return {
    async request(request) {
      using hold = budget.open(URL.parse(request.url)?.host ?? "");
      return await new GuardedRequest(deps, request, hold).run();
    },
  };
}

/** One request. It ends once: by an answer, a fault, its time or its caller. */
class GuardedRequest {
  readonly #end = Promise.withResolvers<EgressResponse>();
  #sent: http.ClientRequest | undefined;
  #shown = "";
  #isOver = false;
  /** Takes the answer as far as it has come, where only its status counts. */
  #takeBeginning: (() => void) | undefined;
  /** Whether it waits for bytes of our own, and not for the host. */
  #isHeldUp = false;

  constructor(
    readonly deps: GuardDeps,
    readonly request: EgressRequest,
    readonly hold: Hold,
  ) {}

  async run(): Promise<EgressResponse> {
    const { timeoutMs, signal } = this.request;
    const abort = () => this.#fail("the caller has ended it");
    const cancel = this.deps.runtime.after(
      Math.min(timeoutMs, TIMEOUT_MS_MAX),
      () => this.#timeOut(timeoutMs),
    );
    signal?.addEventListener("abort", abort);
    try {
      if (signal?.aborted) abort();
      else this.#send().catch(this.#end.reject);
      return await this.#end.promise;
    } finally {
      this.#isOver = true;
      cancel();
      signal?.removeEventListener("abort", abort);
      this.#sent?.destroy();
    }
  }

  async #send(): Promise<void> {
    const { deps, request } = this;
    const target = targetOf(deps.rules, request.url);
    this.#shown = shownUrl(target.url);
    const headers = headersOf(request, target, deps);
    const addresses = await this.#resolve(target);
    checkAddresses(deps.rules, target, addresses);
    if (!this.#isOver) this.#connect(target, addresses, headers);
  }

  async #resolve({ host }: Target): Promise<readonly string[]> {
    if (parseAddress(host) !== undefined) return [host];
    try {
      const addresses = await (this.deps.resolve ?? resolveHost)(host);
      if (addresses.length > 0) return addresses;
    } catch (error) {
      throw this.#failed(`its name does not resolve: ${messageOf(error)}`, error);
    }
    throw this.#failed("its name has no address");
  }

  #connect(
    { url, host }: Target,
    addresses: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): void {
    const sent = (url.protocol === "https:" ? https : http).request({
      method: this.request.method,
      host,
      port: url.port,
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host },
      agent: false,
      maxHeaderSize: HEAD_BYTES_MAX,
      lookup: checkedLookup(addresses),
      ...(this.deps.ca !== undefined && { ca: this.deps.ca }),
    });
    this.#sent = sent;
    sent.on("error", (error: Error) => this.#fail(messageOf(error), error));
    sent.on("response", (answer: http.IncomingMessage) => this.#read(answer));
    // The other side offers another protocol, which we never asked for.
    sent.on("upgrade", () => this.#fail("it changes the protocol"));
    sent.end(this.request.body);
  }

  #read(answer: http.IncomingMessage): void {
    const { bytesMax, isStatusOnly = false } = this.request;
    const chunks: Uint8Array[] = [];
    const take = () => this.#take(answer, Buffer.concat(chunks).subarray(0, bytesMax));
    const { statusCode = 0 } = answer;
    if (isStatusOnly) this.#takeBeginning = take;
    if (isStatusOnly && statusCode >= 200 && statusCode < 300) return take();
    let bytes = 0;
    answer.on("data", (chunk: Uint8Array) => {
      if (this.#isOver) return; // what it held is given back
      bytes += chunk.length;
      if (bytes > bytesMax && !isStatusOnly) return this.#tooLarge();
      chunks.push(chunk);
      if (bytes > bytesMax) return take();
      const held = this.hold.take(chunk.length);
      if (held !== undefined) void this.#pause(answer, held);
    });
    answer.on("error", (error: Error) => this.#fail(messageOf(error), error));
    answer.on("aborted", () => this.#fail("the connection broke before the end of the answer"));
    answer.on("end", take);
  }

  #take(answer: http.IncomingMessage, body: Uint8Array): void {
    const taken = { status: answer.statusCode ?? 0, headers: joined(answer.headers), body };
    if (showsSecret(taken, this.#secrets())) {
      return this.#end.reject(refused(this.#shown, "its answer repeats a secret that it was sent"));
    }
    this.#end.resolve(taken);
  }

  /** Reads no further until the bytes that came are held. */
  async #pause(answer: http.IncomingMessage, held: Promise<void>): Promise<void> {
    this.#isHeldUp = true;
    answer.pause();
    await held;
    this.#isHeldUp = false;
    answer.resume();
  }

  /** The secrets that the request carries. */
  #secrets(): readonly string[] {
    return Object.values(this.request.headers).flatMap((stated) =>
      typeof stated === "string" ? [] : this.deps.secrets.get(stated.secret) ?? []
    );
  }

  #timeOut(timeoutMs: number): void {
    if (this.#takeBeginning !== undefined) return this.#takeBeginning();
    if (!this.#isHeldUp) return this.#fail(`no whole answer after ${timeoutMs} ms`);
    this.#end.reject(
      new TaskerError(
        "egress.unavailable",
        `Cannot take the answer of ${this.#shown}: the guard holds as many bytes as it may`,
      ),
    );
  }

  #tooLarge(): void {
    const { bytesMax } = this.request;
    this.#end.reject(
      new TaskerError(
        "payload.too_large",
        `Cannot take the answer of ${this.#shown}: it is longer than ${bytesMax} bytes`,
      ),
    );
  }

  #fail(why: string, cause?: unknown): void {
    if (this.#takeBeginning !== undefined && this.request.signal?.aborted !== true) {
      return this.#takeBeginning();
    }
    this.#end.reject(this.#failed(why, cause));
  }

  #failed(why: string, cause?: unknown): TaskerError {
    const shown = this.#shown === "" ? "the address" : this.#shown;
    return new TaskerError("egress.failed", `Cannot call ${shown}: ${why}`, { cause });
  }
}

/** Gives the connection the addresses that were checked, instead of asking for the name again. */
function checkedLookup(addresses: readonly string[]): http.RequestOptions["lookup"] {
  const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  return (_host, options, call) => {
    const [first] = all;
    if (options.all === true || first === undefined) return call(null, all);
    call(null, first.address, first.family);
  };
}

async function resolveHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/**
 * Makes the headers that are sent.
 *
 * @throws {TaskerError} egress.refused for a header that is not the caller's, that no header can
 *   carry, or whose secret the server does not have
 */
function headersOf(
  { headers, body }: EgressRequest,
  { url }: Target,
  { secrets, secretOrigins }: Pick<GuardDeps, "secrets" | "secretOrigins">,
): Readonly<Record<string, string>> {
  const made: Record<string, string> = {
    "accept-encoding": "identity",
    connection: "close",
    ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
  };
  for (const [name, stated] of Object.entries(headers)) {
    const value = valueOf(stated, secrets, body);
    const origin = typeof stated === "string" ? undefined : secretOrigins?.get(stated.secret);
    const isElsewhere = origin !== undefined && origin !== url.origin;
    const why = whyNoHeader(name) ??
      (isElsewhere ? `its secret is for "${origin}" alone` : undefined) ??
      (value === undefined
        ? `TASKER_SECRETS names no "${(stated as { secret: string }).secret}" that is set`
        : whyNoHeaderValue(value));
    if (why !== undefined) throw refused(`${shownUrl(url)} with header "${name}"`, why);
    made[name.toLowerCase()] = value as string;
  }
  return made;
}

function valueOf(
  stated: EgressHeader,
  secrets: ReadonlyMap<string, string>,
  body = "",
): string | undefined {
  if (typeof stated === "string") return stated;
  const { secret: name, prefix = "", signs } = stated;
  const secret = secrets.get(name);
  if (secret === undefined) return undefined;
  return signs === undefined ? `${prefix}${secret}` : signatureOf(secret, `${signs}.${body}`);
}

function joined(headers: http.IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ""].flat().join(", ")]),
  );
}
