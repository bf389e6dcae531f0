/** A button. */

import type { ReactNode } from "react";

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
