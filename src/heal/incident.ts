/**
 * The workflow of an incident: diagnose → propose → approval → apply → observe → judge → conclude →
 * release → follow → learn. Each wait is a sleep or a signal and each change is put under the version that
 * it was made for, so a crash between any two steps, or in one, changes nothing.
 */

import * as fields from "../core/incident.ts";
import { step, workflow, z } from "../mod.ts";

/** What the steps of an incident do; see `incident_steps.ts`. */
export interface IncidentSteps {
  diagnose(of: StartedIncident): Promise<fields.Finding>;
  /** Undefined: nothing is known yet that would help; the step is asked again. `look` counts, from 1. */
  propose(
    of: StartedIncident & { readonly finding: fields.Finding; readonly look: number },
  ): Promise<Proposed | undefined>;
  apply(of: DecidedIncident): Promise<Applied>;
  /** Undefined: it is too early to say; the step is asked again. `look` counts, from 1. */
  judge(of: AppliedIncident & { readonly look: number }): Promise<Verdict | undefined>;
  conclude(of: AppliedIncident & { readonly verdict: Verdict }): Promise<Conclusion>;
  /** What ends by itself is looked at again and again, until it has ended. `look` counts, from 1. */
  release(of: ConcludedIncident & { readonly look: number }): Promise<Conclusion | Later>;
  learn(of: ConcludedIncident): Promise<z.output<typeof fields.LessonFields>>;
}

type Proposed = z.output<typeof fields.ProposedFields>;
type Applied = z.output<typeof fields.AppliedFields>;
type Verdict = z.output<typeof fields.VerdictFields>;
/** What became of a change. */
export type Conclusion = z.output<typeof fields.ConclusionFields>;

/** An incident that has started. */
export interface StartedIncident {
  readonly taskId: string;
  readonly incident: z.output<typeof fields.IncidentFields>;
}

/** An incident whose proposal was decided on; absent: nobody answered. */
export interface DecidedIncident extends StartedIncident {
  readonly proposed?: Proposed | undefined;
  readonly approval?: z.output<typeof fields.ApprovalFields> | undefined;
}

/** An incident whose proposal was applied, or was not. */
export interface AppliedIncident extends StartedIncident {
  readonly proposed?: Proposed | undefined;
  readonly applied: Applied;
}

/** An incident of which it is known what became of its change. */
export interface ConcludedIncident extends AppliedIncident {
  readonly conclusion: Conclusion;
}

/** It goes on, and is to be looked at again. */
export interface Later {
  readonly laterMs: number;
}

/** Windows between a change and the first look at what it does: for all tasks, or for a share. */
const OBSERVED_WINDOWS = { all: 2, share: 0.5 };

/** Looks in a window while a share of the tasks tries a change, and while nothing is known that helps. */
const LOOKS = 4;
const PROPOSE_LOOKS = 2;

/** Windows after a change is kept or taken back, so that the report shows what came of it. */
const FOLLOWED_WINDOWS = 3;

/** Steps read and write the database: they are tried again until it is there. */
const POLICY = {
  timeoutMs: 60_000,
  retry: { attemptsMax: 50, backoff: "exponential", delayMsMin: 1_000 },
  onExhausted: "fail",
} as const;

/** As often as a step may be tried; `holding.ts` ends what it looks at before they are used up. */
const LOOK_AGAIN = { attemptsMax: 1_000, backoff: "none", delayMsMin: 1_000 } as const;

const Incident = fields.IncidentFields;
const Decided = z.object({
  incident: Incident,
  proposed: fields.ProposedFields.optional(),
  approval: fields.ApprovalFields.optional(),
});
const AppliedInput = z.object({
  incident: Incident,
  proposed: fields.ProposedFields.optional(),
  applied: fields.AppliedFields,
});
const ConcludedInput = AppliedInput.extend({ conclusion: fields.ConclusionFields });
const TooEarly = z.object({ error_code: z.literal("too_early"), error_message: z.string() });
const StillHeld = z.object({ error_code: z.literal("still_held"), error_message: z.string() });

/** Makes the workflow; its code calls `steps`, which may be opened later. */
export function incidentWorkflow(steps: () => IncidentSteps) {
  return workflow({
    namespace: fields.OWN_NAMESPACE,
    name: "incident",
    version: "1.4.0",
    input: Incident,
  }, (w) => {
    const finding = w.step("diagnose", diagnoseWith(steps));
    const proposed = w.step("propose", proposeWith(steps), {
      needs: { finding },
      with: ({ input, finding }) => ({ incident: input, finding }),
    });
    const approval = w.signal(fields.APPROVAL, {
      after: [proposed],
      success: fields.ApprovalFields,
    });
    const applied = w.step("apply", applyWith(steps), {
      when: "always",
      needs: { proposed, approval },
      with: ({ input, proposed, approval }) => ({
        incident: input,
        ...("result" in proposed && { proposed: proposed.result }),
        ...("result" in approval && { approval: approval.result }),
      }),
    });
    const observed = w.sleep("observe", {
      needs: { applied },
      ms: windowsWith(({ percent }) =>
        percent === undefined ? OBSERVED_WINDOWS.all : OBSERVED_WINDOWS.share
      ),
    });
    const verdict = w.step("judge", judgeWith(steps), {
      needs: { proposed, applied },
      after: [observed],
      with: ({ input, proposed, applied }) => ({ incident: input, proposed, applied }),
    });
    const conclusion = w.step("conclude", concludeWith(steps), {
      needs: { proposed, applied, verdict },
      with: ({ input, ...given }) => ({ incident: input, ...given }),
    });
    const released = w.step("release", releaseWith(steps), {
      needs: { proposed, applied, conclusion },
      with: ({ input, ...given }) => ({ incident: input, ...given }),
    });
    const followed = w.sleep("follow", {
      needs: { applied },
      after: [released],
      ms: windowsWith(() => FOLLOWED_WINDOWS),
    });
    w.step("learn", learnWith(steps), {
      needs: { proposed, applied, conclusion: released },
      after: [followed],
      with: ({ input, ...given }) => ({ incident: input, ...given }),
    });
  });
}

/** Waits so many windows, if there is a change to look at. */
function windowsWith(windows: (applied: Applied) => number) {
  return ({ input, applied }: {
    readonly input: StartedIncident["incident"];
    readonly applied: Applied;
  }) => applied.isApplied ? windows(applied) * input.degradation.windowMs : 0;
}

type Steps = () => IncidentSteps;

function diagnoseWith(steps: Steps) {
  return step({
    ...POLICY,
    input: Incident,
    success: fields.FindingFields,
    run: ({ input, taskId }) => steps().diagnose({ taskId, incident: input }),
  });
}

function proposeWith(steps: Steps) {
  return step({
    ...POLICY,
    retry: LOOK_AGAIN,
    input: z.object({ incident: Incident, finding: fields.FindingFields }),
    success: fields.ProposedFields,
    error: TooEarly,
    run: async ({ input, taskId, attempt, fail }) => {
      const proposed = await steps().propose({ taskId, ...input, look: attempt });
      return proposed ?? fail(
        { error_code: "too_early", error_message: "Nothing is known yet that would help" },
        { retryable: true, retryAfterMs: input.incident.degradation.windowMs / PROPOSE_LOOKS },
      );
    },
  });
}

function applyWith(steps: Steps) {
  return step({
    ...POLICY,
    input: Decided,
    success: fields.AppliedFields,
    run: ({ input, taskId }) => steps().apply({ taskId, ...input }),
  });
}

function judgeWith(steps: Steps) {
  return step({
    ...POLICY,
    retry: LOOK_AGAIN,
    input: AppliedInput,
    success: fields.VerdictFields,
    error: TooEarly,
    run: async ({ input, taskId, attempt, fail }) => {
      const verdict = await steps().judge({ taskId, ...input, look: attempt });
      if (verdict !== undefined) return verdict;
      const error = {
        error_code: "too_early",
        error_message: "Too few attempts to compare",
      } as const;
      return fail(error, {
        retryable: true,
        retryAfterMs: input.incident.degradation.windowMs / LOOKS,
      });
    },
  });
}

function concludeWith(steps: Steps) {
  return step({
    ...POLICY,
    input: AppliedInput.extend({ verdict: fields.VerdictFields }),
    success: fields.ConclusionFields,
    run: ({ input, taskId }) => steps().conclude({ taskId, ...input }),
  });
}

function releaseWith(steps: Steps) {
  return step({
    ...POLICY,
    retry: LOOK_AGAIN,
    input: ConcludedInput,
    success: fields.ConclusionFields,
    error: StillHeld,
    run: async ({ input, taskId, attempt, fail }) => {
      const released = await steps().release({ taskId, ...input, look: attempt });
      if (!("laterMs" in released)) return released;
      const error = { error_code: "still_held", error_message: "The change holds" } as const;
      return fail(error, { retryable: true, retryAfterMs: released.laterMs });
    },
  });
}

function learnWith(steps: Steps) {
  return step({
    ...POLICY,
    input: ConcludedInput,
    success: fields.LessonFields,
    run: ({ input, taskId }) => steps().learn({ taskId, ...input }),
  });
}
