import { quote, Re2Expression } from "./re2-expression.js";

/** The way an operator expands variables. RFC 6570, appendix A. */
interface Operator {
  readonly first: string;
  readonly separator: string;
  /** The text after the name of an empty value. Undefined for operators that write no names. */
  readonly ifEmpty?: string;
  /** Whether values can contain unencoded reserved characters. */
  readonly reserved?: true;
}

const operators: Readonly<Record<string, Operator>> = {
  "": { first: "", separator: "," },
  "+": { first: "", separator: ",", reserved: true },
  "#": { first: "#", separator: ",", reserved: true },
  ".": { first: ".", separator: "." },
  "/": { first: "/", separator: "/" },
  ";": { first: ";", separator: ";", ifEmpty: "" },
  "?": { first: "?", separator: "&", ifEmpty: "=" },
  "&": { first: "&", separator: "&", ifEmpty: "=" },
};

interface Variable {
  readonly name: string;
  /** The max number of characters taken from the value. */
  readonly prefix?: number;
  readonly explode: boolean;
}

/** The max number of variables in a template. Templates of real topics have a few. */
const maxVariables = 32;

const unreserved = String.raw`\w.~\-`;
const reserved = String.raw`:/?#\[\]@!$&'()*+,;=`;
const hex = "[0-9A-Fa-f]";
const octet = `%${hex}{2}`;
const continuation = `%[89ABab]${hex}`;
/** One character in percent-encoded UTF-8: above U+007F, or not allowed unencoded. */
const encodedCharacter =
  `%[0-7]${hex}|%[CDcd]${hex}${continuation}|` + `%[Ee]${hex}(?:${continuation}){2}|%[Ff]${hex}(?:${continuation}){3}`;

/** Matches literal text: RFC 6570, section 2.1, with the apostrophe that its errata permit. */
const literals = /^(?:[!#$&'()*+,./0-9:;=?@A-Z[\]_a-z~\-\u{a0}-\u{d7ff}\u{e000}-\u{10ffff}]|%[0-9a-f]{2})*$/iu;

const variableSpecification = /^((?:\w|%[0-9a-f]{2})(?:\.?(?:\w|%[0-9a-f]{2}))*)(?::([1-9][0-9]{0,3})|(\*))?$/i;

/**
 * Compiles a URI template, RFC 6570 up to level 4, to an expression that matches all its expansions. Variables can be
 * strings, lists or maps, defined or undefined.
 *
 * Non-ASCII literals match both unencoded and percent-encoded, because topics can be IRIs.
 *
 * @returns undefined for an invalid template.
 * @throws Error when the template is too large to be evaluated in bounded time.
 */
export function compileUriTemplate(template: string): Re2Expression | undefined {
  let source = "";
  let end = 0;
  let variablesLeft = maxVariables;
  for (let start = template.indexOf("{"); start >= 0; start = template.indexOf("{", end)) {
    const close = template.indexOf("}", start);
    const literal = literalSource(template.slice(end, start));
    const expression = close < 0 ? undefined : parseExpression(template.slice(start + 1, close));
    if (literal === undefined || expression === undefined) return undefined;
    variablesLeft -= expression.variables.length;
    // The check precedes the source: with many variables the source is many times as long as the template.
    if (variablesLeft < 0) throw new Error(`The template has more than ${maxVariables} variables.`);
    source += literal + expressionSource(expression);
    end = close + 1;
  }
  const rest = literalSource(template.slice(end));
  return rest === undefined ? undefined : new Re2Expression(source + rest, beginningOf(template));
}

/** Returns the text after the last expression, as far as it has only one spelling. */
export function endOf(template: string): string {
  let start = template.length;
  while (start > 0 && template[start - 1] !== "}" && template[start - 1]! <= "\x7f") start--;
  return template.slice(start);
}

/** Returns the text before the first expression, as far as it has only one spelling. */
function beginningOf(template: string): string {
  return /^[\0-\x7f]*/.exec(template.slice(0, template.indexOf("{")))![0];
}

function literalSource(text: string): string | undefined {
  if (!literals.test(text)) return undefined;
  return quote(text).replace(/[^\0-\x7f]/gu, (character) => `(?:${character}|${encodeURIComponent(character)})`);
}

interface Expression {
  readonly operator: Operator;
  readonly variables: readonly Variable[];
}

function parseExpression(text: string): Expression | undefined {
  const operator = operators[/^[+#./;?&]?/.exec(text)![0]]!;
  const variables: Variable[] = [];
  for (const specification of text.replace(/^[+#./;?&]/, "").split(",")) {
    const [, name, prefix, explode] = variableSpecification.exec(specification) ?? [];
    if (name === undefined) return undefined;
    variables.push({ name, explode: explode !== undefined, ...(prefix && { prefix: Number(prefix) }) });
  }
  return { operator, variables };
}

/** Returns the source of an expression. Any variable can be undefined, and then its separator is missing too. */
function expressionSource({ operator, variables }: Expression): string {
  const { first, separator } = operator;
  const sources = variables.map((variable) => variableSource(operator, variable));
  if (first === separator) return followingSource(separator, sources);
  return `(?:${quote(first)}${beginningSource(separator, sources)})?`;
}

function followingSource(separator: string, variables: readonly string[]): string {
  return variables.map((variable) => `(?:${quote(separator)}${variable})?`).join("");
}

/**
 * Returns the source for at least one of the variables; any of them can be the first defined one. The function splits
 * the variables in halves. The first defined one is in the left half, and the right half can follow, or it is in the
 * right half. One alternative for each variable would be quadratic.
 */
function beginningSource(separator: string, variables: readonly string[]): string {
  if (variables.length === 1) return variables[0]!;
  const middle = variables.length >> 1;
  const [left, right] = [variables.slice(0, middle), variables.slice(middle)];
  const inLeft = beginningSource(separator, left) + followingSource(separator, right);
  return `(?:${inLeft}|${beginningSource(separator, right)})`;
}

function variableSource(operator: Operator, variable: Variable): string {
  const { separator, ifEmpty } = operator;
  if (variable.explode) return explodedSource(operator);
  // Lists and maps that are not exploded are joined by commas. A prefix applies to strings only.
  const characters = operator.reserved ? unreserved + reserved : unreserved;
  const [unit, max] =
    variable.prefix === undefined
      ? [`(?:[${characters},]|${octet})`, ""]
      : [`(?:[${characters}]|${encodedCharacter})`, variable.prefix];
  const atLeast = (min: number) => (max === "" ? `${unit}{${min},}` : `${unit}{${min},${max}}`);
  if (ifEmpty === undefined) return atLeast(0);
  const name = quote(variable.name);
  return separator === ";" ? `${name}(?:=${atLeast(1)})?` : `${name}=${atLeast(0)}`;
}

/** Returns the source of an exploded list or map, with separate items. */
function explodedSource({ separator, ifEmpty, reserved: allowsReserved }: Operator): string {
  if (allowsReserved) return `(?:[${unreserved}${reserved}]|${octet})*`;
  const unit = `(?:[${unreserved}]|${octet})`;
  const joined = (item: string) => `${item}(?:${quote(separator)}${item})*`;
  // A list repeats the variable's name, which looks like any other key.
  if (ifEmpty === "") return joined(`${unit}*(?:=${unit}+)?`);
  if (ifEmpty === "=") return joined(`${unit}*=${unit}*`);
  return `(?:${joined(`${unit}*`)}|${joined(`${unit}*=${unit}*`)})`;
}
