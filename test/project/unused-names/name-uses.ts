import ts from "@typescript/typescript6";
import { isAssigned, isChecked, isDeclaration, isGiven, isHidden, type Named } from "./syntax.js";
import { declarationsOf, hasMembers, originalOf, partsOf, TypeFlow } from "./type-flow.js";

/** The uses of all names of a program. */
export class NameUses {
  readonly #checker: ts.TypeChecker;
  readonly #files: ReadonlySet<string>;
  readonly #foreign: ReadonlySet<string>;
  readonly #declared: Named[] = [];
  readonly #read = new Set<ts.Node>();
  readonly #written = new Set<ts.Node>();
  readonly #flow: TypeFlow;
  readonly #published = new Set<ts.Node>();
  readonly #answers = new Map<ts.Node, boolean>();

  constructor(program: ts.Program, files: ReadonlySet<string>, foreign: ReadonlySet<string>) {
    this.#checker = program.getTypeChecker();
    this.#files = files;
    this.#foreign = foreign;
    this.#flow = new TypeFlow(this.#checker, (node) => this.#isOwn(node));
    for (const path of files) this.#visit(program.getSourceFile(path)!);
  }

  /** Counts the names that a file exports as used, with all that their types name. */
  publish(file: ts.SourceFile): void {
    for (const name of this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(file)!)) this.#publish(name);
  }

  /** The declarations of the names that no code reads. */
  unused(): Named[] {
    return this.#declared.filter((declaration) => !this.#isUsed(declaration));
  }

  #visit(node: ts.Node): void {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) this.#visitName(node);
    if (ts.isExpression(node) && isGiven(node)) this.#visitGiven(node);
    if (isDeclaration(node) && isChecked(node)) this.#declared.push(node);
    // `object[key]`, `"key" in object` and `keyof Type` name members too.
    if (ts.isElementAccessExpression(node)) this.#readKey(node.argumentExpression, node.expression);
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword) {
      this.#readKey(node.left, node.right);
    }
    if (ts.isTypeOperatorNode(node) && node.operator === ts.SyntaxKind.KeyOfKeyword) {
      this.#flow.give(this.#checker.getTypeFromTypeNode(node.type));
    }
    // `{ ...rest }` copies all members.
    if (ts.isBindingElement(node) && node.dotDotDotToken && ts.isObjectBindingPattern(node.parent)) {
      this.#flow.give(this.#checker.getTypeAtLocation(node));
    }
    if (ts.isSpreadAssignment(node)) {
      this.#flow.pass(this.#checker.getTypeAtLocation(node.expression), this.#expected(node.parent));
    }
    if (ts.isHeritageClause(node)) this.#visitHeritage(node);
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) this.#visitTypeArguments(node);
    ts.forEachChild(node, (child) => this.#visit(child));
  }

  /** Notes what a name reads or writes. */
  #visitName(name: ts.Identifier | ts.PrivateIdentifier): void {
    const { parent } = name;
    const symbol = () => this.#checker.getSymbolAtLocation(name);
    if (isDeclaration(parent) && parent.name === name) {
      const isOfObject = ts.isObjectLiteralExpression(parent.parent);
      if (isOfObject) this.#write(this.#member(this.#expected(parent.parent), name.text), parent);
    } else if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isImportClause(parent)) {
      // The name itself is a use where it stands.
    } else if (ts.isPropertyAssignment(parent) && parent.name === name) {
      this.#write(this.#member(this.#expected(parent.parent), name.text) ?? symbol());
    } else if (ts.isShorthandPropertyAssignment(parent)) {
      this.#note(this.#read, this.#checker.getShorthandAssignmentValueSymbol(parent));
      this.#write(this.#member(this.#expected(parent.parent), name.text));
    } else if (ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent)) {
      const isKey = parent.propertyName === undefined ? parent.name === name : parent.propertyName === name;
      if (isKey) this.#note(this.#read, this.#member(this.#checker.getTypeAtLocation(parent.parent), name.text));
      else if (parent.initializer === name) this.#note(this.#read, symbol());
    } else if (isAssigned(name)) {
      this.#write(symbol());
    } else {
      this.#note(this.#read, symbol());
    }
  }

  /** Notes that a class is used as its base classes and interfaces. */
  #visitHeritage({ parent, types }: ts.HeritageClause): void {
    const type = this.#checker.getTypeAtLocation(parent);
    for (const base of types) this.#flow.pass(type, this.#checker.getTypeAtLocation(base));
  }

  /** Notes that the arguments of a generic type are used as its constraints. */
  #visitTypeArguments(node: ts.TypeReferenceNode | ts.ExpressionWithTypeArguments): void {
    const name = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
    for (const [index, argument] of (node.typeArguments ?? []).entries()) {
      for (const generic of declarationsOf(this.#checker, this.#checker.getSymbolAtLocation(name))) {
        const constraint = (generic as ts.DeclarationWithTypeParameterChildren).typeParameters?.[index]?.constraint;
        if (constraint === undefined) continue;
        const expected = this.#checker.getTypeFromTypeNode(constraint);
        this.#flow.pass(this.#checker.getTypeFromTypeNode(argument), expected);
      }
    }
  }

  #readKey(key: ts.Expression, object: ts.Expression): void {
    for (const type of partsOf(this.#checker.getTypeAtLocation(key))) {
      if (!type.isStringLiteral()) continue;
      for (const part of partsOf(this.#checker.getTypeAtLocation(object))) {
        this.#note(this.#read, part.getProperty(type.value));
      }
    }
  }

  /** Notes a value that goes where a type is expected. */
  #visitGiven(value: ts.Expression): void {
    const type = this.#checker.getTypeAtLocation(value);
    if (hasMembers(type)) this.#flow.pass(type, this.#destinationOf(value));
  }

  /** Returns the type that is expected where a value goes. */
  #destinationOf(value: ts.Expression): ts.Type | undefined {
    const { parent } = value;
    if (ts.isAsExpression(parent) || ts.isSatisfiesExpression(parent)) {
      return this.#checker.getTypeFromTypeNode(parent.type);
    }
    if (ts.isBinaryExpression(parent)) return this.#checker.getTypeAtLocation(parent.left);
    if (!ts.isShorthandPropertyAssignment(parent)) return this.#expected(value);
    const member = this.#member(this.#expected(parent.parent), parent.name.text);
    return member && this.#checker.getTypeOfSymbol(member);
  }

  #expected(value: ts.Expression): ts.Type | undefined {
    return this.#checker.getContextualType(value);
  }

  #member(type: ts.Type | undefined, name: string): ts.Symbol | undefined {
    return type && this.#checker.getPropertyOfType(this.#checker.getNonNullableType(type), name);
  }

  #note(set: Set<ts.Node>, symbol: ts.Symbol | undefined): void {
    for (const declaration of declarationsOf(this.#checker, symbol)) set.add(declaration);
  }

  /** @param by - The declaration that writes the member, if it is one. */
  #write(symbol: ts.Symbol | undefined, by?: ts.Node): void {
    const declarations = declarationsOf(this.#checker, symbol);
    for (const declaration of declarations) {
      this.#written.add(declaration);
      for (const other of by === undefined ? declarations : [...declarations, by]) this.#linkBoth(declaration, other);
    }
  }

  #linkBoth(one: ts.Node, other: ts.Node): void {
    this.#flow.link(one, other);
    this.#flow.link(other, one);
  }

  #publish(symbol: ts.Symbol): void {
    const published = (node: ts.Node): void => {
      if (ts.isBlock(node) || isHidden(node)) return;
      if (isDeclaration(node)) this.#published.add(node);
      if (ts.isIdentifier(node) && (node.parent as ts.NamedDeclaration).name !== node) {
        const named = this.#checker.getSymbolAtLocation(node);
        if (named !== undefined) this.#publish(named);
      }
      ts.forEachChild(node, published);
    };
    for (const declaration of originalOf(this.#checker, symbol).declarations ?? []) {
      if (!this.#isOwn(declaration) || this.#published.has(declaration)) continue;
      this.#published.add(declaration);
      ts.forEachChild(declaration, published);
    }
  }

  #isOwn(node: ts.Node): boolean {
    return this.#files.has(node.getSourceFile().fileName);
  }

  #isUsed(node: ts.Node): boolean {
    const known = this.#answers.get(node);
    if (known !== undefined) return known;
    this.#answers.set(node, false);
    const isUsed =
      this.#read.has(node) ||
      this.#flow.given.has(node) ||
      this.#published.has(node) ||
      !this.#isOwn(node) ||
      (this.#written.has(node) && this.#foreign.has(node.getSourceFile().fileName)) ||
      [...this.#flow.readersOf(node)].some((reader) => this.#isUsed(reader)) ||
      this.#inherited(node).some((base) => this.#isUsed(base)) ||
      (ts.isParameter(node) && this.#isBeforeUsed(node));
    this.#answers.set(node, isUsed);
    return isUsed;
  }

  /** The members of base classes and interfaces that a member implements. */
  #inherited(node: ts.Node): ts.Node[] {
    const { parent } = node;
    const name = (node as ts.NamedDeclaration).name?.getText();
    if (name === undefined || !(ts.isClassLike(parent) || ts.isInterfaceDeclaration(parent))) return [];
    return (parent.heritageClauses ?? []).flatMap(({ types }) =>
      types.flatMap((type) => declarationsOf(this.#checker, this.#checker.getTypeAtLocation(type).getProperty(name))),
    );
  }

  /** Whether a later parameter is used, which needs this one before it. */
  #isBeforeUsed(node: ts.ParameterDeclaration): boolean {
    const { parameters } = node.parent;
    return parameters
      .slice(parameters.indexOf(node) + 1)
      .some((each) => !ts.isIdentifier(each.name) || this.#isUsed(each));
  }
}
