/** Dead letters of a system: envelopes that nobody could use, to be looked at, replayed or discarded. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { EntryOf } from "../../../src/client/documents.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

type Letter = EntryOf<"listDead">;

/** Letters of one page. */
const SHOWN_MAX = 100;

/** Letters that are counted before a person is asked, and then replayed or discarded at once. */
const BATCH_MAX = 200;

/** How often they are counted, in milliseconds. */
const READ_MS = 10_000;

/** What is done to one letter, or to all of the system. */
interface Deed {
  readonly verb: "Replay" | "Discard";
  /** Absent: all of the system. */
  readonly letter?: Letter;
}

/** The oldest first; `system` is who sent them, or was to get them. */
export function DeadLetters({ system }: { readonly system: string }) {
  const [cursor, setCursor] = useState<string>();
  const [deed, setDeed] = useState<Deed>();
  const [shown, setShown] = useState<string>();
  const [said, setSaid] = useState<string>();
  const { data, error, refetch } = useOperation("listDead", {
    system,
    limit: SHOWN_MAX,
    ...(cursor !== undefined && { cursor }),
  }, { everyMs: READ_MS });
  const letters = data?.letters ?? [];
  return (
    <section className="stack">
      <h2>Dead letters</h2>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {said !== undefined && <p role="status">{said}</p>}
      {data !== undefined && letters.length === 0 && (
        <p className="muted">None: every envelope of this system could be used.</p>
      )}
      {letters.length > 0 && (
        <>
          <div className="row">
            <Button onPress={() => setDeed({ verb: "Replay" })}>Replay all</Button>
            <Button kind="danger" onPress={() => setDeed({ verb: "Discard" })}>Discard all</Button>
          </div>
          <Letters letters={letters} onShow={setShown} onAsk={setDeed} />
          <div className="row">
            {cursor !== undefined && <Button onPress={() => setCursor(undefined)}>Oldest</Button>}
            {data?.nextCursor !== undefined && (
              <Button onPress={() => setCursor(data.nextCursor)}>Next {SHOWN_MAX}</Button>
            )}
          </div>
        </>
      )}
      {shown !== undefined && <Letter id={shown} onClose={() => setShown(undefined)} />}
      {deed !== undefined && (
        <DeedDialog
          system={system}
          deed={deed}
          onSaid={setSaid}
          onClose={() => setDeed(undefined)}
        />
      )}
    </section>
  );
}

function Letters({ letters, onShow, onAsk }: {
  readonly letters: readonly Letter[];
  readonly onShow: (id: string) => void;
  readonly onAsk: (deed: Deed) => void;
}) {
  return (
    <DataTable
      caption="Dead letters"
      rows={letters}
      keyOf={({ id }) => id}
      columns={[
        { head: "Put aside", cell: ({ at }) => <Time at={at} /> },
        { head: "Kind", cell: ({ kind }) => kind },
        { head: "Why", cell: ({ reason }) => reason },
        { head: "Channel", cell: ({ channel }) => <code>{channel}</code> },
        { head: "Delivered", isNumber: true, cell: ({ deliveries }) => `${deliveries} ×` },
        { head: "Bytes", isNumber: true, cell: ({ bytes }) => bytes },
        {
          head: "",
          cell: (letter) => (
            <span className="row end">
              <Button label={`Show ${letter.id}`} onPress={() => onShow(letter.id)}>Show</Button>
              <Button
                label={`Replay ${letter.id}`}
                onPress={() => onAsk({ verb: "Replay", letter })}
              >
                Replay
              </Button>
              <Button
                label={`Discard ${letter.id}`}
                kind="danger"
                onPress={() => onAsk({ verb: "Discard", letter })}
              >
                Discard
              </Button>
            </span>
          ),
        },
      ]}
    />
  );
}

/** One letter as it came. */
function Letter({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { data, error, refetch } = useOperation("getDead", { id });
  return (
    <Dialog title="Dead letter" onClose={onClose} isWide>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data !== undefined && (
        <>
          <p>{data.reason}</p>
          <pre className="json" tabIndex={0} role="region" aria-label="Body">{data.body}</pre>
        </>
      )}
    </Dialog>
  );
}

/** Counts what a deed is about before it asks; many are done in one request of at most so many. */
function DeedDialog({ system, deed: { verb, letter }, onSaid, onClose }: {
  readonly system: string;
  readonly deed: Deed;
  readonly onSaid: (text: string) => void;
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const counted = useOperation("listDead", { system, limit: BATCH_MAX }, {
    isEnabled: letter === undefined,
  });
  const found = counted.data?.letters ?? [];
  const count = letter === undefined ? found.length : 1;
  const isMore = counted.data?.nextCursor !== undefined;
  const send = async () => {
    if (letter !== undefined) {
      const name = verb === "Replay" ? "replayDead" : "discardDead";
      await client.call(name, { id: letter.id });
      onSaid(verb === "Replay" ? "It is back in its channel." : "It is discarded.");
    } else {
      const name = verb === "Replay" ? "replayManyDead" : "discardManyDead";
      // Only what was counted: what came since then stays.
      const { done, refused } = await client.call(name, { system, count });
      const stay = refused === 0 ? "" : ` ${refused} stay: they never were envelopes.`;
      onSaid(
        `${done} ${verb === "Replay" ? "are back in their channels" : "are discarded"}.${stay}`,
      );
    }
    await queries.invalidateQueries({ queryKey: ["listDead"] });
  };
  const of = letter !== undefined
    ? "this letter"
    : counted.data === undefined
    ? "the letters that are being counted"
    : `${isMore ? "the oldest " : ""}${count} ${count === 1 ? "letter" : "letters"} of ${system}`;
  const does = verb === "Replay"
    ? `Puts ${of} back into the channel where it was found. What still cannot be used is put aside again.`
    : `Removes ${of} for good. Steps that wait for such an answer go on waiting until they time out.`;
  return (
    <Confirm
      title={letter === undefined ? `${verb} dead letters` : `${verb} a dead letter`}
      does={does}
      verb={verb}
      isDanger={verb === "Discard"}
      takesReason={false}
      isReady={letter !== undefined || counted.data !== undefined}
      onConfirm={send}
      onClose={onClose}
    />
  );
}
