/** Says that the page has connections in the markup of the other line of htmx, which connect nothing. */
export function warnOfOtherLine(htmx: object): void {
  const names = ["sse-connect", "hx-sse:connect"];
  if ("registerExtension" in htmx) names.reverse();
  const [own, other] = names;
  if (document.querySelector(`[${CSS.escape(other!)}]:not([${CSS.escape(own!)}])`) === null) return;
  console.warn(`htmx-mercure: this line of htmx ignores ${other}. Write ${own}.`);
}
