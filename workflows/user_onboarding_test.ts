import { deepEqual, equal } from "node:assert/strict";
import { openTestEngine } from "tasker/testing";
import userOnboarding from "./user_onboarding.ts";

const NAME = "examples/user_onboarding";
const signup = { email: "ada@example.com", plan: "team" };

Deno.test("user_onboarding waits for an approval, then sends first tips", async () => {
  await using engine = await openTestEngine([userOnboarding]);
  const task = await engine.start(NAME, signup);
  equal(task.step("welcome").state, "completed");
  equal(task.step("first_tips").state, "pending");

  await task.signal("approval", { by: "Grace" });

  equal(await task.end(), "completed");
  deepEqual(task.step("first_tips").result, { sent: true });
  equal(task.step("apologize").state, "unreached");
});

Deno.test("user_onboarding apologizes when nobody approves within an hour", async () => {
  await using engine = await openTestEngine([userOnboarding]);

  const task = await engine.start(NAME, signup);

  equal(await task.end(), "failed");
  equal(task.step("approval").state, "failed");
  equal(task.step("apologize").state, "completed");
});

Deno.test("user_onboarding ends when the email is refused", async () => {
  await using engine = await openTestEngine([userOnboarding]);

  const task = await engine.start(NAME, { ...signup, email: "ada@example.invalid" });

  equal(await task.end(), "failed");
  equal(task.step("create_account").state, "failed");
  equal(task.step("welcome").state, "unreached");
});
