import type { Htmx } from "./htmx.js";

/**
 * Says once that the page has two copies of htmx. Each copy swaps each answer, and the extension and this script know
 * only the copy before them.
 */
export function warnOfCopies(htmx: Htmx): void {
  const check = () => {
    const files = [...document.scripts].filter(({ src }) =>
      /\/htmx(-[\w-]{12}|\.[\w.-]*)?\.js$|\/htmx\.org(@[^/]*)?$/.test(pathOf(src)),
    );
    if (window.htmx === htmx && files.length < 2) return;
    console.warn(
      "htmx-mercure: this page has two copies of htmx, so streams and forms can do nothing or everything twice. " +
        "mercure_scripts() brings htmx: remove the other script.",
    );
  };
  if (document.readyState === "complete") check();
  else addEventListener("load", check, { once: true });
}

function pathOf(url: string): string {
  return url === "" ? "" : new URL(url).pathname;
}
