/** The fixed cost of compiling an expression, in instructions. */
const fixed = 3;

/**
 * The cost of a Unicode class, in instructions. Such a class has hundreds of ranges, and compiling compares and sorts
 * them.
 */
const unicodeClass = 20;

/** The number of characters of a bracket expression that cost as much to compile as one instruction. */
const classCharacters = 16;

/** Matches the parts of an expression that count as one: classes, escapes, repetitions, the beginnings of groups. */
const tokens = /\\[pP](?:\{[^}]*\})?|\\.|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\{\d{1,9}(?:,\d{0,9})?\}|\(\?:|./gsu;

/** An open group: the size of its earlier alternatives, and the size of the current one without its last atom. */
interface OpenGroup {
  readonly captures: boolean;
  before: number;
  sequence: number;
}

/**
 * Returns an upper bound for the number of instructions that a regular expression in RE2's syntax compiles to. The time
 * is linear in the expression's length, and nothing is compiled: `(?:.{1000}){1000}` is short, but its automaton has a
 * million states.
 *
 * Text that is not such an expression yields an arbitrary number, or Infinity for unbalanced parentheses.
 */
export function expressionSize(source: string): number {
  const outer: OpenGroup[] = [];
  let group: OpenGroup = { captures: false, before: 0, sequence: 0 };
  /** The size of the last atom with its quantifiers. A further quantifier multiplies it. */
  let atom = 0;
  const next = (size: number) => {
    group.sequence += atom;
    atom = size;
  };
  // An empty alternative also costs one instruction.
  const alternative = () => Math.max(group.sequence + atom, 1);
  for (const [token] of source.matchAll(tokens)) {
    if (token.startsWith("(")) {
      next(0);
      outer.push(group);
      group = { captures: token === "(", before: 0, sequence: 0 };
    } else if (token === ")") {
      const size = group.before + alternative() + (group.captures ? 2 : 0);
      const enclosing = outer.pop();
      if (enclosing === undefined) return Number.POSITIVE_INFINITY;
      group = enclosing;
      atom = size;
    } else if (token === "|") {
      group.before += alternative() + 1;
      group.sequence = 0;
      atom = 0;
    } else if (token === "*") atom += 2;
    else if (token === "+" || token === "?") atom += 1;
    else if (token.startsWith("{") && token.length > 1) atom = repeatedSize(atom, token);
    else if (/^\\p/i.test(token)) next(unicodeClass);
    else if (token.startsWith("[")) next(classSize(token));
    else next(1);
  }
  return outer.length > 0 ? Number.POSITIVE_INFINITY : fixed + group.before + alternative();
}

/**
 * Returns the size of an atom with a counted repetition, in instructions.
 *
 * @param quantifier - `{2}`, `{2,}` or `{2,5}`.
 */
function repeatedSize(atom: number, quantifier: string): number {
  const [first, last = first] = quantifier.slice(1, -1).split(",");
  const min = Number(first);
  const max = Math.max(Number(last), min);
  return Math.max(max, 1) * atom + (last === "" ? 2 : max - min + 1);
}

function classSize(token: string): number {
  const unicode = token.match(/\\p/gi)?.length ?? 0;
  return 1 + Math.floor(token.length / classCharacters) + unicodeClass * unicode;
}
