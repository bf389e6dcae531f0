/** The frame around each page: navigation, theme, how fresh the page is, and who is signed in. */

import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { Button } from "../kit/button.tsx";
import { roleOf, useSession } from "../data/session.tsx";
import { useFeed } from "../data/feed.tsx";
import { PAGES } from "./routes.tsx";
import { applyTheme, storedTheme, type Theme, THEMES } from "./theme.ts";

/** Landmarks of every page: a link past the navigation, the navigation, and the page itself. */
export function Frame(
  { children, onSignOut }: { readonly children: ReactNode; readonly onSignOut: () => void },
) {
  return (
    <div className="frame">
      <a className="skip" href="#page">Skip to the page</a>
      <header className="side">
        <Link className="brand" href="/">Tasker</Link>
        <Navigation />
        <div className="side-end">
          <FreshnessNote />
          <ThemeChoice />
          <Account onSignOut={onSignOut} />
        </div>
      </header>
      <main id="page" tabIndex={-1}>{children}</main>
    </div>
  );
}

function Navigation() {
  const [location] = useLocation();
  const first = location.split("/")[1] ?? "";
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const current = nav.current?.querySelector("[aria-current]");
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [first]);
  return (
    <nav ref={nav} aria-label="Pages">
      {Object.entries(PAGES).flatMap(([path, { label }]) =>
        label === undefined ? [] : [
          <Link
            key={path}
            href={`/${path}`}
            aria-current={path === first ? "page" : undefined}
          >
            {label}
          </Link>,
        ]
      )}
    </nav>
  );
}

function Account({ onSignOut }: { readonly onSignOut: () => void }) {
  const session = useSession();
  return (
    <div className="account">
      <span title={session.name}>
        <span className="account-name">{session.name}</span>
        <span className="muted">{roleOf(session)}</span>
      </span>
      <Button onPress={onSignOut}>Sign out</Button>
    </div>
  );
}

function ThemeChoice() {
  const [theme, setTheme] = useState(storedTheme);
  return (
    <label className="theme">
      <span>Theme</span>
      <select
        value={theme}
        onChange={({ target }) => {
          applyTheme(target.value as Theme);
          setTheme(target.value as Theme);
        }}
      >
        {THEMES.map((one) => <option key={one} value={one}>{one}</option>)}
      </select>
    </label>
  );
}

/** How fresh the page is, and how to pause it: what is old is never shown as if it were live. */
function FreshnessNote() {
  const { freshness, isOld, pause, resume } = useFeed();
  const since = freshness.kind === "live" ? "" : new Date(freshness.sinceMs).toLocaleTimeString();
  return (
    <div className="freshness" role="status">
      {isOld && (
        <p className="state attention">
          The server has a newer version of this page.{" "}
          <Button onPress={() => location.reload()}>Reload</Button>
        </p>
      )}
      {freshness.kind === "live" && (
        <p>
          <span className="state good">live</span> <Button onPress={pause}>Pause</Button>
        </p>
      )}
      {freshness.kind === "paused" && (
        <p>
          <span className="state attention">paused, shown as of {since}</span>{" "}
          <Button onPress={resume}>Resume</Button>
        </p>
      )}
      {freshness.kind === "reconnecting" && (
        <p className="state attention">reconnecting, shown as of {since}</p>
      )}
    </div>
  );
}
