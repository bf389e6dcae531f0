/** User onboarding: a fan-out, an approval by a person, a wait, and what happens when it fails. */

import { step, workflow, z } from "tasker";

const Signup = z.object({ email: z.email(), plan: z.enum(["free", "team"]) });

/** Opens the account. */
export const createAccount = step({
  input: Signup,
  success: z.object({ userId: z.string() }),
  error: z.object({ error_code: z.enum(["email_refused"]), error_message: z.string() }),
  retry: { attemptsMax: 5, backoff: "exponential", delayMsMin: 200 },
  run: ({ input, key, fail }) => {
    if (input.email.endsWith("@example.invalid")) {
      return fail({ error_code: "email_refused", error_message: "That domain takes no mail" });
    }
    return { userId: `user of ${key}` };
  },
});

/** Makes a place for the user's files. */
export const createWorkspace = step({
  input: z.object({ userId: z.string() }),
  success: z.object({ workspaceId: z.string() }),
  run: ({ input }) => ({ workspaceId: `workspace of ${input.userId}` }),
});

/** Sends a letter; at most once, because nobody wants it twice. */
export const sendMail = step({
  input: z.object({ to: z.email(), text: z.string() }),
  success: z.object({ sent: z.boolean() }),
  atMostOnce: true,
  run: ({ input, log }) => {
    log("A letter goes out", { length: input.text.length });
    return { sent: true };
  },
});

/** Chooses what a new user sees first. */
export const suggestTemplates = step({
  input: z.object({ plan: z.enum(["free", "team"]) }),
  success: z.object({ templates: z.array(z.string()) }),
  run: ({ input }) => ({ templates: input.plan === "team" ? ["board", "wiki"] : ["notes"] }),
});

export default workflow({
  namespace: "examples",
  name: "user_onboarding",
  version: "1.0.0",
  input: Signup,
}, (w) => {
  const account = w.step("create_account", createAccount);
  const workspace = w.step("create_workspace", createWorkspace, {
    needs: { account },
    with: ({ account }) => ({ userId: account.userId }),
  });
  const templates = w.step("suggest_templates", suggestTemplates, { after: [account] });
  w.step("welcome", sendMail, {
    after: [account],
    with: ({ input }) => ({ to: input.email, text: "Welcome!" }),
  });

  const approval = w.signal("approval", {
    after: [workspace],
    success: z.object({ by: z.string() }),
    timeoutMs: 3_600_000,
  });
  const settled = w.sleep("settle_in", { after: [approval], ms: 1_000 });
  w.step("first_tips", sendMail, {
    needs: { templates, approval },
    after: [settled],
    with: ({ input, templates, approval }) => ({
      to: input.email,
      text: `${approval.by} let you in. Start with: ${templates.templates.join(", ")}`,
    }),
  });
  w.step("apologize", sendMail, {
    after: [approval],
    when: "failed",
    with: ({ input }) => ({ to: input.email, text: "We could not open your account in time." }),
  });
});
