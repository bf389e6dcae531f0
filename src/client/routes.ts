/** How each operation is sent. Written by `write_routes.ts` from the table of operations. */

import type { OperationName } from "../operations/table.ts";
import type { Route } from "./http.ts";

/** A route for every operation. */
export const ROUTES: Readonly<Record<OperationName, Route>> = {
  startTask: {
    method: "POST",
    path: "/v1/tasks",
    body: "*",
    query: ["waitMs"],
    isWrite: true,
    isLongPoll: true,
  },
  startTasks: { method: "POST", path: "/v1/tasks/batch", body: "*", isWrite: true },
  listTasks: {
    method: "GET",
    path: "/v1/tasks",
    pages: { entries: "tasks", next: "nextCursor", from: "cursor" },
  },
  getTask: { method: "GET", path: "/v1/tasks/{id}", isLongPoll: true },
  getJournal: {
    method: "GET",
    path: "/v1/tasks/{id}/journal",
    pages: { entries: "events", next: "nextAfterTurn", from: "afterTurn" },
  },
  streamTask: { method: "GET", path: "/v1/tasks/{id}/events" },
  streamAll: { method: "GET", path: "/v1/events" },
  cancelTask: { method: "POST", path: "/v1/tasks/{id}/cancel", body: "*", isWrite: true },
  pauseTask: { method: "POST", path: "/v1/tasks/{id}/pause", body: "*", isWrite: true },
  resumeTask: { method: "POST", path: "/v1/tasks/{id}/resume", body: "*", isWrite: true },
  sendSignal: {
    method: "POST",
    path: "/v1/tasks/{id}/signals/{name}",
    body: "payload",
    isWrite: true,
  },
  retryStep: {
    method: "POST",
    path: "/v1/tasks/{id}/steps/{step}/retry",
    body: "*",
    isWrite: true,
  },
  resolveStep: {
    method: "POST",
    path: "/v1/tasks/{id}/steps/{step}/resolve",
    body: "*",
    isWrite: true,
  },
  skipStep: { method: "POST", path: "/v1/tasks/{id}/steps/{step}/skip", body: "*", isWrite: true },
  listWorkflows: { method: "GET", path: "/v1/workflows" },
  getWorkflow: { method: "GET", path: "/v1/workflows/{namespace}/{name}" },
  compareVersions: { method: "GET", path: "/v1/workflows/{namespace}/{name}/compare" },
  listSystems: { method: "GET", path: "/v1/systems" },
  getWorkflowSchema: {
    method: "GET",
    path: "/schemas/workflows/{namespace}/{name}/{version}/{part}",
  },
  getStepSchema: {
    method: "GET",
    path: "/schemas/workflows/{namespace}/{name}/{version}/{step}/{part}",
  },
  getEnvelopeSchema: { method: "GET", path: "/schemas/envelopes/{envelope}" },
  getAsyncApi: { method: "GET", path: "/asyncapi.json" },
  getTypes: { method: "GET", path: "/v1/types" },
  getPolicy: { method: "GET", path: "/v1/policies/{namespace}/{name}" },
  putPolicy: { method: "PUT", path: "/v1/policies/{namespace}/{name}", body: "*", isWrite: true },
  getSystemLimits: { method: "GET", path: "/v1/systems/{name}/limits" },
  putSystemLimits: { method: "PUT", path: "/v1/systems/{name}/limits", body: "*", isWrite: true },
  listKeys: { method: "GET", path: "/v1/keys" },
  makeKey: { method: "POST", path: "/v1/keys", body: "*", isWrite: true },
  removeKey: { method: "DELETE", path: "/v1/keys/{id}", isWrite: true },
  listDead: {
    method: "GET",
    path: "/v1/dead",
    pages: { entries: "letters", next: "nextCursor", from: "cursor" },
  },
  replayDead: { method: "POST", path: "/v1/dead/{id}/replay", isWrite: true },
  discardDead: { method: "DELETE", path: "/v1/dead/{id}", isWrite: true },
  pollBus: { method: "POST", path: "/v1/bus/{system}/poll", body: "*", isLongPoll: true },
  replyBus: { method: "POST", path: "/v1/bus/{system}/replies", body: "replies" },
  isLive: { method: "GET", path: "/health/live" },
  isReady: { method: "GET", path: "/health/ready" },
  getHealth: { method: "GET", path: "/health" },
  getMetrics: { method: "GET", path: "/metrics" },
  getOpenApi: { method: "GET", path: "/openapi.json" },
};
