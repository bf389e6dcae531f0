/** Reads operations for pages: asked once for all who show them, and again when they may have changed. */

import { useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { CallName, OperationInput, OperationResult } from "../../src/client.ts";
import { isKeywords, resolve } from "../../src/core/schema_alternatives.ts";
import type { JsonSchema } from "../../src/core/workflow.ts";
import { useClient } from "./client.tsx";
import { useFeed } from "./feed.tsx";

/** What no event announced is found this late, in milliseconds: where nodes do not hear each other. */
const UNHEARD_MS = 30_000;

/** Pages that show the same share an answer of this age, in seconds, unless something has changed since. */
const SHARED_S = 1;

/** How a read behaves. */
interface ReadOptions {
  /** False: it is not asked yet, because something it needs is not known. */
  readonly isEnabled?: boolean;
  /** Ask again this often, in milliseconds, for what no event announces; never while paused. */
  readonly everyMs?: number;
}

/** Reads an operation that changes nothing; the key of its cache is its name and its input. */
export function useOperation<Name extends CallName>(
  name: Name,
  input: OperationInput<Name>,
  options: ReadOptions = {},
): UseQueryResult<OperationResult<Name>, Error> {
  return useQuery(useRead<Name>(options)(name, input));
}

/** Reads an operation with several inputs, of which there may be others each time. */
export function useOperations<Name extends CallName>(
  name: Name,
  inputs: readonly OperationInput<Name>[],
): readonly UseQueryResult<OperationResult<Name>, Error>[] {
  const read = useRead<Name>({});
  return useQueries({ queries: inputs.map((input) => read(name, input)) });
}

function useRead<Name extends CallName>({ isEnabled = true, everyMs }: ReadOptions) {
  const client = useClient();
  const { freshness } = useFeed();
  return (name: Name, input: OperationInput<Name>) => ({
    queryKey: [name, input],
    queryFn: ({ signal }: { readonly signal: AbortSignal }) =>
      client.call(name, input, { signal, maxAgeS: SHARED_S }),
    enabled: isEnabled,
    refetchInterval: freshness.kind === "paused" ? false as const : everyMs ?? UNHEARD_MS,
  });
}

/** A named schema of the API, out of the server's own description, which is read once. */
export function useApiSchema(
  name: string,
): { readonly schema: JsonSchema | undefined; readonly error: Error | null } {
  const client = useClient();
  const { data, error } = useQuery({
    queryKey: ["getOpenApi"],
    queryFn: ({ signal }) => client.call("getOpenApi", {}, { signal }),
    staleTime: Infinity,
  });
  const schema = data && resolve(`#/components/schemas/${name}`, data);
  return { schema: isKeywords(schema) ? schema : undefined, error };
}
