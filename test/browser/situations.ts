/** The effect of htmx and its extension alone in a situation: on htmx 2, and on htmx 4. */
type Cells = readonly [on2: string, on4: string];

/** The situations of the table in docs/browser.md. test/browser/stock.test.ts shows each of them. */
export const situations = {
  "Updates between rendering and connecting": ["arrive, from the position in the URL", "are missing"],
  "The script tags have `defer`": ["connects", "opens no stream if the extension loads after htmx has started"],
  "The server restarts": [
    "arrive; if a proxy answers meanwhile, all updates since rendering repeat",
    "arrive, if a message came before",
  ],
  "The first answer is 502": ["retried", "the answer is swapped into the stream, without a retry"],
  "A 404 or a page of a proxy during a deployment": [
    "retried forever",
    "a first answer is swapped, without a retry; later ones are retried forever",
  ],
  "The hub refuses with 401": [
    "retried forever",
    "a first answer is swapped, without a retry; later ones are retried forever",
  ],
  "The connection is silent": ["stays dead", "stays dead"],
  "A message has a type": ["swapped by `sse-swap`", "only a DOM event"],
  "An item arrives again": ["appended again", "appended again"],
  "A message of out-of-band elements only": ["empties the target", "leaves the target"],
  "A shape for a drawing": ["an unknown HTML element", "an unknown HTML element"],
  "Content arrives where the visitor types": ["the text is lost", "the text is lost"],
  "Content is replaced after the visitor has typed, scrolled or opened `details`": [
    "the text is lost, and the details close",
    "the text is lost, and the details close",
  ],
  "A dialog or popover in replaced content is open": ["closes", "closes"],
  "An element with `autofocus` arrives while the visitor types": ["takes the focus", "takes the focus"],
  "An input method composes text there": ["the composition ends", "the composition ends"],
  'Messages in a burst replace their receiver, `hx-swap="outerHTML"`': [
    "all after the first are lost",
    "only DOM events",
  ],
  "The browser renders the page in advance": ["connects", "connects"],
  "A stream inside `hx-disable` or `hx-ignore`": ["stays off", "connects"],
  "The URL of the page has credentials": ["connects", "fails, since `fetch` refuses such URLs"],
  "The server has evicted the position": ["not detected", "not detected"],
  "Another element with the same stream is rendered": ["continues from the URL", "continues from now"],
  "The back button, with a snapshot of the page": [
    "updates repeat, and the token is stored",
    "updates are missing, and the token is stored",
  ],
  "Subscription events, which are JSON": ["are swapped", "are swapped"],
  "A token expires": ["the stream ends", "the stream ends"],
  "`auto_scroll`": ["has no effect", "has no effect"],
} as const satisfies Record<string, Cells>;

export type Situation = keyof typeof situations;
