/** The max time between an item of an answer and the same item of a stream, in milliseconds. */
const memory = 10_000;

/** The swap of an answer, in both lines of htmx. */
interface AnswerDetail {
  readonly xhr?: { readonly responseText: string };
  readonly requestConfig?: { readonly verb: string };
  readonly ctx?: { readonly text?: string; readonly request?: { readonly method?: string } };
}

/** A message of a stream, in both lines of htmx. */
interface MessageDetail {
  readonly data?: string;
  readonly message?: { readonly data: string };
}

/** The recently arrived items without an id, with the time of their arrival, by their HTML. */
class Arrivals {
  readonly #times = new Map<string, number>();

  add(html: string, now: number): void {
    for (const [each, time] of this.#times) if (now - time > memory) this.#times.delete(each);
    this.#times.set(html, now);
  }

  has(html: string): boolean {
    return this.#times.has(html);
  }
}

/**
 * Warns once if the answer of a form and a stream both contain an item, which the page then shows twice. Of two items
 * with an id, the later one replaces the other.
 */
export function warnOfDoubledItems(): void {
  const answered = new Arrivals();
  const streamed = new Arrivals();
  let hasWarned = false;
  const note = (html: string, own: Arrivals, other: Arrivals) => {
    for (const item of hasWarned ? [] : itemsWithoutId(html)) {
      own.add(item.outerHTML, performance.now());
      if (!other.has(item.outerHTML) || hasWarned || !isDoubled(item)) continue;
      hasWarned = true;
      console.warn(
        `htmx-mercure: the answer of a request and a stream both contain ${item.outerHTML.slice(0, 100)}, so the page ` +
          "shows it twice. Give the item an id, or answer the request with status 204, so that only the stream delivers it.",
      );
    }
  };
  const answer = ({ detail }: Event & { detail?: AnswerDetail }) => {
    const { xhr, requestConfig, ctx } = detail ?? {};
    const verb = requestConfig?.verb ?? ctx?.request?.method ?? "get";
    if (!/^get$/i.test(verb)) note(xhr?.responseText ?? ctx?.text ?? "", answered, streamed);
  };
  const message = ({ detail }: Event & { detail?: MessageDetail }) => {
    note(detail?.data ?? detail?.message?.data ?? "", streamed, answered);
  };
  for (const name of ["htmx:afterSettle", "htmx:after:swap"]) addEventListener(name, answer);
  for (const name of ["htmx:sseMessage", "htmx:sse:after:message"]) addEventListener(name, message);
}

function itemsWithoutId(html: string): Element[] {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return [...holder.content.children].filter((item) => item.id === "" && !item.hasAttribute("hx-swap-oob"));
}

/** Returns whether the page shows an item twice. Classes do not count, because htmx adds some for a moment. */
function isDoubled(item: Element): boolean {
  const text = item.textContent;
  const same = [...document.querySelectorAll(item.localName)].filter((each) => {
    return each.textContent === text && each.childElementCount === item.childElementCount && each.id === "";
  });
  return same.length > 1;
}
