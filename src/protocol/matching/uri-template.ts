import { LinearExpression, quote } from "./re2-expression.js";

/** How an operator writes variables. RFC 6570, appendix A. */
interface Operator {
  readonly first: string;
  readonly separator: string;
  /** What follows the name of an empty value; undefined for operators that write no names. */
  readonly ifEmpty?: string;
  /** Whether values may hold reserved characters as they are. */
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
  /** How many characters of the value are taken at most. */
  readonly prefix?: number;
  readonly explode: boolean;
}

/** The max number of variables of a whole template. Those of real topics have a few. */
const mostVariables = 32;

const unreserved = String.raw`\w.~\-`;
const reserved = String.raw`:/?#\[\]@!$&'()*+,;=`;
const hex = "[0-9A-Fa-f]";
const octet = `%${hex}{2}`;
const continuation = `%[89ABab]${hex}`;
/** One character above U+007F, or one that is not allowed as it is, in percent-encoded UTF-8. */
const encodedCharacter =
  `%[0-7]${hex}|%[CDcd]${hex}${continuation}|` + `%[Ee]${hex}(?:${continuation}){2}|%[Ff]${hex}(?:${continuation}){3}`;

/** RFC 6570, section 2.1, with the apostrophe, which its errata permit. */
const literals = /^(?:[!#$&'()*+,./0-9:;=?@A-Z[\]_a-z~\-\u{a0}-\u{d7ff}\u{e000}-\u{10ffff}]|%[0-9a-f]{2})*$/iu;

const variableSpecification = /^((?:\w|%[0-9a-f]{2})(?:\.?(?:\w|%[0-9a-f]{2}))*)(?::([1-9][0-9]{0,3})|(\*))?$/i;

/**
 * Compiles a URI template, RFC 6570 up to level 4, to an expression for the texts that it expands to: whatever the
 * values of its variables are, strings, lists or maps, defined or not.
 *
 * Literals that are not ASCII may stand in a topic as they are, besides percent-encoded, since topics may be IRIs.
 *
 * @returns undefined when the text is no valid template.
 * @throws Error when the template is too large to be evaluated in bounded time.
 */
export function compileUriTemplate(template: string): LinearExpression | undefined {
  let source = "";
  let end = 0;
  let variablesLeft = mostVariables;
  for (let start = template.indexOf("{"); start >= 0; start = template.indexOf("{", end)) {
    const close = template.indexOf("}", start);
    const literal = literalSource(template.slice(end, start));
    const expression = close < 0 ? undefined : parseExpression(template.slice(start + 1, close));
    if (literal === undefined || expression === undefined) return undefined;
    variablesLeft -= expression.variables.length;
    // Before any source is written: the one of many variables is many times as long as the template.
    if (variablesLeft < 0) throw new Error(`The template has more than ${mostVariables} variables.`);
    source += literal + expressionSource(expression);
    end = close + 1;
  }
  const rest = literalSource(template.slice(end));
  return rest === undefined ? undefined : new LinearExpression(source + rest, beginningOf(template));
}

/** The text after the last expression, as far as it has one spelling only. */
export function endOf(template: string): string {
  let start = template.length;
  while (start > 0 && template[start - 1] !== "}" && template[start - 1]! <= "\x7f") start--;
  return template.slice(start);
}

/** The text before the first expression, as far as it has one spelling only. */
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

/** Any of the variables may be undefined, and then leaves out its separator too. */
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
 * At least one of the variables, each of which may be the first that is defined. By halves: the first is in the one half,
 * and the other half may follow, or it is in the other. One alternative for each variable would be quadratic.
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
  // A list and a map that are not exploded are joined by commas; a prefix is for strings only.
  const characters = operator.reserved ? unreserved + reserved : unreserved;
  const [unit, most] =
    variable.prefix === undefined
      ? [`(?:[${characters},]|${octet})`, ""]
      : [`(?:[${characters}]|${encodedCharacter})`, variable.prefix];
  const atLeast = (least: number) => (most === "" ? `${unit}{${least},}` : `${unit}{${least},${most}}`);
  if (ifEmpty === undefined) return atLeast(0);
  const name = quote(variable.name);
  return separator === ";" ? `${name}(?:=${atLeast(1)})?` : `${name}=${atLeast(0)}`;
}

/** A list, or a map of keys to values, each item apart. */
function explodedSource({ separator, ifEmpty, reserved: allowsReserved }: Operator): string {
  if (allowsReserved) return `(?:[${unreserved}${reserved}]|${octet})*`;
  const unit = `(?:[${unreserved}]|${octet})`;
  const joined = (item: string) => `${item}(?:${quote(separator)}${item})*`;
  // A list repeats the variable's name, which is a key like any other.
  if (ifEmpty === "") return joined(`${unit}*(?:=${unit}+)?`);
  if (ifEmpty === "=") return joined(`${unit}*=${unit}*`);
  return `(?:${joined(`${unit}*`)}|${joined(`${unit}*=${unit}*`)})`;
}
