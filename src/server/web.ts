/** The web app beside the API: files that never change under their name, and one page. */

import type { Api } from "../api/api.ts";
import { isPagePath } from "../operations/pages.ts";
import { readWebState, type WebFile, WebFiles, type WebState } from "./web_files.ts";

/** Scripts, styles and calls of this server alone; nothing inline, and no frame around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const GUARDS = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
};

const ASSET = /^\/assets\/([^/]+)\/(.+)$/;

/** Serves the app at its own paths, and everything else as before. */
export function withWeb(api: Api, { dataDir }: { readonly dataDir: string }): Api {
  const files = new WebFiles(dataDir);
  return {
    ...api,
    fetch: async (request) => {
      const ofApp = await answer(request, files);
      if (ofApp !== undefined) return ofApp;
      const response = await api.fetch(request);
      return isMistyped(request, response) ? await respondPage(request, files, 404) : response;
    },
  };
}

/** Answers a request for the app; undefined: it is not for it. */
async function answer(request: Request, files: WebFiles): Promise<Response | undefined> {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const path = URL.parse(request.url)?.pathname ?? "";
  const [, build, name] = ASSET.exec(path) ?? [];
  if (build !== undefined && name !== undefined) {
    const file = await files.find(build, name);
    return file && respond(request, file, "public, max-age=31536000, immutable");
  }
  return isPagePath(path) ? await respondPage(request, files, 200) : undefined;
}

/** Whether a person opened an address in a browser that neither the app nor the API has. */
function isMistyped({ method, url, headers }: Request, { status }: Response): boolean {
  const isPage = method === "GET" && /\btext\/html\b/.test(headers.get("accept") ?? "");
  return status === 404 && isPage && !URL.parse(url)?.pathname.startsWith("/v1/");
}

/** The app, which shows the page of the address, or that there is none. */
async function respondPage(
  request: Request,
  files: WebFiles,
  status: 200 | 404,
): Promise<Response> {
  const state = await readWebState(files.dataDir);
  const page = state.kind === "ready" ? await files.find(state.build, "index.html") : undefined;
  if (page === undefined) return withoutApp(state);
  // The page names its build: asked for each time, it is never older than the server.
  return respond(request, page, "no-cache", status);
}

function respond(request: Request, file: WebFile, cacheControl: string, status = 200): Response {
  const isGzipped = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  const etag = isGzipped ? `"${file.etag}-gzip"` : `"${file.etag}"`;
  const headers = {
    ...GUARDS,
    etag,
    "cache-control": cacheControl,
    "vary": "accept-encoding",
    ...(isGzipped ? { "content-encoding": "gzip" } : {}),
  };
  const known = request.headers.get("if-none-match") ?? "";
  if (status === 200 && known.split(",").some((one) => one.trim() === etag)) {
    return new Response(null, { status: 304, headers });
  }
  const bytes = isGzipped ? file.gzipped : file.bytes;
  return new Response(request.method === "HEAD" ? null : bytes, {
    status,
    headers: { ...headers, "content-type": file.type, "content-length": String(bytes.length) },
  });
}

/** Says what happened to the app, and what to do; the page asks again while it is built. */
function withoutApp(state: WebState): Response {
  const isFailed = state.kind === "failed";
  const text = isFailed
    ? `<h1>The web app could not be built</h1><p>The API, the command line and all tasks work.
       Start the server again with <code>deno task serve</code>; if it fails again, this says why:</p>
       <pre>${escape(state.reason)}</pre>`
    : "<h1>The web app is being built</h1><p>This takes some seconds, once for each version. " +
      "The page comes by itself.</p>";
  const again = isFailed ? "" : '<meta http-equiv="refresh" content="1">';
  return new Response(
    `<!doctype html><html lang="en"><meta charset="utf-8">${again}<title>Tasker</title>${text}`,
    {
      status: 503,
      headers: {
        ...GUARDS,
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "retry-after": "1",
      },
    },
  );
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
