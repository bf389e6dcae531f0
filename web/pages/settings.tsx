/** Settings: how far healing may go, the nodes, and for admins keys and who changed what. */

import { useSearchParams } from "wouter";
import { useMay } from "../data/session.tsx";
import { Page } from "../kit/page.tsx";
import { Tabs } from "../kit/tabs.tsx";
import { AuditList } from "./settings/audit.tsx";
import { HealingSettings } from "./settings/healing.tsx";
import { Keys } from "./settings/keys.tsx";
import { Nodes } from "./settings/nodes.tsx";

/** The page at `/settings`; `?tab=keys` opens that tab. */
export default function SettingsPage() {
  const [search, setSearch] = useSearchParams();
  const isAdmin = useMay("admin");
  const tabs = [
    { key: "healing", title: "Healing", content: <HealingSettings /> },
    { key: "nodes", title: "Nodes", content: <Nodes /> },
    ...(isAdmin
      ? [
        { key: "keys", title: "Keys", content: <Keys /> },
        { key: "audit", title: "Audit", content: <AuditList /> },
      ]
      : []),
  ];
  return (
    <Page title="Settings">
      <Tabs
        label="Settings"
        tabs={tabs}
        chosen={search.get("tab") ?? "healing"}
        onChoose={(tab) => setSearch({ tab }, { replace: true })}
      />
    </Page>
  );
}
