/** Actions that say before what they will do. */

import { type ReactNode, useId, useState } from "react";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorNote } from "./error_note.tsx";

interface ConfirmProps {
  readonly title: string;
  /** What will happen, in a sentence or two. */
  readonly does: ReactNode;
  /** What the button says: it names the act. */
  readonly verb: string;
  readonly isDanger?: boolean;
  /** Whether it is refused without a reason. */
  readonly needsReason?: boolean;
  /** False: the operation keeps no reason. */
  readonly takesReason?: boolean;
  /** False: what it would do is not known yet. */
  readonly isReady?: boolean;
  readonly children?: ReactNode;
  readonly onConfirm: (reason: string) => Promise<unknown>;
  readonly onClose: () => void;
}

/** Asks before something is done: what will happen, why the person does it, and then does it. */
export function Confirm(props: ConfirmProps) {
  const { title, does, verb, isDanger = false, needsReason = false, children } = props;
  const { isReady = true, takesReason = true, onConfirm, onClose } = props;
  const id = useId();
  const [reason, setReason] = useState("");
  const [isSent, setIsSent] = useState(false);
  const [error, setError] = useState<unknown>();
  const confirm = async () => {
    setIsSent(true);
    setError(undefined);
    try {
      await onConfirm(reason);
      onClose();
    } catch (thrown) {
      setError(thrown);
      setIsSent(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <p>{does}</p>
        {children}
        {takesReason && (
          <>
            <label htmlFor={id}>Why (recorded with the change)</label>
            <input
              id={id}
              value={reason}
              required={needsReason}
              maxLength={2_000}
              onChange={({ target }) => setReason(target.value)}
            />
          </>
        )}
        {error !== undefined && <ErrorNote error={error} />}
        <div className="row end">
          <Button onPress={onClose}>Leave it</Button>
          <Button
            type="submit"
            kind={isDanger ? "danger" : "primary"}
            isDisabled={!isReady || isSent}
          >
            {isSent ? "Sending …" : verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
