/** The AsyncAPI document: what travels between the engine and other systems, for people and tools. */

import { commandChannel, inboundChannel, replyChannel } from "../core/channels.ts";
import { CONTRACT_PARTS, schemaPath } from "../core/schema_id.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { JsonSchema } from "../core/workflow.ts";
import { ENVELOPES, envelopeSchemaOf, type EnvelopeType } from "../operations/envelopes.ts";
import { draft07Of } from "./draft07.ts";
import { pascalCase, stepTypeNames } from "./named_types.ts";
import type { RemoteStep } from "./remote_steps.ts";

type Json = Readonly<Record<string, unknown>>;
type EnvelopeName = keyof typeof ENVELOPES;

const MEDIA_TYPE = "application/cloudevents+json";

/** Where the bus is. */
export interface BusAddress {
  /** Begins the name of every channel. */
  readonly prefix: string;
  /** The servers of the broker, without users and passwords; none: the bus is the journal's database. */
  readonly servers: readonly { readonly protocol: string; readonly host: string }[];
}

/** What the document describes. */
export interface AsyncApiOptions {
  /** The version of the server. */
  readonly version: string;
  readonly bus: BusAddress;
  /** Systems that may ask the engine for tasks, in order; those of `steps` are among them. */
  readonly systems: readonly string[];
  readonly steps: readonly RemoteStep[];
}

/**
 * Writes the document. The same options give the same document.
 *
 * Shape: AsyncAPI 3.0.0, from the view of the engine: it sends commands, and receives replies and
 * requests. Schemas are of draft 07; `x-tasker.schemas` names those that are checked.
 */
export function asyncApiDocument({ version, bus, systems, steps }: AsyncApiOptions): Json {
  // A step that any system may run has no channel of its own.
  const owned = steps.filter(({ system }) => system !== ANY_SYSTEM);
  const names = stepTypeNames(owned);
  const named = owned.map((step, index) => new StepMessages(step, names[index] as string));
  const parts = systems.map((system) =>
    new SystemParts(system, bus.prefix, named.filter(({ step }) => step.system === system))
  );
  return {
    asyncapi: "3.0.0",
    id: `urn:tasker:bus:${bus.prefix}`,
    info: {
      title: "Tasker bus",
      version,
      description: "Commands to systems, their replies, and their requests. Every message is a " +
        "CloudEvent 1.0 in structured JSON; docs/envelopes.md says what each attribute means.",
      license: { name: "MIT" },
    },
    defaultContentType: MEDIA_TYPE,
    servers: serversOf(bus),
    channels: Object.assign({}, ...parts.map((part) => part.channels())),
    operations: Object.assign({}, ...parts.map((part) => part.operations())),
    components: {
      messages: Object.assign(sharedMessages(), ...named.map((step) => step.messages())),
      schemas: Object.assign(envelopeSchemas(), ...named.map((step) => step.schemas())),
    },
  };
}

/** Without a broker of its own, envelopes travel over HTTP; where that is, the reader knows. */
function serversOf({ servers }: BusAddress): Json {
  if (servers.length === 0) {
    return {
      http: {
        protocol: "http",
        host: "{host}",
        pathname: "/v1/bus",
        description: "Workers poll for envelopes; see pollBus and replyBus of /openapi.json",
        variables: { host: { description: "Where this document was read from" } },
      },
    };
  }
  return Object.fromEntries(
    servers.map(({ protocol, host }, index) => [`broker${index + 1}`, { protocol, host }]),
  );
}

/** The messages of what one system is asked for under one contract. */
class StepMessages {
  constructor(readonly step: RemoteStep, readonly typeName: string) {}

  get command(): string {
    return `${this.typeName}Command`;
  }

  get replies(): readonly string[] {
    return [`${this.typeName}Completed`, `${this.typeName}Failed`];
  }

  messages(): Json {
    const { step: { event }, typeName, command, replies: [completed = "", failed = ""] } = this;
    const error = schemaRef(`${typeName}Error`);
    // A failure that may be tried again need not be one of the contract.
    const retryable = { properties: { retryable: { const: true } }, required: ["retryable"] };
    return {
      [command]: {
        ...message("StepCommand", event, {
          type: { const: event },
          data: schemaRef(`${typeName}Input`),
        }),
        "x-tasker": this.#facts(),
      },
      [completed]: message("StepCompleted", `${event} completed`, {
        data: schemaRef(`${typeName}Success`),
      }),
      [failed]: message("StepFailed", `${event} failed`, { data: { anyOf: [error, retryable] } }),
    };
  }

  schemas(): Json {
    return Object.fromEntries(CONTRACT_PARTS.map((part) => {
      const name = `${this.typeName}${pascalCase(part)}`;
      const schema = draft07Of(this.step.contract[part] ?? {}, `#/components/schemas/${name}`);
      if (part !== "error" || schema.additionalProperties !== false) return [name, schema];
      // The engine takes `retryable` and `retry_after` out before it checks the error.
      const { additionalProperties: _, ...open } = schema;
      return [name, open];
    }));
  }

  #facts(): Json {
    return {
      askedBy: this.step.askedBy.map(({ schemaIds, ...asking }) => ({
        ...asking,
        schemas: Object.fromEntries(
          Object.entries(schemaIds).map(([part, id]) => [part, schemaPath(id)]),
        ),
      })),
    };
  }
}

/** The channels of one system, and what is done on them. */
class SystemParts {
  constructor(
    readonly system: string,
    readonly prefix: string,
    readonly steps: readonly StepMessages[],
  ) {}

  channels(): Json {
    const { system, prefix, steps } = this;
    const commands = [...steps.map(({ command }) => command), ...sharedOn("cmd")];
    const requests = channel(inboundChannel(prefix, system), sharedOn("in"), {
      description: `Carries requests of system "${system}"`,
    });
    const sent = channel(commandChannel(prefix, system), commands, {
      description: `Carries commands to system "${system}", and answers to its requests`,
      "x-tasker": { group: system },
    });
    const all = { [`${system}.commands`]: sent, [`${system}.requests`]: requests };
    if (steps.length === 0) return all;
    const address = replyChannel(prefix, system);
    const replies = [...steps.flatMap((step) => step.replies), ...sharedOn("reply")];
    return {
      ...all,
      [`${system}.replies`]: channel(null, replies, {
        description: `Carries replies of system "${system}". Each command names the address in ` +
          `\`taskerreplyto\`: ${address}`,
        "x-tasker": { address },
      }),
    };
  }

  operations(): Json {
    const { system, steps } = this;
    const answers = sharedOn("cmd").filter((name) => name !== NOTICE);
    return {
      ...Object.assign({}, ...steps.map((step) => this.#command(step))),
      ...(steps.length > 0 && {
        [`${system}.cancel`]: operationOn("send", `${system}.commands`, [NOTICE]),
        [`${system}.takeReplies`]: operationOn("receive", `${system}.replies`, [
          ...steps.flatMap((step) => step.replies),
          ...sharedOn("reply"),
        ]),
      }),
      [`${system}.takeRequests`]: {
        ...operationOn("receive", `${system}.requests`, sharedOn("in")),
        reply: {
          channel: { $ref: `#/channels/${system}.commands` },
          messages: refsOn(`${system}.commands`, answers),
        },
      },
    };
  }

  #command({ step, command, replies, typeName }: StepMessages): Json {
    return {
      [`${this.system}.send${typeName}`]: {
        ...operationOn("send", `${this.system}.commands`, [command]),
        summary: `Asks for ${step.event}`,
        reply: {
          address: { location: "$message.payload#/taskerreplyto" },
          channel: { $ref: `#/channels/${this.system}.replies` },
          messages: refsOn(`${this.system}.replies`, [...replies, ...sharedOn("reply")]),
        },
      },
    };
  }
}

/** Envelopes whose data depends on a contract have a message for each contract instead. */
const BY_CONTRACT: ReadonlySet<EnvelopeName> = new Set([
  "StepCommand",
  "StepCompleted",
  "StepFailed",
]);

/** What a system gets without having asked; all else beside commands answers its requests. */
const NOTICE: EnvelopeName = "StepCancelled";

const ENVELOPE_NAMES = Object.keys(ENVELOPES) as EnvelopeName[];

function sharedOn(channel: EnvelopeType["channel"]): readonly EnvelopeName[] {
  return ENVELOPE_NAMES.filter((name) =>
    ENVELOPES[name].channel === channel && !BY_CONTRACT.has(name)
  );
}

function sharedMessages(): Json {
  const shared = ENVELOPE_NAMES.filter((name) => !BY_CONTRACT.has(name));
  return Object.fromEntries(shared.map((name) => [name, message(name, name, {})]));
}

function envelopeSchemas(): Json {
  return Object.fromEntries(ENVELOPE_NAMES.map((name) => [
    name,
    draft07Of(envelopeSchemaOf(name), `#/components/schemas/${name}`),
  ]));
}

function message(name: EnvelopeName, title: string, properties: Json): Json {
  const isPlain = Object.keys(properties).length === 0;
  return {
    name,
    title,
    summary: ENVELOPES[name].summary,
    contentType: MEDIA_TYPE,
    correlationId: { location: "$message.payload#/correlationid" },
    payload: isPlain ? schemaRef(name) : { allOf: [schemaRef(name), { properties }] },
  };
}

function channel(address: string | null, names: readonly string[], more: Json): Json {
  return {
    address,
    ...more,
    messages: Object.fromEntries(
      names.map((name) => [name, { $ref: `#/components/messages/${name}` }]),
    ),
  };
}

function operationOn(action: "send" | "receive", channel: string, names: readonly string[]): Json {
  return {
    action,
    channel: { $ref: `#/channels/${channel}` },
    messages: refsOn(channel, names),
  };
}

function refsOn(channel: string, names: readonly string[]): readonly JsonSchema[] {
  return names.map((name) => ({ $ref: `#/channels/${channel}/messages/${name}` }));
}

function schemaRef(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}
