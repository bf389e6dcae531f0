/** Cases: descriptions, the systems that there are, and the graph that is wanted. */

import { z } from "zod";
import { Directory } from "../../src/core/authoring.ts";
import { hash32 } from "../../src/core/ids.ts";

/** A step of a gold graph; a placeholder stands for what no system does. */
const GoldStep = z.object({
  name: z.string(),
  kind: z.string().default("remote"),
  owner: z.string().optional(),
  capability: z.string().optional(),
});

const Edges = z.array(z.tuple([z.string(), z.string()]));

/** One case: `tests/generate/cases/ID.json`, and each file of `--cases DIR`. */
export const Case = z.object({
  id: z.string(),
  domain: z.string(),
  style: z.string(),
  description: z.string(),
  registry: Directory,
  gold: z.object({
    abstain: z.boolean().default(false),
    reason: z.string().optional(),
    steps: z.array(GoldStep).default([]),
    edges: Edges.default([]),
    failurePath: z.array(z.string()).default([]),
    alternatives: z.array(z.object({
      steps: z.array(GoldStep).optional(),
      edges: Edges.optional(),
    })).default([]),
    mustMap: z.array(z.object({ step: z.string(), field: z.string(), from: z.string() })).default(
      [],
    ),
  }),
});

export type Case = z.output<typeof Case>;
export type GoldStep = z.output<typeof GoldStep>;

/** Reads the cases of a folder, by id. */
export async function readCases(folder: URL): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !name.endsWith(".json")) continue;
    const parsed = Case.safeParse(JSON.parse(await Deno.readTextFile(new URL(name, folder))));
    if (!parsed.success) throw new Error(`${name} is not a case: ${z.prettifyError(parsed.error)}`);
    cases.push(parsed.data);
  }
  return cases.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether a case is not looked at while the planner is tuned. */
export function isHeldOut({ id }: Case): boolean {
  return hash32(id) % 2 === 1;
}
