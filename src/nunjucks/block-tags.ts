/** Blocks of Nunjucks with an end tag. A component's end tag cannot close a component outside of them. */
export const blocks = new Set([
  "if",
  "ifAsync",
  "for",
  "asyncEach",
  "asyncAll",
  "block",
  "macro",
  "call",
  "filter",
  "switch",
]);
export const branches = new Set(["else", "elif", "elseif", "case", "default"]);
/** Other tags of Nunjucks. Their names can be lower-case names of components. */
export const otherTags = new Set(["extends", "include", "import", "from", "set"]);
export const blockEnds: Record<string, readonly string[]> = {
  endif: ["if", "ifAsync"],
  endeach: ["asyncEach"],
  endall: ["asyncAll"],
};

/** Blocks that must render synchronously, as the children of components must. */
export const immediateBlocks = new Set(["macro", "call", "set", "filter"]);
/** Asynchronous loops and conditions. */
export const waitingBlocks = new Set(["ifAsync", "asyncEach", "asyncAll"]);
