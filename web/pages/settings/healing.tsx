/** How far healing may go: what is in force, changed with a reason, and every version. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { HEALER_MODES } from "../../../src/core/healing.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

type Healing = OperationResult<"getHealing">;
type Settings = Healing["settings"];
type Mode = Settings["mode"];

const MODE_TEXTS: Readonly<Record<Mode, string>> = {
  on: "looks for steps that do worse, and changes what the tier of each workflow allows",
  observe: "looks and proposes, and changes nothing",
  off: "looks at nothing and changes nothing",
};

/** What a mode does at the moment it is set. */
const DOES: Readonly<Record<Mode, string>> = {
  on: "Healing looks at every step again, and changes what the tier of each workflow allows.",
  observe: "From now on changes are proposed and not made. What is being tried and not decided " +
    "yet is taken back at once.",
  off: "Healing stops at once: nothing is looked at or changed. What is being tried and not " +
    "decided yet is taken back.",
};

/** What is changed next. */
interface Change {
  readonly verb: string;
  readonly does: string;
  readonly isDanger?: boolean;
  readonly settings: Settings;
}

/** Spans that can be chosen for a silence, in hours. */
const SILENCE_HOURS = [1, 4, 24] as const;

/** The settings, and their versions. */
export function HealingSettings() {
  const { data, error, refetch } = useOperation("getHealing", {});
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  return (
    <div className="stack pad-top">
      <InForce healing={data} />
      <h2>Versions</h2>
      {data.versions.length === 0 && <p className="muted">These are the defaults.</p>}
      {data.versions.length > 0 && (
        <DataTable
          caption="Versions"
          rows={data.versions}
          keyOf={({ version }) => String(version)}
          columns={[
            { head: "Version", cell: ({ version }) => version },
            { head: "Mode", cell: ({ settings }) => settings.mode },
            {
              head: "Changes an hour",
              isNumber: true,
              cell: ({ settings }) => settings.actionsPerHour,
            },
            { head: "Silences", isNumber: true, cell: ({ settings }) => settings.silences.length },
            { head: "By", cell: ({ by }) => by },
            { head: "Why", cell: ({ reason }) => reason },
            { head: "When", cell: ({ at }) => <Time at={at} /> },
          ]}
        />
      )}
    </div>
  );
}

function InForce({ healing: { settings, versions } }: { readonly healing: Healing }) {
  const client = useClient();
  const queries = useQueryClient();
  const mayChange = useMay("operate");
  const [asked, setAsked] = useState<Change>();
  const [said, setSaid] = useState<string>();
  const silences = settings.silences.filter(({ untilMs }) => untilMs > Date.now());
  return (
    <div className="panel stack">
      <p>
        Healing is <strong>{settings.mode}</strong>: it {MODE_TEXTS[settings.mode]}.
      </p>
      <p>
        At most {settings.actionsPerHour} changes an hour, of all workflows together.
      </p>
      <Silences silences={silences} />
      {said !== undefined && <p role="status">{said}</p>}
      {mayChange && <Changes settings={settings} onAsk={setAsked} />}
      {asked !== undefined && (
        <Confirm
          title={asked.verb}
          does={asked.does}
          verb={asked.verb}
          isDanger={asked.isDanger ?? false}
          needsReason
          onClose={() => setAsked(undefined)}
          onConfirm={async (reason) => {
            const { takenBack = [] } = await client.call("putHealing", {
              ...asked.settings,
              silences: asked.settings.silences.map((silence) => ({ ...silence })),
              reason,
              expectedVersion: versions[0]?.version ?? 0,
            });
            setSaid(
              takenBack.length === 0
                ? "The change holds now."
                : `The change holds now; those of ${takenBack.length} incidents were taken back.`,
            );
            await queries.invalidateQueries({ queryKey: ["getHealing"] });
          }}
        />
      )}
    </div>
  );
}

function Silences({ silences }: { readonly silences: Settings["silences"] }) {
  if (silences.length === 0) return <p>No silence is planned.</p>;
  const at = (ms: number) => new Date(ms).toLocaleString();
  return (
    <ul className="plain-list">
      {silences.map(({ fromMs, untilMs, workflow }) => (
        <li key={`${fromMs} ${untilMs} ${workflow ?? ""}`}>
          Nothing is changed in {workflow ?? "all workflows"} from {at(fromMs)} to {at(untilMs)}
        </li>
      ))}
    </ul>
  );
}

/** What a silence is of where it is not of one workflow. */
const ALL = "";

function Changes({ settings, onAsk }: {
  readonly settings: Settings;
  readonly onAsk: (change: Change) => void;
}) {
  const [workflow, setWorkflow] = useState(ALL);
  const workflows = useOperation("listWorkflows", {}).data?.workflows ?? [];
  const names = new Set(workflows.map(({ namespace, name }) => `${namespace}/${name}`));
  const others = HEALER_MODES.filter((mode) => mode !== settings.mode);
  return (
    <div className="row" role="group" aria-label="Change">
      {others.map((mode) => (
        <Button
          key={mode}
          kind={mode === "off" ? "danger" : "plain"}
          onPress={() =>
            onAsk({
              verb: mode === "off" ? "Stop healing" : `Set to ${mode}`,
              does: DOES[mode],
              isDanger: mode === "off",
              settings: { ...settings, mode },
            })}
        >
          {mode === "off" ? "Stop healing" : `Set to ${mode}`}
        </Button>
      ))}
      <select
        aria-label="Silence of"
        value={workflow}
        onChange={({ target }) => setWorkflow(target.value)}
      >
        <option value={ALL}>All workflows</option>
        {[...names].map((name) => <option key={name}>{name}</option>)}
      </select>
      {SILENCE_HOURS.map((hours) => (
        <Button
          key={hours}
          onPress={() => onAsk(silence(settings, hours, workflow))}
        >
          Silence for {hours} h
        </Button>
      ))}
    </div>
  );
}

/** Adds a silence from now on to those that are not over. */
function silence(settings: Settings, hours: number, workflow: string): Change {
  const nowMs = Date.now();
  const untilMs = nowMs + hours * 3_600_000;
  const coming = settings.silences.filter((one) => one.untilMs > nowMs);
  const added = { fromMs: nowMs, untilMs, ...(workflow !== ALL && { workflow }) };
  return {
    verb: `Silence for ${hours} h`,
    does: `Nothing is changed in ${workflow === ALL ? "any workflow" : workflow} until ` +
      `${
        new Date(untilMs).toLocaleString()
      }, such as during maintenance. Steps are still looked at.`,
    settings: { ...settings, silences: [...coming, added] },
  };
}
