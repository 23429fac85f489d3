export const CONNECTING = 0;
export const OPEN = 1;
export const CLOSED = 2;

/** The constants and the handlers of the standard's EventSource. */
export class EventSourceBase
  extends EventTarget
  implements
    Pick<EventSource, "CONNECTING" | "OPEN" | "CLOSED" | "withCredentials" | `on${"open" | "message" | "error"}`>
{
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSED = CLOSED;
  readonly withCredentials = true;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;

  constructor() {
    super();
    for (const name of ["open", "message", "error"] as const) {
      super.addEventListener(name, (event) => this[`on${name}`]?.(event as MessageEvent));
    }
  }
}
