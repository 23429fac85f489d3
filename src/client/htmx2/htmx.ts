/** What the client uses of htmx 2: the public object that its script leaves on the page, and its extensions' API. */
export interface Htmx {
  readonly config: { includeIndicatorStyles: boolean };
  createEventSource?: (url: string) => EventTarget;
  defineExtension(name: string, extension: { init(api: HtmxInternalApi): void }): void;
}

export interface HtmxInternalApi {
  getInternalData(element: Element): { sseEventSource?: unknown };
  getSwapSpecification(element: Element): SwapSpecification;
  getTarget(element: Element): Element | null | undefined;
  makeFragment(html: string): DocumentFragment;
  swap(target: Element, content: DocumentFragment, specification: SwapSpecification, options: SwapOptions): void;
  triggerEvent(element: Element, name: string, detail: unknown): boolean;
  withExtensions(element: Element, run: (extension: HtmxExtension) => void): void;
}

export interface SwapSpecification {
  swapStyle: string;
}

interface SwapOptions {
  contextElement: Element;
  /** Runs when the swap's delay is over, before anything is moved. */
  beforeSwapCallback: () => void;
}

interface HtmxExtension {
  transformResponse(text: string, request: null, element: Element): string;
}

declare global {
  interface Window {
    htmx?: Htmx;
  }
}

/** htmx hands its internal API to extensions only. This one does nothing else and is named by no `hx-ext`. */
export function internalApiOf(htmx: Htmx): HtmxInternalApi {
  let internal: HtmxInternalApi | undefined;
  htmx.defineExtension("mercure-client", {
    init(api) {
      internal = api;
    },
  });
  return internal!;
}
