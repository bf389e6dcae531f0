/**
 * Work on documents: what reads, checks, edits, plans and rehearses the texts of workflows. A large one
 * takes seconds of CPU, in which nothing else runs in its process; so a served node has another process
 * do it, in turns between those who ask.
 */

import type { CarriedValue, Directory, Edit, Problem } from "../core/authoring.ts";
import type { Draft, DraftRequest } from "../core/draft.ts";
import { FairQueue } from "../core/fair_queue.ts";
import type {
  Documents,
  DocumentSource,
  Generator,
  RehearsalRequest,
  Rehearser,
  Runtime,
  SuggestionContext,
  WhoAsks,
} from "../core/ports.ts";
import type { Rehearsal } from "../core/rehearsal.ts";
import type { Suggestion } from "../core/suggestion.ts";
import type { Model } from "../model/model.ts";
import { openDocuments } from "./documents.ts";
import { openGenerator } from "./generator.ts";
import { openRehearser } from "./rehearser.ts";

/** All that is done with documents. */
export interface DocumentWork {
  readonly documents: Documents;
  readonly rehearser: Rehearser;
  readonly generator: Generator;
}

/** Kinds of work: what each is asked, as JSON can carry it, and what it answers. */
export interface Works {
  readonly check: {
    asked: { of: DocumentSource; directory: Directory | undefined };
    answer: readonly Problem[];
  };
  readonly read: { asked: { of: DocumentSource }; answer: CarriedValue };
  readonly edit: {
    asked: { of: DocumentSource; how: Parameters<Documents["edit"]>[1] };
    answer: { readonly text: string; readonly problems: readonly Problem[] };
  };
  readonly suggest: {
    asked: {
      of: DocumentSource;
      from: Omit<SuggestionContext, "follows">;
      follows: readonly (readonly [string, CountedFollows])[];
    };
    answer: readonly Suggestion[];
  };
  readonly rehearse: { asked: RehearsalRequest; answer: Rehearsal };
  readonly generate: { asked: { request: DraftRequest; directory: Directory }; answer: Draft };
}

interface CountedFollows {
  readonly of: number;
  readonly next: readonly (readonly [string, number])[];
}

/** Does one piece of work, here or elsewhere. */
export type Perform = <K extends keyof Works>(
  kind: K,
  asked: Works[K]["asked"],
) => Promise<Works[K]["answer"]>;

/** What one key may have waiting, and all together. */
const BYTES = { bytesPerOwnerMax: 4 * 1024 * 1024, bytesMax: 64 * 1024 * 1024 };

/** What waits in turn: most of it takes milliseconds, at most some seconds. */
const QUICK = { name: "work on a document", placesMax: 1, countPerOwnerMax: 64, ...BYTES };

/** Rehearsals take up to ten seconds each; what is quick does not wait for them. */
const SLOW = { name: "rehearse a document", placesMax: 1, countPerOwnerMax: 8, ...BYTES };

/** What the work needs of the process that does it. */
type WorkRuntime = Pick<Runtime, "digest" | "monotonic" | "soon">;

/** Does work in this process. */
export function performHere(runtime: WorkRuntime): Perform {
  const [documents, rehearser] = [openDocuments(runtime), openRehearser(runtime)];
  const generator = openGenerator({ rehearser, runtime });
  const works: { [K in keyof Works]: (asked: Works[K]["asked"]) => Promise<Works[K]["answer"]> } = {
    check: ({ of, directory }) => documents.check(of, directory),
    read: ({ of }) => documents.read(of),
    edit: ({ of, how }) => documents.edit(of, how),
    suggest: ({ of, from, follows }) =>
      documents.suggest(of, {
        ...from,
        follows: new Map(
          follows.map(([name, { of, next }]) => [name, { of, next: new Map(next) }]),
        ),
      }),
    rehearse: (request) => rehearser.rehearse(request),
    generate: ({ request, directory }) => generator.generate(request, directory, {}),
  };
  return (kind, asked) => works[kind](asked);
}

/**
 * Opens the work on documents of a node. What a model has part in is led from here, as the model is asked
 * from here.
 */
export function openDocumentWork(
  perform: Perform,
  { runtime, model }: { readonly runtime: WorkRuntime; readonly model?: Model | undefined },
): DocumentWork {
  const [quick, slow] = [new FairQueue(QUICK), new FairQueue(SLOW)];
  /** `size` is what the request keeps in memory while it waits. */
  const inTurn = <K extends keyof Works>(
    { queue, kind, size, by = "", signal }: WhoAsks & {
      readonly queue: FairQueue;
      readonly kind: K;
      readonly size: unknown;
    },
    asked: Works[K]["asked"],
  ) =>
    queue.run(
      { owner: by, bytes: JSON.stringify(size).length, signal },
      () => perform(kind, asked),
    );
  const documents: Documents = {
    check({ by, signal, ...of }, directory) {
      return inTurn({ queue: quick, kind: "check", size: of, by, signal }, { of, directory });
    },
    read({ by, signal, ...of }) {
      return inTurn({ queue: quick, kind: "read", size: of, by, signal }, { of });
    },
    edit({ by, signal, ...of }, how) {
      const size: [DocumentSource, readonly Edit[]] = [of, how.edits];
      return inTurn({ queue: quick, kind: "edit", size, by, signal }, { of, how });
    },
    suggest({ by, signal, ...of }, { follows, ...from }) {
      const counted = [...follows].map(([name, { of, next }]) =>
        [name, { of, next: [...next] }] as const
      );
      const asked = { of, from, follows: counted };
      return inTurn({ queue: quick, kind: "suggest", size: of, by, signal }, asked);
    },
  };
  const rehearser: Rehearser = {
    rehearse({ by, signal, ...request }) {
      return inTurn({ queue: slow, kind: "rehearse", size: request, by, signal }, request);
    },
  };
  const led = model && openGenerator({ rehearser, runtime, model });
  const generator: Generator = {
    generate(request, directory, { by, signal }) {
      if (led !== undefined && request.by === "model") {
        return led.generate(request, directory, { by, signal });
      }
      const asked = { request, directory };
      return inTurn({ queue: slow, kind: "generate", size: request, by, signal }, asked);
    },
  };
  return { documents, rehearser, generator };
}
