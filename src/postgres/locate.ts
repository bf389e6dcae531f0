/**
 * A program of its own that fetches one npm package with Postgres in it and prints where its
 * `postgres` lies. `software.ts` runs it with a lock file for that package alone: in the launcher
 * itself this import would write to the project's lock file.
 */

const { postgres }: { postgres: string } = await import(Deno.args[0] ?? "");
console.log(postgres);
