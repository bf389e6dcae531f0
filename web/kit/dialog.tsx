/** Dialogs. */

import { type ReactNode, useEffect, useId, useRef } from "react";
import { adoptCss } from "./adopt_css.ts";
import { Button } from "./button.tsx";
import css from "./dialog.css" with { type: "text" };

adoptCss(css);

/**
 * A dialog over the page, which waits behind it. Escape closes it, and the focus goes back. What has
 * `data-first` is focused when it opens.
 */
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
    dialog.current?.querySelector<HTMLElement>("[data-first]")?.focus();
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
