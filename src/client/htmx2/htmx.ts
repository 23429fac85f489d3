/** The part of htmx 2 that the client uses: the script's public object, and the extensions' API. */
export interface Htmx {
  readonly config: { includeIndicatorStyles: boolean; readonly globalViewTransitions: boolean };
  createEventSource?: (url: string) => EventTarget;
  defineExtension(name: string, extension: { init(api: HtmxInternalApi): void }): void;
}

export interface HtmxInternalApi {
  getInternalData(element: Element): { sseEventSource?: unknown; initHash?: number };
  getSwapSpecification(element: Element, override?: string | null): SwapSpecification;
  getTarget(element: Element): Element | null | undefined;
  makeFragment(html: string): DocumentFragment;
  swap(
    target: Element,
    content: DocumentFragment | string,
    specification: SwapSpecification,
    options: SwapOptions,
  ): void;
  triggerEvent(element: Element, name: string, detail: unknown): boolean;
  withExtensions(element: Element, run: (extension: HtmxExtension) => void): void;
}

export interface SwapSpecification {
  swapStyle: string;
  swapDelay?: number;
  settleDelay?: number;
  transition?: boolean;
}

interface SwapOptions {
  contextElement: Element;
  /** Runs after the swap's delay, before anything moves. */
  beforeSwapCallback?: () => void;
  afterSwapCallback?: () => void;
}

interface HtmxExtension {
  onEvent(name: string, event: Event): boolean;
  transformResponse(text: string, request: null, element: Element): string;
}

declare global {
  interface Window {
    htmx?: Htmx;
  }
}

/**
 * Returns htmx's internal API. htmx gives it only to extensions, so this function registers one, which does nothing
 * else.
 */
export function internalApiOf(htmx: Htmx): HtmxInternalApi {
  let internal: HtmxInternalApi | undefined;
  htmx.defineExtension("mercure-client", {
    init(api) {
      internal = api;
    },
  });
  return internal!;
}
