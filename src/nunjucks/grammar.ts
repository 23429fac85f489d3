import { type Lexer, lexer, type Node, type Nodes, type Parser, type Token } from "./internals.js";

/** A property in a tag's source. */
export interface Prop {
  readonly name: string;
  readonly value: Node;
}

type Fail = (message: string, token: Token) => Error;

/** Words that continue an expression, so they cannot begin a property's name after a value. */
const continuing = new Set(["in", "is", "if", "and", "or", "not", "else"]);

const opening = new Set(["(", "[", "{"]);
const closing = new Set([")", "]", "}"]);

/**
 * Rejects a tag's properties that Nunjucks would silently parse as one long expression, although the author meant two
 * properties.
 */
export function checkProps(tokens: readonly Token[], fail: Fail): void {
  let depth = 0;
  let isInValue = false;
  let before: Token | undefined;
  for (const [i, token] of tokens.entries()) {
    if (token.type === lexer.TOKEN_WHITESPACE) continue;
    if (depth === 0 && token.type !== lexer.TOKEN_STRING) {
      const isApart = tokens[i - 1]?.type === lexer.TOKEN_WHITESPACE;
      const continues = isInValue && isApart && before !== undefined && endsValue(before);
      if (continues) checkContinuation(token, tokens[i + 1], fail);
      const beginsProp = continues && token.type === lexer.TOKEN_SYMBOL && !continuing.has(token.value);
      if (token.value === "=") isInValue = true;
      else if (beginsProp || token.type === lexer.TOKEN_COMMA) isInValue = false;
    }
    if (token.type !== lexer.TOKEN_STRING) depth += Number(opening.has(token.value)) - Number(closing.has(token.value));
    before = token;
  }
}

/** Checks a token after a complete value and white space. */
function checkContinuation(token: Token, after: Token | undefined, fail: Fail): void {
  if (after === undefined) return;
  const { value, type } = token;
  if (type === lexer.TOKEN_SYMBOL && continuing.has(value) && ["-", ":", "=", "."].includes(after.value)) {
    throw fail(
      `"${value}" continues the expression before it. Put a comma before "${value}${after.value}…" to begin a property.`,
      token,
    );
  }
  if (value === "-" && after.type !== lexer.TOKEN_WHITESPACE) {
    throw fail(
      '"-" continues the expression before it. Write " - " to subtract, or put a comma before a property.',
      token,
    );
  }
  if (type === lexer.TOKEN_LEFT_PAREN || type === lexer.TOKEN_LEFT_BRACKET) {
    throw fail(
      `"${value}" continues the expression before it. Leave out the white space to call or index, or put a comma.`,
      token,
    );
  }
}

function endsValue(token: Token): boolean {
  if (token.type === lexer.TOKEN_SYMBOL) return !continuing.has(token.value);
  const literals: readonly string[] = [
    lexer.TOKEN_STRING,
    lexer.TOKEN_INT,
    lexer.TOKEN_FLOAT,
    lexer.TOKEN_BOOLEAN,
    lexer.TOKEN_NONE,
  ];
  return literals.includes(token.type) || closing.has(token.value);
}

/**
 * Parses `prop=expression other_prop bare aria-label="x"` up to the end of the tag. White space or commas separate
 * properties. A bare name means true. Names can contain `-`, `:` and `.`.
 */
export function parseProps(parser: Parser, nodes: Nodes, tokens: Lexer, fail: Fail): Prop[] {
  const props: Prop[] = [];
  const seen = new Set<string>();
  for (let token = parser.peekToken(); token !== null; token = parser.peekToken()) {
    if (token.type === tokens.TOKEN_BLOCK_END) break;
    parser.nextToken();
    if (token.type === tokens.TOKEN_COMMA) continue;
    if (token.type !== tokens.TOKEN_SYMBOL) {
      throw fail(`A property's name was expected, not ${JSON.stringify(token.value)}.`, token);
    }
    const name = parseName(parser, tokens, token);
    if (seen.has(propKey(name))) throw fail(`The property "${name}" appears twice.`, token);
    seen.add(propKey(name));
    const value = parser.skipValue(tokens.TOKEN_OPERATOR, "=")
      ? parser.parseExpression()
      : new nodes.Literal(token.lineno, token.colno, true);
    props.push({ name, value });
  }
  return props;
}

/** Joins the parts of a name that the lexer split at `-`, `:` and `.`, up to white space. */
function parseName(parser: Parser, tokens: Lexer, first: Token): string {
  const parts: readonly string[] = [
    tokens.TOKEN_SYMBOL,
    tokens.TOKEN_INT,
    tokens.TOKEN_BOOLEAN,
    tokens.TOKEN_NONE,
    tokens.TOKEN_COLON,
  ];
  let name = first.value;
  for (let token = parser.nextToken(true); token !== null; token = parser.nextToken(true)) {
    const isJoint = token.type === tokens.TOKEN_OPERATOR && (token.value === "-" || token.value === ".");
    if (!isJoint && !parts.includes(token.type)) {
      if (token.type !== tokens.TOKEN_WHITESPACE) parser.pushToken(token);
      break;
    }
    name += token.value;
  }
  return name;
}

/** A property's variable name in templates: `aria_label` for `aria-label`, `class` for `class_`. */
export function propKey(name: string): string {
  return /[-:.]|_$/.test(name) ? name.replace(/[-:.]/g, "_").replace(/_+$/, "") : name;
}
