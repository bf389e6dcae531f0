/** API keys: who may do what; made, shown once, and removed. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { EVERYTHING, type Scope, SCOPES } from "../../../src/core/api_key.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useSession } from "../../data/session.tsx";
import { Button, CopyButton } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

type Key = OperationResult<"listKeys">["keys"][number];

/** What each scope lets its key do. */
const SCOPE_TEXTS: Readonly<Record<Scope, string>> = {
  read: "see tasks, workflows and systems",
  write: "start tasks and send signals",
  operate: "retry, resolve, cancel, decide on proposals",
  events: "send events to triggers, and nothing else",
  deploy: "deploy workflows",
  bus: "work for systems: take steps and answer",
  admin: "everything, and make keys",
};

/** Keys with at most the reach of the person who looks. */
export function Keys() {
  const client = useClient();
  const queries = useQueryClient();
  const session = useSession();
  const [isMaking, setIsMaking] = useState(false);
  const [removed, setRemoved] = useState<Key>();
  const { data, error, refetch } = useOperation("listKeys", {});
  return (
    <div className="stack pad-top">
      <div className="row">
        <Button kind="primary" onPress={() => setIsMaking(true)}>Make a key</Button>
      </div>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <KeysTable keys={data.keys} onRemove={setRemoved} />}
      {isMaking && <MakeKey onClose={() => setIsMaking(false)} />}
      {removed !== undefined && (
        <Confirm
          title={`Remove the key “${removed.name}”`}
          does={"Whoever uses it is refused within seconds, on every node, and browsers that are " +
            "signed in with it are signed out. This cannot be taken back." +
            (removed.id === session.id ? " It is the key that you use now." : "")}
          verb="Remove"
          isDanger
          takesReason={false}
          onClose={() => setRemoved(undefined)}
          onConfirm={async () => {
            await client.call("removeKey", { id: removed.id });
            await queries.invalidateQueries({ queryKey: ["listKeys"] });
          }}
        />
      )}
    </div>
  );
}

function KeysTable({ keys, onRemove }: {
  readonly keys: readonly Key[];
  readonly onRemove: (key: Key) => void;
}) {
  const session = useSession();
  return (
    <DataTable
      caption="Keys"
      rows={keys}
      keyOf={({ id }) => id}
      columns={[
        {
          head: "Name",
          cell: ({ name, id }) => (
            <>
              {name}
              {id === session.id && <span className="muted">, yours</span>}
            </>
          ),
        },
        { head: "May", cell: ({ scopes }) => scopes.join(", ") },
        { head: "Namespaces", cell: ({ namespaces }) => coveredText(namespaces) },
        { head: "Systems", cell: ({ systems }) => coveredText(systems) },
        { head: "Made", cell: ({ createdAt }) => <Time at={createdAt} /> },
        {
          head: "Ends",
          cell: ({ expiresAt }) =>
            expiresAt === undefined ? "never" : new Date(expiresAt).toLocaleString(),
        },
        {
          head: "",
          cell: (key) => (
            <Button
              label={`Remove ${key.name}`}
              kind="danger"
              onPress={() => onRemove(key)}
            >
              Remove
            </Button>
          ),
        },
      ]}
    />
  );
}

function coveredText(covered: readonly string[]): string {
  if (covered.includes(EVERYTHING)) return "all";
  return covered.join(", ") || "none";
}

/** Asks what the key may do, and shows it once. */
function MakeKey({ onClose }: { readonly onClose: () => void }) {
  const client = useClient();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["read"]);
  const [namespaces, setNamespaces] = useState(EVERYTHING);
  const [systems, setSystems] = useState("");
  const [made, setMade] = useState<string>();
  const [error, setError] = useState<unknown>();
  const make = async () => {
    setError(undefined);
    try {
      const { key } = await client.call("makeKey", {
        name,
        scopes: [...scopes],
        namespaces: listOf(namespaces),
        systems: listOf(systems),
      });
      setMade(key);
      await queries.invalidateQueries({ queryKey: ["listKeys"] });
    } catch (thrown) {
      setError(thrown);
    }
  };
  if (made !== undefined) return <MadeKey name={name} value={made} onClose={onClose} />;
  return (
    <Dialog title="Make a key" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <label className="stack">
          Name: who or what will use it
          <input
            data-first
            required
            maxLength={128}
            value={name}
            onChange={({ target }) => setName(target.value)}
          />
        </label>
        <ScopeChoice scopes={scopes} onChoose={setScopes} />
        <Covered label="Namespaces" value={namespaces} onChange={setNamespaces} />
        <Covered label="Systems" value={systems} onChange={setSystems} />
        {error !== undefined && <ErrorNote error={error} />}
        <div className="row end">
          <Button onPress={onClose}>Leave it</Button>
          <Button type="submit" kind="primary" isDisabled={name === "" || scopes.length === 0}>
            Make it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Covered({ label, value, onChange }: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <label className="stack">
      {label}, divided by commas; * is all
      <input value={value} onChange={({ target }) => onChange(target.value)} />
    </label>
  );
}

function ScopeChoice({ scopes, onChoose }: {
  readonly scopes: readonly Scope[];
  readonly onChoose: (scopes: readonly Scope[]) => void;
}) {
  return (
    <fieldset className="stack">
      <legend>It may</legend>
      {SCOPES.map((scope) => (
        <label key={scope} className="row">
          <input
            type="checkbox"
            checked={scopes.includes(scope)}
            onChange={({ target }) =>
              onChoose(
                target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope),
              )}
          />
          <span>
            {scope} <span className="muted">{SCOPE_TEXTS[scope]}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

/** The secret, which only its owner keeps. */
function MadeKey({ name, value, onClose }: {
  readonly name: string;
  readonly value: string;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={`The key “${name}”`} onClose={onClose}>
      <p>This is the only time that it is shown. Keep it where other secrets are kept.</p>
      <pre className="json" tabIndex={0} role="region" aria-label="Key">{value}</pre>
      <div className="row end">
        <CopyButton text={value} />
        <Button kind="primary" onPress={onClose}>I have it</Button>
      </div>
    </Dialog>
  );
}

function listOf(text: string): string[] {
  return text.split(",").map((one) => one.trim()).filter((one) => one !== "");
}
