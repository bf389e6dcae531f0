/** Style sheets of what is loaded when it is opened. */

/** Adds a style sheet to the page. The policy of the page refuses <style>, but not sheets that scripts make. */
export function adoptCss(text: string, root: Document | ShadowRoot = document): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets.push(sheet);
}
