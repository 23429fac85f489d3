import ts from "@typescript/typescript6";

export type Named = ts.NamedDeclaration & { readonly name: ts.Identifier | ts.PrivateIdentifier };

export function isDeclaration(node: ts.Node): node is Named {
  const { name } = node as ts.NamedDeclaration;
  return (
    name !== undefined &&
    (ts.isIdentifier(name) || ts.isPrivateIdentifier(name)) &&
    (ts.isClassElement(node) ||
      ts.isTypeElement(node) ||
      ts.isObjectLiteralElement(node) ||
      ts.isParameter(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isVariableDeclaration(node)) &&
    !ts.isPropertyAssignment(node) &&
    !ts.isShorthandPropertyAssignment(node)
  );
}

/** Whether a declaration can be seen outside its block: an exported name, a member, or a parameter of a body. */
export function isChecked(node: Named): boolean {
  if (ts.findAncestor(node, ts.isModuleDeclaration) !== undefined) return false;
  if (ts.isParameter(node)) {
    const hasBody = (node.parent as ts.FunctionLikeDeclaration).body !== undefined;
    return hasBody && node.name.text !== "this" && !node.name.text.startsWith("_");
  }
  if (ts.isClassElement(node) || ts.isTypeElement(node) || ts.isObjectLiteralElement(node)) return !isCondition(node);
  return (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Export) !== 0;
}

/** Whether a member stands in the `{ kind: "a" }` of a type such as `Extract<Step, { kind: "a" }>`, where it selects. */
function isCondition(node: ts.Node): boolean {
  const type = ts.isTypeLiteralNode(node.parent) ? node.parent.parent : undefined;
  return type !== undefined && ts.isTypeReferenceNode(type) && /^(?:Extract|Exclude)$/.test(type.typeName.getText());
}

/** Whether the types of the package leave something out: private members, `@internal` ones, and values. */
export function isHidden(node: ts.Node): boolean {
  const { name } = node as ts.NamedDeclaration;
  if (name !== undefined && ts.isPrivateIdentifier(name)) return true;
  if (ts.getJSDocTags(node).some((tag) => tag.tagName.text === "internal")) return true;
  const { parent } = node;
  return (ts.isPropertyDeclaration(parent) || ts.isParameter(parent)) && parent.initializer === node;
}

/** Whether an expression is the value of something else: an argument, a result, an assigned or listed value. */
export function isGiven(value: ts.Expression): boolean {
  const { parent } = value;
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) return parent.expression !== value;
  if (ts.isBinaryExpression(parent)) {
    return parent.right === value && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;
  }
  if (ts.isArrowFunction(parent)) return parent.body === value;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isPropertyDeclaration(parent)) {
    return parent.initializer === value && parent.type !== undefined;
  }
  if (ts.isPropertyAssignment(parent)) return parent.initializer === value;
  return (
    ts.isReturnStatement(parent) ||
    ts.isShorthandPropertyAssignment(parent) ||
    ts.isAsExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
    ts.isYieldExpression(parent) ||
    ts.isAwaitExpression(parent) ||
    ts.isArrayLiteralExpression(parent) ||
    ts.isSpreadElement(parent) ||
    ts.isConditionalExpression(parent)
  );
}

/** Whether a name is the member in `object.member = value`. */
export function isAssigned(name: ts.Node): boolean {
  const { parent } = name;
  return (
    ts.isPropertyAccessExpression(parent) &&
    parent.name === name &&
    ts.isBinaryExpression(parent.parent) &&
    parent.parent.left === parent &&
    parent.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken
  );
}
