interface Replacement {
  /** Runs before the arriving element replaces the present one. */
  prepare(present: Element, arriving: Element): void;
}

/** The step before an element replaces another one of its id. The script of the parts on need sets it. */
export const replacement: Replacement = { prepare() {} };
