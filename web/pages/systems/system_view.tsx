/** One system: how it is, what it offers, who uses it, its limits, and its dead letters. */

import { Fragment, type ReactNode } from "react";
import { Link } from "wouter";
import type { OperationResult, SystemDetail } from "../../../src/client.ts";
import { systemStateOf } from "../../../src/operations/system_state.ts";
import { CIRCUIT_DEFAULTS } from "../../../src/core/breaker.ts";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Page } from "../../kit/page.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Duration, durationText, Time } from "../../kit/time.tsx";
import { DeadLetters } from "./dead_letters.tsx";

type Limits = OperationResult<"getSystemLimits">;
type Limit = Limits["versions"][number]["limits"][string];

/** How often it is read, in milliseconds: no event announces how systems are. */
const READ_MS = 5_000;

/** Versions of limits that are shown. */
const VERSIONS_SHOWN = 20;

/** The page at `/systems/NAME`. */
export function SystemView({ name }: { readonly name: string }) {
  const system = useOperation("getSystem", { system: name }, { everyMs: READ_MS });
  const limits = useOperation("getSystemLimits", { name }, { everyMs: READ_MS });
  const maySeeLetters = useMay("operate");
  const failed = [system, limits].find(({ error }) => error !== null);
  return (
    <Page title={name} actions={<Link href="/">All systems</Link>}>
      {failed?.error && <ErrorNote error={failed.error} onRetry={() => void failed.refetch()} />}
      {system.data !== undefined && (
        <>
          <Facts system={system.data} limits={limits.data} />
          <Instances system={system.data} />
          <Offers system={system.data} />
        </>
      )}
      {limits.data !== undefined && <LimitsSection limits={limits.data} />}
      {maySeeLetters && <DeadLetters system={name} />}
    </Page>
  );
}

function Facts({ system, limits }: {
  readonly system: SystemDetail;
  readonly limits: Limits | undefined;
}) {
  const { saturation, queued, heldUntil, workflows, kind } = system;
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["State", <StateBadge key="state" state={systemStateOf(system)} />],
    ["Circuit", <Circuit key="circuit" system={system} limits={limits} />],
    ...(heldUntil === undefined
      ? []
      : [["Held", `nothing is sent before ${timeText(heldUntil)}`] as const]),
    ["Queue", queued === undefined ? "its depth is not known here" : `${queued} envelopes wait`],
    [
      "Oldest step",
      saturation === undefined || saturation.queueAgeMs === 0 ? "none waits" : (
        `waits for ${durationText(saturation.queueAgeMs)}`
      ),
    ],
    ["Load", loadText(system)],
    [
      "Used by",
      workflows.length === 0 ? "no workflow" : (
        <span className="row">
          {workflows.map((one) => <Link key={one} href={`~/workflows/${one}`}>{one}</Link>)}
        </span>
      ),
    ],
    ["Kind", kind === "local" ? "its code runs in this server" : "a service of its own"],
  ];
  return (
    <dl className="facts-list panel">
      {facts.map(([term, says]) => (
        <Fragment key={term}>
          <dt>{term}</dt>
          <dd>{says}</dd>
        </Fragment>
      ))}
    </dl>
  );
}

function Circuit({ system: { circuit, circuitTriesAt }, limits }: {
  readonly system: SystemDetail;
  readonly limits: Limits | undefined;
}) {
  const own = limits?.versions[0]?.limits["*"]?.circuit;
  const failureShare = own?.failureShare ?? CIRCUIT_DEFAULTS.failureShare;
  const slowShare = own?.slowShare ?? CIRCUIT_DEFAULTS.slowShare;
  const volumeMin = own?.volumeMin ?? CIRCUIT_DEFAULTS.volumeMin;
  const slow = own?.slowMs === undefined
    ? ""
    : `, or ${percent(slowShare)} take longer than ${durationText(own.slowMs)}`;
  return (
    <>
      {circuit.replaceAll("_", " ")}
      {circuitTriesAt !== undefined && <>, tries again at {timeText(circuitTriesAt)}</>}{" "}
      <span className="muted">
        · opens when {percent(failureShare)} of at least {volumeMin} attempts get no answer
        {slow}
      </span>
    </>
  );
}

function loadText({ saturation }: SystemDetail): string {
  if (saturation === undefined || saturation.throughputPerS === 0) return "nothing at the moment";
  const { goodputPerS, throughputPerS, attemptsPerStep, adaptiveMax } = saturation;
  return [
    `${goodputPerS.toFixed(1)} of ${throughputPerS.toFixed(1)} a second answered in time`,
    `${attemptsPerStep.toFixed(2)} attempts a step`,
    ...(adaptiveMax === undefined ? [] : [`at most ${adaptiveMax} at once for now`]),
  ].join(", ");
}

function Instances({ system: { registered, instances, kind } }: { readonly system: SystemDetail }) {
  const counts = Object.values(instances).reduce((all, count) => all + count, 0);
  return (
    <section className="stack">
      <h2>Instances</h2>
      {registered === undefined && <p className="muted">A key of this system sees them.</p>}
      {counts === 0 && kind === "remote" && (
        <p className="muted">None has registered: its steps are sent without a check of health.</p>
      )}
      {registered !== undefined && registered.length > 0 && (
        <DataTable
          caption="Instances"
          rows={registered}
          keyOf={({ instance }) => instance}
          columns={[
            { head: "Instance", cell: ({ instance }) => <code>{instance}</code> },
            { head: "Version", cell: ({ version }) => version },
            {
              head: "State",
              cell: ({ state, ejectedUntil, isDeclared }) => (
                <StateBadge
                  state={ejectedUntil !== undefined ? "ejected" : isDeclared ? "declared" : state}
                />
              ),
            },
            { head: "Since", cell: ({ since }) => <Time at={since} /> },
            {
              head: "Lease",
              cell: ({ expiresAt, isDeclared }) =>
                isDeclared ? "by a manifest" : `until ${timeText(expiresAt)}`,
            },
            {
              head: "Offers",
              cell: ({ capabilities }) => capabilities.map(({ name }) => name).join(", "),
            },
            {
              head: "Why",
              cell: ({ detail, ejectedUntil }) =>
                ejectedUntil === undefined
                  ? detail
                  : `${detail} (no steps before ${timeText(ejectedUntil)})`,
            },
          ]}
        />
      )}
    </section>
  );
}

function Offers({ system: { capabilities } }: { readonly system: SystemDetail }) {
  if (capabilities.length === 0) return null;
  return (
    <section className="stack">
      <h2>Capabilities</h2>
      <DataTable
        caption="Capabilities"
        rows={capabilities}
        keyOf={({ name, version = "" }) => `${name}@${version}`}
        columns={[
          { head: "Capability", cell: ({ name }) => <code>{name}</code> },
          { head: "Version", cell: ({ version }) => version ?? "any" },
          { head: "Effect", cell: ({ effect }) => effect ?? "–" },
          {
            head: "Time-out",
            isNumber: true,
            cell: ({ timeoutMs }) => timeoutMs === undefined ? "–" : <Duration ms={timeoutMs} />,
          },
          { head: "What it does", cell: ({ description }) => description ?? "–" },
        ]}
      />
    </section>
  );
}

function LimitsSection({ limits: { versions, shares } }: { readonly limits: Limits }) {
  return (
    <section className="stack">
      <h2>Limits and holds</h2>
      {versions.length === 0 && <p className="muted">None was ever set.</p>}
      {versions.length > 0 && (
        <DataTable
          caption="Versions of the limits"
          rows={versions.slice(0, VERSIONS_SHOWN)}
          keyOf={({ version }) => String(version)}
          columns={[
            {
              head: "Version",
              cell: ({ version }) =>
                version === versions[0]?.version ? `${version}, in force` : version,
            },
            { head: "Limits", cell: ({ limits }) => limitsText(limits) },
            { head: "By", cell: ({ by }) => by },
            { head: "Why", cell: ({ reason }) => reason },
            { head: "When", cell: ({ at }) => <Time at={at} /> },
          ]}
        />
      )}
      {shares.length > 0 && (
        <DataTable
          caption="What each node uses of the limits"
          rows={shares}
          keyOf={({ limit, node }) => `${limit} ${node}`}
          columns={[
            { head: "Limit", cell: ({ limit }) => limit === "*" ? "whole system" : limit },
            { head: "Node", cell: ({ node }) => node },
            { head: "Places taken", isNumber: true, cell: ({ places }) => places },
            { head: "Steps that wait", isNumber: true, cell: ({ waiting }) => waiting },
            {
              head: "Waits since",
              cell: ({ waitsSince }) => waitsSince === null ? "–" : <Time at={waitsSince} />,
            },
          ]}
        />
      )}
    </section>
  );
}

function limitsText(limits: Readonly<Record<string, Limit>>): ReactNode {
  const entries = Object.entries(limits);
  if (entries.length === 0) return "none";
  return entries.map(([capability, limit]) => (
    <div key={capability}>
      {capability === "*" ? "" : `${capability}: `}
      {limitText(limit)}
    </div>
  ));
}

function limitText({ concurrencyMax, ratePerS, burst, holdUntilMs, ejected, circuit }: Limit) {
  const at = (ms: number) => new Date(ms).toLocaleString();
  const parts = [
    ...(concurrencyMax === undefined ? [] : [`${concurrencyMax} attempts at once`]),
    ...(ratePerS === undefined ? [] : [`${ratePerS} starts a second`]),
    ...(burst === undefined ? [] : [`${burst} at once after a rest`]),
    ...(holdUntilMs === undefined ? [] : [`held until ${at(holdUntilMs)}`]),
    ...Object.entries(ejected ?? {}).map(([name, ms]) => `${name} gets nothing until ${at(ms)}`),
    ...(circuit?.failureShare === undefined ? [] : [
      `circuit opens at ${percent(circuit.failureShare)} without an answer`,
    ]),
    ...(circuit?.slowMs === undefined ? [] : [
      `an answer after ${durationText(circuit.slowMs)} is slow`,
    ]),
    ...(circuit?.openUntilMs === undefined ? [] : [
      `circuit open until ${at(circuit.openUntilMs)}`,
    ]),
  ];
  return parts.join(", ") || "none";
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function timeText(at: string): string {
  return new Date(at).toLocaleString();
}
