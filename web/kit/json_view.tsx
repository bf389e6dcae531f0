/** JSON values, as people read them. The server has hidden what contracts mark as sensitive. */

/** Characters that are shown; the command line shows the rest. */
const SHOWN_MAX = 20_000;

/** A value. */
export function JsonView({ value, label }: {
  readonly value: unknown;
  readonly label: string;
}) {
  const text = JSON.stringify(value, undefined, 2) ?? "nothing";
  const isCut = text.length > SHOWN_MAX;
  return (
    <pre className="json" tabIndex={0} role="region" aria-label={label}>
      {text.slice(0, SHOWN_MAX)}
      {isCut && `\n… ${text.length - SHOWN_MAX} characters more`}
    </pre>
  );
}
