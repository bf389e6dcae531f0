/** A button. */

import { type ReactNode, useState } from "react";

/** A button: `primary` is the one that a page is for; `danger` cannot be taken back. */
export function Button(
  { children, onPress, kind = "plain", type = "button", isDisabled = false, label, describedBy }: {
    readonly children: ReactNode;
    readonly onPress?: () => void;
    readonly kind?: "plain" | "primary" | "danger";
    readonly type?: "button" | "submit";
    readonly isDisabled?: boolean;
    /** What a screen reader says where the text alone does not. */
    readonly label?: string;
    /** The id of what says more, such as why it is off. */
    readonly describedBy?: string;
  },
) {
  return (
    <button
      type={type}
      className={`button ${kind}`}
      disabled={isDisabled}
      aria-label={label}
      aria-describedby={describedBy}
      onClick={onPress}
    >
      {children}
    </button>
  );
}

/** Puts a text into the clipboard, and says whether it is there: only pages of HTTPS or this host have one. */
export function CopyButton({ text }: { readonly text: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid("It is copied.");
    } catch {
      setSaid("This page may not copy: select the text and copy it.");
    }
  };
  return (
    <>
      <span className="muted" role="status">{said}</span>
      <Button onPress={() => void copy()}>Copy</Button>
    </>
  );
}
