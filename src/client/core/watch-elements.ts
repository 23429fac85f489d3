export interface ElementWatcher {
  added(element: Element): void;
  removed(element: Element): void;
}

export interface WatchedElements {
  /** Watches an element at once. An element in a shadow tree needs this, because only its author knows it. */
  readonly add: (element: Element) => void;
}

/**
 * Reports the present and future elements of the page that match a selector, and their removal by any means. A moved
 * element is not reported. `removed` comes before `added`.
 */
export function watchElements(selector: string, watcher: ElementWatcher): WatchedElements {
  const present = new Set<Element>();

  function look(root: ParentNode & Node): void {
    if (root instanceof Element && root.matches(selector)) add(root);
    for (const element of root.querySelectorAll(selector)) add(element);
  }

  function add(element: Element): void {
    if (present.has(element) || !element.isConnected) return;
    present.add(element);
    const root = element.getRootNode();
    if (root !== document) observer.observe(root, { childList: true, subtree: true });
    watcher.added(element);
  }

  function sweep(): void {
    for (const element of present) {
      if (element.isConnected) continue;
      present.delete(element);
      watcher.removed(element);
    }
  }

  const observer = new MutationObserver((records) => {
    if (records.some((record) => record.removedNodes.length > 0)) sweep();
    for (const record of records) {
      for (const node of record.addedNodes) if (node instanceof Element) look(node);
    }
  });
  observer.observe(document, { childList: true, subtree: true });
  look(document);
  return { add };
}

/** The function {@link watchElements}. Scripts that load later receive the client's copy. */
export type WatchElements = typeof watchElements;
