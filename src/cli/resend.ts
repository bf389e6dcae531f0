/** The verb `webhooks resend`: sends what was given up again, page by page. */

import type { OperationResult } from "../client.ts";
import type { VerbExtra } from "./operation_verb.ts";
import { EXIT_DONE, show, TASKER } from "./verb.ts";

type Page = OperationResult<"resendDeliveries">;

/** What the verb does beyond sending its operation. */
export const RESEND: VerbExtra<"resendDeliveries"> = {
  summary: "Sends deliveries again that were given up, newest first, under the ids that their " +
    "receiver knows, to the URL of now",
  async run(context, send, input) {
    const total = { found: 0, sent: [] as string[], sentBefore: 0 };
    let cursor = input.cursor;
    do {
      const page: Page = await send(cursor === undefined ? {} : { cursor });
      total.found += page.found;
      total.sent.push(...page.sent);
      total.sentBefore += page.sentBefore;
      cursor = page.nextCursor;
    } while (cursor !== undefined && !context.signal.aborted);
    show(context, { ...total, ...(cursor !== undefined && { nextCursor: cursor }) }, () => [
      input.dryRun === true
        ? `${total.found} deliveries would be sent again: leave out --dry-run to do it`
        : `${total.sent.length} of ${total.found} deliveries are sent again` +
          (total.sentBefore > 0 ? `, ${total.sentBefore} were before` : ""),
      ...(cursor === undefined ? [] : [`stopped: go on with --cursor ${cursor}`]),
      `how they go: ${TASKER} webhooks`,
    ]);
    return EXIT_DONE;
  },
};
