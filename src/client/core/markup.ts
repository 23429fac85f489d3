import type { StreamState } from "../index.js";

/** The attribute that holds a stream's state, for the page's styles and scripts. */
export const stateAttribute = "data-mercure-state";

/** The markup of streams in one line of htmx, and its way to replace an element. */
export interface Markup {
  /** Matches each element that has a connection. */
  readonly selector: string;
  /** Returns the URL of a stream, with its token and its position. */
  read(element: Element): string;
  write(element: Element, url: string): void;
  writeState(element: Element, state: StreamState): void;
  /** Returns the id of the last message that is in the page. Default: the source's last event id. */
  positionOf?(element: Element): string | undefined;
  /** Replaces a stream's element by its fresh rendering. */
  replace(element: Element, fresh: DocumentFragment): void;
}
