/** What the builder can do with the document as a whole, and which document that is. */

import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { workflowOf } from "./kept_draft.ts";
import type { Builder } from "./use_builder.ts";

/** The bar beside the title. */
export function Toolbar({ builder, onOpen }: {
  readonly builder: Builder;
  readonly onOpen: (dialog: "open" | "describe" | "deploy") => void;
}) {
  const { session, undo, redo } = builder;
  const mayDeploy = useMay("deploy");
  const [last, next] = [session.done.at(-1), session.undone.at(-1)];
  return (
    <div className="builder-bar" role="toolbar" aria-label="Document">
      <Identity builder={builder} />
      <div className="row">
        <Button onPress={() => onOpen("open")}>Open …</Button>
        <Button onPress={() => onOpen("describe")}>Describe it …</Button>
      </div>
      <div className="row">
        <Button
          isDisabled={last === undefined}
          onPress={undo}
          label={last === undefined ? "Undo" : `Undo: ${last.label}`}
        >
          Undo
        </Button>
        <Button
          isDisabled={next === undefined}
          onPress={redo}
          label={next === undefined ? "Redo" : `Redo: ${next.label}`}
        >
          Redo
        </Button>
      </div>
      {mayDeploy && <Button kind="primary" onPress={() => onOpen("deploy")}>Deploy …</Button>}
    </div>
  );
}

/** Which workflow it is, and how it stands to what is deployed. */
function Identity({ builder: { value, base, session } }: { readonly builder: Builder }) {
  const workflow = workflowOf(value);
  const isOfBase = base?.workflow === workflow;
  const isAsDeployed = isOfBase && base.text === session.text;
  return (
    <p className="builder-identity">
      <code>{value.name === undefined ? "no name yet" : workflow}</code>{" "}
      <span className="number">{String(value.version ?? "")}</span>{" "}
      <span className={isAsDeployed ? "state good" : "state quiet"}>
        {isAsDeployed ? "as deployed" : isOfBase ? `draft, from ${base.version}` : "new draft"}
      </span>
    </p>
  );
}
