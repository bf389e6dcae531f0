/** The theme: as the system says, or as the person chose here. */

/** The themes that can be chosen. */
export const THEMES = ["system", "light", "dark"] as const;

/** A theme that can be chosen. */
export type Theme = typeof THEMES[number];

const STORED = "tasker.theme";

/** The theme that was chosen in this browser. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(STORED);
  return THEMES.find((theme) => theme === stored) ?? "system";
}

/** Shows the app in a theme, and keeps the choice in this browser. */
export function applyTheme(theme: Theme): void {
  localStorage.setItem(STORED, theme);
  document.documentElement.dataset.theme = theme;
}
