/** The attribute of a connection in each line of htmx. */
const attributes = { 2: "sse-connect", 4: "hx-sse:connect" } as const;

/** Says once that the page has connections in the markup of the other line of htmx, which connect nothing. */
export function warnOfOtherLine(htmx: unknown): void {
  // The client itself reports a page without htmx.
  if (!(htmx instanceof Object)) return;
  const [line, other] = "registerExtension" in htmx ? ([4, 2] as const) : ([2, 4] as const);
  const events = ["htmx:afterSettle", "htmx:after:swap"];
  const check = () => {
    const own = CSS.escape(attributes[line]);
    if (document.querySelector(`[${CSS.escape(attributes[other])}]:not([${own}])`) === null) return;
    for (const name of events) removeEventListener(name, check);
    console.warn(
      `htmx-mercure: this page uses htmx ${line}, which ignores ${attributes[other]}. Write ${attributes[line]}: ` +
        "docs/browser.md shows how to move from htmx 2 to 4.",
    );
  };
  for (const name of events) addEventListener(name, check);
  check();
}
