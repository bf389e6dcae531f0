/** Dialogs. */

import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.tsx";

/** A dialog over the page, which waits behind it. Escape closes it, and the focus goes back. */
export function Dialog({ title, onClose, children, isWide = false }: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly isWide?: boolean;
}) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      className={isWide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      onClose={onClose}
    >
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        <Button label="Close" onPress={onClose}>✕</Button>
      </div>
      {children}
    </dialog>
  );
}
