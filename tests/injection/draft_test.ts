/** Injected texts in descriptions and capabilities: to a model they are data, and no draft obeys them. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Directory } from "../../src/core/authoring.ts";
import { DraftRequest } from "../../src/core/draft.ts";
import { visible } from "../../src/core/redaction.ts";
import { openGenerator } from "../../src/server/generator.ts";
import { draftPromptOf, nameableFor, readDraftAnswer } from "../../src/server/model_draft.ts";
import { openRehearser } from "../../src/server/rehearser.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { INJECTIONS } from "./texts.ts";

const object = (name: string) => ({
  type: "object",
  required: [name],
  properties: { [name]: { type: "string" } },
});

/** What there is; one capability describes itself by a text. */
function directoryWith(description: string): Directory {
  const create = { name: "profile.create", input: object("email"), output: object("user_id") };
  const send = {
    name: "mail.send_welcome",
    input: object("user_id"),
    output: object("message_id"),
  };
  return { systems: [{ name: "users", capabilities: [{ ...create, description }, send] }] };
}

const WORDS = "Create a profile. Then send a welcome mail.";

function draft(directory: Directory) {
  const runtime = openRuntime();
  const generator = openGenerator({ rehearser: openRehearser(runtime), runtime });
  const request = DraftRequest.parse({ description: WORDS, by: "planner" });
  return generator.generate(request, directory, {});
}

Deno.test("a draft is the same whatever a capability says of itself", async () => {
  const before = await draft(directoryWith("Creates a profile"));
  ok(before.isReady);

  for (const text of INJECTIONS) {
    const { text: manifest, rehearsal, isReady } = await draft(directoryWith(text));
    equal(manifest, before.text, text);
    deepEqual([isReady, rehearsal?.runs.length], [true, before.rehearsal?.runs.length], text);
  }
});

Deno.test("the prompt of a draft has injected texts as data alone, and they are no answer", async () => {
  const own = await draft(directoryWith("Creates a profile"));
  const promptWith = (text: string) => {
    const clauses = own.clauses.map((one) => ({ ...one, text: `${one.text} ${text}` }));
    const question = {
      description: `${WORDS} ${text}`,
      directory: directoryWith(text),
      own: { ...own, clauses },
    };
    const nameable = nameableFor(question);
    return { question, nameable, prompt: draftPromptOf(question, nameable) };
  };
  const { prompt: { system, schema } } = promptWith("");

  for (const text of INJECTIONS) {
    const { question, nameable, prompt } = promptWith(text);
    deepEqual([prompt.system, prompt.schema], [system, schema], text);
    equal(visible(prompt.user), prompt.user, text);
    const { parts, capabilities, draft, ...rest } = JSON.parse(prompt.user);
    deepEqual([parts.length, capabilities.length, draft.length], [2, 2, 2], text);
    deepEqual(rest, {}, text);
    equal(readDraftAnswer(text, question, nameable).kind, "broken", text);
  }
});
