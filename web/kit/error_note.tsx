/** An error, as it is shown to people. */

import { ClientError } from "../../src/client.ts";
import { Button } from "./button.tsx";

/** Says what happened, what to do, and the code to search for. */
export function ErrorNote(
  { error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void },
) {
  const isKnown = error instanceof ClientError;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <div className="error-note" role="alert">
      <p>{isKnown ? text : `The page failed: ${text}`}</p>
      {isKnown && error.action !== undefined && <p>{error.action}</p>}
      <p className="muted">
        {isKnown && <code>{error.code}</code>} {onRetry && (
          <Button onPress={onRetry}>
            Try again
          </Button>
        )}
      </p>
    </div>
  );
}
