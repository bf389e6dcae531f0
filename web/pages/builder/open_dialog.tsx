/** Opens a document: a new one, a deployed one, or a file. */

import { useState } from "react";
import { Link } from "wouter";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Labelled } from "./commit_field.tsx";
import { type Builder, NEW_TEXT } from "./use_builder.ts";

/** Characters of a file that is opened; the server takes no more. */
const FILE_SIZE_MAX = 256_000;

/** A file takes the document's place, and undo brings it back; a deployed workflow has a place of its own. */
export function OpenDialog({ builder, onClose }: {
  readonly builder: Builder;
  readonly onClose: () => void;
}) {
  const [error, setError] = useState<unknown>();
  const workflows = useOperation("listWorkflows", {});
  const deployed = workflows.data?.workflows.filter(({ file }) => file === undefined) ?? [];
  const put = (file: string, text: string) => {
    builder.replace(text, { file, label: `Open ${file}` });
    onClose();
  };
  const openFile = (file: File | undefined) => {
    if (file === undefined) return;
    if (file.size > FILE_SIZE_MAX) return setError(new Error(`"${file.name}" is too large`));
    file.text().then((text) => put(file.name, text), setError);
  };
  return (
    <Dialog title="Open" onClose={onClose}>
      {error !== undefined && <ErrorNote error={error} />}
      <div className="row">
        <Button onPress={() => put("new_workflow.yaml", NEW_TEXT)}>New workflow</Button>
      </div>
      <Labelled label="A file" hint="A manifest, YAML">
        {(id) => (
          <input
            id={id}
            type="file"
            accept=".yaml,.yml"
            onChange={({ target }) => openFile(target.files?.[0])}
          />
        )}
      </Labelled>
      <h3>Deployed workflows</h3>
      <p className="muted">
        Workflows that files on the server define are changed there, not here.
      </p>
      {workflows.error !== null && <ErrorNote error={workflows.error} />}
      <ul className="open-list">
        {deployed.map(({ namespace, name, starts }) => (
          <li key={`${namespace}/${name}`}>
            <Link href={`/${namespace}/${name}`} onClick={onClose}>{namespace}/{name}</Link>{" "}
            <span className="muted">{starts}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
