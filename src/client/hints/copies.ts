/**
 * Warns once if the page has two copies of htmx. Each copy swaps each answer, and the extension and the client know
 * only one of them.
 */
export function warnOfCopies(htmx: unknown): void {
  const check = () => {
    const files = [...document.scripts].filter(({ src }) =>
      /\/htmx4?(-[\w-]{12}|\.[\w.-]*)?\.js$|\/htmx\.org(@[^/]*)?$/.test(pathOf(src)),
    );
    if ((window.htmx as unknown) === htmx && files.length < 2) return;
    const isTwice = files.length > 1 && new Set(files.map(({ src }) => src)).size === 1;
    console.warn(
      "htmx-mercure: this page has two copies of htmx, so streams and forms can do nothing or everything twice. " +
        (isTwice ? "Its script is in the page twice: " : "mercure_scripts() loads htmx: ") +
        `remove ${isTwice ? "one, or one mercure_scripts()" : "the other script"}.`,
    );
  };
  if (document.readyState === "complete") check();
  else addEventListener("load", check, { once: true });
}

function pathOf(url: string): string {
  return url === "" ? "" : new URL(url).pathname;
}
