import { fileURLToPath } from "node:url";
import ts from "@typescript/typescript6";
import { NameUses } from "./name-uses.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A name that a file declares, and no code reads. */
export interface UnusedName {
  /** From the repository's root, with `/`. */
  readonly path: string;
  /** The line, from 1. */
  readonly line: number;
  /** The name, after that of its class, interface or function: `Group.size`. */
  readonly name: string;
}

interface Search {
  /** The files to search, from the repository's root. */
  readonly paths: readonly string[];
  /** The files whose exports other code uses, with all that the types of these exports name. */
  readonly entries: readonly string[];
  /** The files that describe other libraries. These read what the searched files write. */
  readonly foreign: readonly string[];
}

/**
 * Returns the exported names, members and parameters that no code of a program reads. An assignment is not a use.
 *
 * An object that is passed where another type is expected is used by all that reads that type. Unknown code reads
 * everything that it is given.
 */
export function unusedNames({ paths, entries, foreign }: Search): UnusedName[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts", "lib.es2024.string.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
  };
  const absolute = (path: string) => root + path;
  const program = ts.createProgram(paths.map(absolute), options);
  const uses = new NameUses(program, new Set(paths.map(absolute)), new Set(foreign.map(absolute)));
  for (const entry of entries) uses.publish(program.getSourceFile(root + entry)!);
  return uses.unused().map((declaration) => {
    const file = declaration.getSourceFile();
    const { line } = file.getLineAndCharacterOfPosition(declaration.getStart());
    const name = [ownerOf(declaration), declaration.name.text].filter(Boolean).join(".");
    return { path: file.fileName.slice(root.length), line: line + 1, name };
  });
}

function ownerOf({ parent }: ts.Node): string | undefined {
  const { name } = parent as ts.NamedDeclaration;
  return name !== undefined && ts.isIdentifier(name) ? name.text : undefined;
}
