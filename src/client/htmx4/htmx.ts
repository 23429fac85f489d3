/** The part of htmx 4 that the client uses: the script's public object, and the extensions' API. */
export interface Htmx {
  readonly config: { morphIgnore?: string[] };
  /** Returns false when the page's list of extensions lacks the name. */
  registerExtension(name: string, extension: Extension): boolean | undefined;
  /** Returns milliseconds. */
  parseInterval(interval: unknown): number | undefined;
  swap(context: SwapContext): Promise<void>;
  trigger(element: Element, name: string, detail?: object, bubbles?: boolean): boolean;
}

export interface InternalApi {
  readonly HCON: { parse(text: string): Record<string, unknown> };
  attributeValue(element: Element, name: string): string | null | undefined;
  createRequestContext(element: Element, event: object): SwapContext;
  htmxProp(element: Element): ElementProperty;
  insertContent(task: SwapTask): Promise<void>;
  parseTriggerSpecs(text: string): { name: string }[];
  triggerHtmxEvent(element: Element, name: string, detail: object): boolean;
}

/** The data of htmx and of its extensions about an element. */
export interface ElementProperty {
  /** The connection of the element. The extension `hx-sse` makes none while there is one. */
  sse?: Connection;
}

export interface Connection {
  readonly lastEventId: string;
  /** Set only for connections of the extension. */
  readonly abortController?: { abort(): void };
}

export interface SwapContext {
  sourceElement: Element;
  readonly sourceEvent?: Partial<Event>;
  target: Element | undefined;
  swap: string;
  text?: string;
  readonly select?: string;
  readonly selectOOB?: string;
  transition?: boolean;
  push?: string | null;
  replace?: string | null;
}

/** One of the insertions of a swap. */
export interface SwapTask {
  readonly type: "main" | "oob" | "partial";
  fragment: DocumentFragment;
  readonly target: Element | undefined;
  readonly swapSpec: SwapSpecification;
}

export interface SwapSpecification {
  readonly style: string;
}

export interface Extension {
  init(api: InternalApi): void;
  htmx_before_process(root: Element): void;
  htmx_before_swap(element: Element, detail: { ctx: SwapContext; tasks: SwapTask[] }): void;
  htmx_sse_before_connection(element: Element, detail: { connection: unknown }): boolean;
}
