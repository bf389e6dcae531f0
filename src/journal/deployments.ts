/** Deployments: documents of workflows, and which of them starts take. Entries are only added. */

import {
  type DeployedDocument,
  type DeployedText,
  type DeploymentEntry,
  type DeploymentPage,
  type NewDeployment,
  type StoredVersion,
  type WorkflowName,
} from "../core/deployment.ts";
import { TaskerError } from "../core/errors.ts";
import type { Database, Deployments } from "../core/ports.ts";
import { workflowName } from "../core/workflow.ts";
import type { Row } from "./pg_connection.ts";
import addDeployment from "./sql/add_deployment.sql" with { type: "text" };
import newestDeployments from "./sql/newest_deployments.sql" with { type: "text" };
import { codeOf } from "./sqlstate.ts";

/** Bounds of one page of documents; bytes are counted as they are stored, compressed. */
const PAGE_ROWS_MAX = 500;
const PAGE_BYTES_MAX = 1024 * 1024;

const COLUMNS = `
  namespace, name, entry, version, hash, by_whom, d.reason, text is not null as is_deploy,
  (extract(epoch from created_at) * 1000)::float8 as at_ms, f.reason as forced, f.breaks`;

/** A version is forced by the entry that brings it in; a file may have had the same one. */
const ENTRIES = `tasker.deployment d
  left join tasker.forced_version f using (namespace, name, version)`;

/** A version of another hash: the entry refers to what is not there. */
const NO_SUCH_VERSION = "23503";

/** The Deployments port over Postgres. */
export class PostgresDeployments implements Deployments {
  constructor(readonly database: Database) {}

  async newest(after: number): Promise<readonly DeployedText[]> {
    const found: DeployedText[] = [];
    for (let number = after;;) {
      const rows = await this.database.query(newestDeployments, [
        number,
        PAGE_ROWS_MAX,
        PAGE_BYTES_MAX,
      ]);
      found.push(...rows.map(textOf));
      const last = rows.at(-1);
      if (last === undefined) return found;
      number = Number(last.number);
    }
  }

  async entries(
    { namespace, name }: WorkflowName,
    { limit, before }: DeploymentPage,
  ): Promise<readonly DeploymentEntry[]> {
    const rows = await this.database.query(
      `select ${COLUMNS}
       from ${ENTRIES}
       where namespace = $1
         and name = $2
         and ($3::int is null or entry < $3)
       order by entry desc
       limit $4`,
      [namespace, name, before ?? null, limit],
    );
    return rows.map(entryOf);
  }

  async versions({ namespace, name }: WorkflowName): Promise<readonly StoredVersion[]> {
    const rows = await this.database.query(
      "select version, hash from tasker.workflow where namespace = $1 and name = $2",
      [namespace, name],
    );
    return rows.map(({ version, hash }) => ({ version: String(version), hash: String(hash) }));
  }

  async document(
    { namespace, name }: WorkflowName,
    version: string,
  ): Promise<DeployedDocument | undefined> {
    const [row] = await this.database.query(
      `select ${COLUMNS}, text
       from ${ENTRIES}
       where namespace = $1
         and name = $2
         and version = $3
         and text is not null`,
      [namespace, name, version],
    );
    return row && { ...entryOf(row), text: String(row.text) };
  }

  async add(entry: NewDeployment): Promise<DeploymentEntry | undefined> {
    const { namespace, name, version, hash, by, reason, after, document, forced } = entry;
    const [row] = await this.database.query(addDeployment, [
      namespace,
      name,
      version,
      hash,
      document?.text ?? null,
      by,
      reason,
      after,
      document === undefined ? null : JSON.stringify(document.definition),
      forced?.reason ?? null,
      forced === undefined ? null : JSON.stringify(forced.breaks),
    ]).catch((error) => {
      throw codeOf(error.cause) === NO_SUCH_VERSION ? versionTaken(entry) : error;
    });
    if (row === undefined) return undefined;
    return added(entry, Number(row.entry), Math.round(Number(row.at_ms)));
  }
}

/** Makes the error of a version that stands for another definition already. */
export function versionTaken(of: WorkflowName & { readonly version: string }): TaskerError {
  return new TaskerError(
    "definition.changed",
    `Cannot deploy "${workflowName(of)}" ${of.version}: this version is stored with another ` +
      "definition; use a new version",
  );
}

/** The entry that was added. */
export function added(of: NewDeployment, entry: number, atMs: number): DeploymentEntry {
  const { document, after: _, ...entryOf } = of;
  return { ...entryOf, entry, kind: document === undefined ? "revert" : "deploy", atMs };
}

function entryOf(row: Row): DeploymentEntry {
  return {
    namespace: String(row.namespace),
    name: String(row.name),
    entry: Number(row.entry),
    kind: row.is_deploy === true ? "deploy" : "revert",
    version: String(row.version),
    hash: String(row.hash),
    by: String(row.by_whom),
    reason: String(row.reason),
    ...(row.forced !== null && row.is_deploy === true && {
      forced: { reason: String(row.forced), breaks: textsOf(row.breaks) },
    }),
    atMs: Math.round(Number(row.at_ms)),
  };
}

function textsOf(column: unknown): readonly string[] {
  return Array.isArray(column) ? column.map(String) : [];
}

function textOf(row: Row): DeployedText {
  return {
    namespace: String(row.namespace),
    name: String(row.name),
    entry: Number(row.entry),
    number: Number(row.number),
    version: String(row.version),
    hash: String(row.hash),
    text: String(row.text),
  };
}
