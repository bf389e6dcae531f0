/** What a person may do with a task and its steps; each says before what it will do. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Client, Step, Task } from "../../../src/client.ts";
import type { JsonSchema } from "../../../src/core/workflow.ts";
import { isTerminal } from "../../../src/core/state.ts";
import { useClient } from "../../data/client.tsx";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { SchemaForm } from "../../kit/schema_form.tsx";
import { ForkDialog } from "./fork_dialog.tsx";

/** One thing to do. */
interface Action {
  readonly key: string;
  /** On its button. */
  readonly label: string;
  /** On its button where that is not the label. */
  readonly button?: string;
  readonly title: string;
  readonly does: string;
  readonly isDanger?: boolean;
  readonly isPrimary?: boolean;
  /** The contract of the value that it takes; absent: it takes none. */
  readonly schema?: JsonSchema | undefined;
  readonly valueLabel?: string;
  readonly send: (given: { readonly reason: string; readonly value: unknown }) => Promise<unknown>;
}

/** Buttons of actions, and the question that each asks. */
function Actions(
  { actions, label }: { readonly actions: readonly Action[]; readonly label: string },
) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Action>();
  const [value, setValue] = useState<unknown>();
  const ask = (action: Action) => {
    setValue(action.schema?.type === "object" ? {} : undefined);
    setAsked(action);
  };
  if (actions.length === 0) return null;
  return (
    <div className="row" role="group" aria-label={label}>
      {actions.map((action) => (
        <Button
          key={action.key}
          kind={action.isDanger ? "danger" : action.isPrimary ? "primary" : "plain"}
          onPress={() => ask(action)}
        >
          {action.button ?? action.label}
        </Button>
      ))}
      {asked !== undefined && (
        <Confirm
          title={asked.title}
          does={asked.does}
          verb={asked.label}
          isDanger={asked.isDanger ?? false}
          onClose={() => setAsked(undefined)}
          onConfirm={async (reason) => {
            await asked.send({ reason, value });
            await queries.invalidateQueries({ queryKey: ["getTask"] });
          }}
        >
          {asked.schema !== undefined && (
            <SchemaForm
              schema={asked.schema}
              value={value}
              onChange={setValue}
              label={asked.valueLabel ?? "Value"}
            />
          )}
        </Confirm>
      )}
    </div>
  );
}

/** What can be done with the whole task. */
export function TaskActions({ task: { id, state } }: { readonly task: Task }) {
  const client = useClient();
  if (!useMay("operate") || isTerminal(state)) return null;
  const pause: Action = {
    key: "pause",
    label: "Pause",
    title: "Pause this task",
    does: "No further step starts until it is resumed. Attempts that run go on, and count.",
    send: ({ reason }) => client.call("pauseTask", { id, reason }),
  };
  const resume: Action = {
    key: "resume",
    label: "Resume",
    title: "Resume this task",
    does: "Steps that are ready start again, within their limits.",
    isPrimary: true,
    send: ({ reason }) => client.call("resumeTask", { id, reason }),
  };
  const cancel: Action = {
    key: "cancel",
    label: "Cancel task",
    title: "Cancel this task",
    does: "Every step that has not ended is cancelled, except those that run when others are " +
      "cancelled. Running code is asked to stop. This cannot be taken back.",
    isDanger: true,
    send: ({ reason }) => client.call("cancelTask", { id, reason }),
  };
  return <Actions label="Task" actions={[state === "paused" ? resume : pause, cancel]} />;
}

/** What can be done with a step as it stands. */
export function StepActions({ id, step, success }: {
  readonly id: string;
  readonly step: Step;
  /** The contract of its result. */
  readonly success: JsonSchema | undefined;
}) {
  const client = useClient();
  const mayOperate = useMay("operate");
  const maySignal = useMay("write");
  const { name, state, kind } = step;
  const actions: Action[] = [];
  if (kind === "signal" && state === "waiting_for_reply" && maySignal) {
    actions.push({
      key: "signal",
      label: "Send signal",
      title: `Send the signal "${name}"`,
      does: "The step completes with what you send, and the steps after it go on.",
      isPrimary: true,
      schema: step.form ?? success ?? {},
      valueLabel: "Signal",
      send: ({ value }) => client.call("sendSignal", { id, name, payload: value ?? null }),
    });
  }
  if (!mayOperate) return <Actions label={`Step ${name}`} actions={actions} />;
  actions.push(...decisionsOf(client, { id, step, success }));
  return <Actions label={`Step ${name}`} actions={actions} />;
}

/** The button of one choice of a parked step, where it is suggested; nothing to who may not choose. */
export function ChoiceAction({ id, step, success, choice }:
  & Parameters<typeof StepActions>[0]
  & { readonly choice: string }) {
  const client = useClient();
  if (!useMay("operate")) return null;
  const actions = decisionsOf(client, { id, step, success })
    .filter(({ key }) => key === choice)
    .map((action) => ({ ...action, button: "Do this", isPrimary: false }));
  return <Actions label={`Suggestion: ${choice}`} actions={actions} />;
}

/** Starts a new task from this step, with the results of those before it. */
export function ForkAction({ task, step, versions }: {
  readonly task: Task;
  readonly step: string;
  readonly versions: readonly string[];
}) {
  const [isAsked, setAsked] = useState(false);
  if (!useMay("operate")) return null;
  return (
    <>
      <Button onPress={() => setAsked(true)}>Fork from here</Button>
      {isAsked && (
        <ForkDialog
          {...{ id: task.id, step, version: task.version, versions }}
          onClose={() => setAsked(false)}
        />
      )}
    </>
  );
}

/** What an operator may decide about a step. */
function decisionsOf(
  client: Client,
  { id, step, success }: Parameters<typeof StepActions>[0],
): readonly Action[] {
  const { name, state } = step;
  const actions: Action[] = [];
  const isParked = state === "parked";
  if (isParked) {
    actions.push({
      key: "retry",
      label: "Retry",
      title: `Try "${name}" again`,
      does: "A new attempt starts at once. Attempts made before do not count against its limit.",
      isPrimary: true,
      send: ({ reason }) => client.call("retryStep", { id, step: name, reason }),
    });
    actions.push(
      ...alternativesOf(step).map(({ choice, label, takesResult }): Action => ({
        key: choice,
        label: choice,
        title: `Choose "${choice}" for "${name}"`,
        does: label,
        ...(takesResult && { schema: success ?? {}, valueLabel: "Result" }),
        send: ({ reason, value }) => {
          const given = takesResult ? { result: value ?? null } : {};
          return client.call("chooseStep", { id, step: name, choice, reason, ...given });
        },
      })),
    );
  }
  if (isParked || state === "waiting_for_retry" || state === "waiting_for_reply") {
    actions.push({
      key: "resolve",
      label: "Resolve",
      title: `End "${name}" by hand`,
      does: "The step ends with the result that you give; later steps read it. Nothing is run.",
      schema: success ?? {},
      valueLabel: "Result",
      send: ({ reason, value }) =>
        client.call("resolveStep", { id, step: name, reason, result: value ?? null }),
    });
    actions.push({
      key: "skip",
      label: "Skip",
      title: `Skip "${name}"`,
      does: "The step ends without running. It is refused if a later step needs its result.",
      send: ({ reason }) => client.call("skipStep", { id, step: name, reason }),
    });
  }
  return actions;
}

/** Choices of a parked step that have no button of their own. */
function alternativesOf({ options = [] }: Step) {
  return options.filter(({ choice }) => !["retry", "resolve", "skip", "cancel"].includes(choice));
}
