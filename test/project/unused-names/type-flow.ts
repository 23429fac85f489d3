import ts from "@typescript/typescript6";

/** Types refer to themselves without an end. */
const maxDepth = 8;

/** Follows values of one type to the places that expect another: the members of both are then the same. */
export class TypeFlow {
  /** The members of all values that unknown code gets. */
  readonly given = new Set<ts.Node>();
  readonly #checker: ts.TypeChecker;
  readonly #isOwn: (node: ts.Node) => boolean;
  /** For each member, the members of other types that its object is passed as. Their readers read it too. */
  readonly #readers = new Map<ts.Node, Set<ts.Node>>();
  /** The passed types, with the least depth. Deeper down the search ends earlier. */
  readonly #passed = new Map<ts.Type, Map<ts.Type, number>>();
  readonly #unknown = new Set<ts.Type>();

  /** @param isOwn - Whether a declaration stands in a searched file. */
  constructor(checker: ts.TypeChecker, isOwn: (node: ts.Node) => boolean) {
    this.#checker = checker;
    this.#isOwn = isOwn;
  }

  /** The members whose readers read this member too. */
  readersOf(member: ts.Node): Iterable<ts.Node> {
    return this.#readers.get(member) ?? [];
  }

  /** Notes that reading one member also reads another. */
  link(member: ts.Node, reader: ts.Node): void {
    if (member === reader) return;
    const readers = this.#readers.get(member) ?? new Set();
    this.#readers.set(member, readers.add(reader));
  }

  /** Notes that a value of one type is used as another. */
  pass(from: ts.Type, to: ts.Type | undefined, depth = 0): void {
    if (to === undefined || from === to || depth > maxDepth) return;
    const known = this.#passed.get(from) ?? new Map<ts.Type, number>();
    if ((known.get(to) ?? maxDepth + 1) <= depth) return;
    this.#passed.set(from, known.set(to, depth));
    if (to.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive)) {
      this.give(from);
      return;
    }
    for (const one of partsOf(from).filter(isObject)) {
      for (const other of partsOf(to).filter(isObject)) if (one !== other) this.#passObject(one, other, depth);
    }
  }

  #passObject(from: ts.Type, to: ts.Type, depth: number): void {
    const isTable = (type: ts.Type) => this.#checker.getIndexTypeOfType(type, ts.IndexKind.String) !== undefined;
    if (isTable(to) && !isTable(from)) {
      this.give(from);
      return;
    }
    const [generic, other] = [from, to] as ts.TypeReference[];
    if (generic!.target !== undefined && generic!.target === other!.target) {
      const given = this.#checker.getTypeArguments(generic!);
      const expected = this.#checker.getTypeArguments(other!);
      for (const [index, type] of given.entries()) this.pass(type, expected[index], depth + 1);
      return;
    }
    const [called, call] = [from.getCallSignatures()[0], to.getCallSignatures()[0]];
    if (called !== undefined && call !== undefined) {
      this.pass(called.getReturnType(), call.getReturnType(), depth + 1);
      for (const [index, parameter] of called.parameters.entries()) {
        const given = this.#typeOf(call.parameters[index]);
        if (given !== undefined) this.pass(given, this.#typeOf(parameter), depth + 1);
      }
    }
    for (const expected of to.getProperties()) {
      const given = from.getProperty(expected.name);
      if (given === undefined || given === expected) continue;
      for (const member of declarationsOf(this.#checker, given)) {
        for (const reader of declarationsOf(this.#checker, expected)) this.link(member, reader);
      }
      this.pass(this.#checker.getTypeOfSymbol(given), this.#checker.getTypeOfSymbol(expected), depth + 1);
    }
  }

  /** Notes that unknown code reads a value: every member of plain data is used. */
  give(type: ts.Type, depth = 0): void {
    if (this.#unknown.has(type) || depth > maxDepth) return;
    this.#unknown.add(type);
    for (const part of partsOf(type).filter(isObject)) {
      if ((part as ts.TypeReference).target !== undefined) {
        for (const argument of this.#checker.getTypeArguments(part as ts.TypeReference)) this.give(argument, depth + 1);
      }
      for (const member of part.getProperties()) {
        const declarations = declarationsOf(this.#checker, member).filter(
          (node) => this.#isOwn(node) && !ts.isClassLike(node.parent),
        );
        for (const declaration of declarations) this.given.add(declaration);
        if (declarations.length > 0) this.give(this.#checker.getTypeOfSymbol(member), depth + 1);
      }
      for (const call of part.getCallSignatures()) this.give(call.getReturnType(), depth + 1);
    }
  }

  #typeOf(symbol: ts.Symbol | undefined): ts.Type | undefined {
    return symbol && this.#checker.getTypeOfSymbol(symbol);
  }
}

/** Returns the declarations of a name. A member of a union or an intersection has several. */
export function declarationsOf(checker: ts.TypeChecker, symbol: ts.Symbol | undefined): ts.Node[] {
  return symbol === undefined
    ? []
    : checker.getRootSymbols(originalOf(checker, symbol)).flatMap(({ declarations = [] }) => declarations);
}

/** Returns the name that an import or an export stands for. */
export function originalOf(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

export function partsOf(type: ts.Type): ts.Type[] {
  if (type.isUnionOrIntersection()) return type.types.flatMap(partsOf);
  const constraint = type.isTypeParameter() ? type.getConstraint() : undefined;
  return constraint === undefined ? [type] : partsOf(constraint);
}

/** Whether a value of the type can be an object. */
export function hasMembers(type: ts.Type): boolean {
  return partsOf(type).some((part) => isObject(part) || (part.flags & ts.TypeFlags.Instantiable) !== 0);
}

function isObject(type: ts.Type): boolean {
  return (type.flags & ts.TypeFlags.Object) !== 0;
}
