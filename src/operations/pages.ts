/** The pages of the web app: the server answers their paths with the app, which shows the page. */

/** The first part of each page's path; "" is the overview. */
const PAGES = [
  "",
  "tasks",
  "parked",
  "incidents",
  "workflows",
  "builder",
  "systems",
  "webhooks",
  "settings",
] as const;

/** Whether a path is a page's, or below one. */
export function isPagePath(path: string): boolean {
  const [, first = "", ...rest] = path.split("/");
  const isRoot = first === "" && rest.length === 0;
  return isRoot || PAGES.some((page) => page === first && page !== "");
}

/** The first part of a page's path. */
export type Page = typeof PAGES[number];
