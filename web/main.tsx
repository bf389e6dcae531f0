/** Entry of the web app. */

import { createRoot } from "react-dom/client";
import { App } from "./shell/app.tsx";
import { applyTheme, storedTheme } from "./shell/theme.ts";
import "./style.css";
import "./kit/kit.css";

applyTheme(storedTheme());
const root = document.getElementById("root");
if (root === null) throw new Error("Cannot show the app: index.html has no element #root");
createRoot(root).render(<App />);
