/** The builder's state: the session, what is selected, and what the server says of the text. */

import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type Fields, stepsOf } from "../../../src/author/document.ts";
import type { Directory, Edit, Problem } from "../../../src/core/authoring.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useSession } from "../../data/session.tsx";
import type { EdgeEnds } from "../../graph/graph_model.ts";
import type { Gesture, Meant } from "./gestures.ts";
import { type Base, keepDraft, keptDraft, placeOf } from "./kept_draft.ts";
import {
  applyEdits,
  openSession,
  redo,
  replaceText,
  type Session,
  typeText,
  undo,
} from "./session.ts";

/** What is selected: a step or an edge; absent: the workflow as a whole. */
export type Selection =
  | { readonly kind: "step"; readonly name: string }
  | { readonly kind: "edge"; readonly edge: EdgeEnds };

/** How a text takes the place of all. */
interface Replacement {
  readonly file?: string;
  readonly label: string;
  readonly base?: Base;
}

/** Everything that the parts of the builder share. */
export interface Builder {
  readonly session: Session;
  readonly value: Fields;
  /** The deployment that the draft began as; absent: it is new. */
  readonly base: Base | undefined;
  setBase(base: Base): void;
  readonly directory: Directory | undefined;
  /** What is wrong with the text, as far as it is known. */
  readonly problems: readonly Problem[];
  /** Whether the problems are those of the text as it is now. */
  readonly isChecked: boolean;
  readonly checkError: Error | null;
  readonly selection: Selection | undefined;
  select(selection: Selection | undefined): void;
  /** Makes a gesture. The answer says whether it was made; a refusal is shown and announced. */
  make(meant: Gesture | Meant, options?: { readonly of?: string }): boolean;
  /** Takes what is typed, a moment later. */
  type(text: string): void;
  /** Puts another text in place of all; `base` is what it begins as, absent: nothing deployed. */
  replace(text: string, options: Replacement): void;
  undo(): void;
  redo(): void;
  /** The last thing that was done or refused, in words. */
  readonly said: { readonly text: string; readonly isRefusal: boolean } | undefined;
  say(text: string, isRefusal?: boolean): void;
}

/** How long after the last letter the text is read. */
const TYPING_MS = 150;
/** How long after the last change the server is asked. */
const CHECK_MS = 250;

/** A workflow that has nothing yet. */
export const NEW_TEXT = "name: new_workflow\nversion: 1.0.0\nworkflow_steps: []\n";

/**
 * Opens the builder's state for the workflow of the address, `namespace/name`, or for a new one. Work
 * that was not deployed is found again after a reload.
 */
export function useBuilder(workflow?: string): Builder {
  const place = placeOf(workflow);
  const { name: by } = useSession();
  const [kept] = useState(() => keptDraft(place, by));
  const [session, setSession] = useState(() => opened(kept));
  const [base, setBase] = useState(kept?.base);
  const [selection, select] = useState<Selection>();
  const [said, setSaid] = useState<Builder["said"]>();
  const live = useLive(session, setSession);
  const checked = useCheck(session);
  const directory = useOperation("getDirectory", {}).data;
  const say = useCallback((text: string, isRefusal = false) => setSaid({ text, isRefusal }), []);
  useKept(place, { session, base, by });
  const value = session.document.value;
  return {
    session,
    value,
    base,
    setBase,
    directory,
    ...checked,
    selection: useMemo(() => there(selection, value), [selection, value]),
    select,
    said,
    say,
    type: live.type,
    ...useChanges({ live, say, select, setBase }),
  };
}

/** A step that is gone is not selected any more. */
function there(selection: Selection | undefined, value: Fields): Selection | undefined {
  const names = new Set(stepsOf(value).map(({ name }) => name));
  if (selection?.kind === "step") return names.has(selection.name) ? selection : undefined;
  const { from = "", to = "" } = selection?.edge ?? {};
  return names.has(from) && names.has(to) ? selection : undefined;
}

/** The newest session, with what is being typed. */
interface Live {
  now(): Session;
  put(session: Session): void;
  type(text: string): void;
}

function useLive(session: Session, setSession: (session: Session) => void): Live {
  const newest = useRef(session);
  const typed = useRef<{ readonly text: string; readonly timer: ReturnType<typeof setTimeout> }>(
    undefined,
  );
  return useMemo(() => {
    const put = (next: Session) => {
      newest.current = next;
      setSession(next);
    };
    const now = () => {
      const waiting = typed.current;
      typed.current = undefined;
      if (waiting === undefined) return newest.current;
      clearTimeout(waiting.timer);
      put(typeText(newest.current, waiting.text, performance.now()));
      return newest.current;
    };
    const type = (text: string) => {
      clearTimeout(typed.current?.timer);
      typed.current = { text, timer: setTimeout(now, TYPING_MS) };
    };
    return { now, put, type };
  }, [setSession]);
}

function useChanges({ live, say, select, setBase }: {
  readonly live: Live;
  readonly setBase: (base: Base | undefined) => void;
  readonly say: Builder["say"];
  readonly select: Builder["select"];
}): Pick<Builder, "make" | "replace" | "undo" | "redo"> {
  return useMemo(() => ({
    make(meant, options = {}) {
      const gesture = "ok" in meant ? meant.ok ? meant.gesture : undefined : meant;
      if (gesture === undefined) {
        say((meant as { readonly reason: string }).reason, true);
        return false;
      }
      const { label, edits } = gesture;
      if (edits.length === 0) return true;
      const outcome = applyEdits(live.now(), edits, { label, ...options });
      if (!outcome.ok) {
        say(outcome.reason, true);
        return false;
      }
      live.put(outcome.session);
      const name = selectedBy(edits);
      if (name !== undefined) select({ kind: "step", name });
      say(label);
      return true;
    },
    replace(text, { file, label, base }) {
      const now = live.now();
      live.put({ ...replaceText(now, text, label), ...(file !== undefined && { file }) });
      setBase(base);
      select(undefined);
      say(label);
    },
    undo() {
      const now = live.now();
      const label = now.done.at(-1)?.label;
      live.put(undo(now));
      say(label === undefined ? "Nothing to undo" : `Undid: ${label}`);
    },
    redo() {
      const now = live.now();
      const label = now.undone.at(-1)?.label;
      live.put(redo(now));
      say(label === undefined ? "Nothing to redo" : `Did again: ${label}`);
    },
  }), [live, say, select, setBase]);
}

/** A step that was added or renamed is looked at next. */
function selectedBy(edits: readonly Edit[]): string | undefined {
  const last = edits.findLast(({ kind }) => kind === "add_step" || kind === "rename_step");
  return last?.kind === "add_step"
    ? last.step.name
    : last?.kind === "rename_step"
    ? last.to
    : undefined;
}

/** Asks the server what is wrong with the text; what cannot be read is known here at once. */
function useCheck(session: Session): Pick<Builder, "problems" | "isChecked" | "checkError"> {
  const client = useClient();
  const text = useSettled(session.text, CHECK_MS);
  const { file, reading } = session;
  const { data, error } = useQuery({
    queryKey: ["check", file, text],
    queryFn: async ({ signal }) => {
      const { problems } = await client.call("checkDocument", { text, file }, { signal });
      return { text, problems };
    },
    placeholderData: (before) => before,
    staleTime: Infinity,
    gcTime: 0,
  });
  const isChecked = data?.text === session.text;
  return {
    problems: reading.ok || isChecked ? data?.problems ?? [] : reading.problems,
    isChecked: isChecked || !reading.ok,
    checkError: error,
  };
}

/** A value once it has not changed for a while. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

/** The session that a kept draft is, or a new one. */
function opened(kept: ReturnType<typeof keptDraft>): Session {
  return openSession(kept?.file ?? "new_workflow.yaml", kept?.text ?? NEW_TEXT);
}

function useKept(place: string, { session, base, by }: {
  readonly session: Session;
  readonly base: Base | undefined;
  readonly by: string;
}): void {
  const { file, text } = session;
  useEffect(() => {
    const timer = setTimeout(() => keepDraft(place, { file, text, base, by }), CHECK_MS);
    return () => clearTimeout(timer);
  }, [place, file, text, base, by]);
}
