/** The components as functions: each takes its properties and gives HTML that templates print, and `publish` sends, as it is. */
export interface ComponentFunctions {
  /** Under `noUncheckedIndexedAccess`, any other type than `any` would be possibly undefined, and a call of it an error. */
  // biome-ignore lint/suspicious/noExplicitAny: Files, which no compiler sees, decide which names there are.
  readonly [name: string]: any;
}
