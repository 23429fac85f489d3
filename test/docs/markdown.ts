import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block of code in a page. */
export interface Block {
  /** The page's path from the repository's root. */
  readonly page: string;
  /** The heading of the second level above it; empty before the first. */
  readonly section: string;
  /** The line of its first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** The file of the reader's project that it shows. */
  readonly file: string | undefined;
  /** Whether it is the output of the block before. */
  readonly isOutput: boolean;
  /** The code of the error that it causes. */
  readonly error: string | undefined;
  /** Why it cannot run. */
  readonly noRun: string | undefined;
}

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** README.md and the pages below docs. */
export function pages(): Page[] {
  const documents = readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".md"));
  return ["README.md", ...documents.sort().map((name) => `docs/${name}`)]
    .filter((path) => existsSync(root + path))
    .map((path) => {
      const text = readFileSync(root + path, "utf8");
      return { path, text, blocks: blocksOf(path, text) };
    });
}

export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  for (const match of text.matchAll(/^( *)(`{3,})([^\n`]*)\n([\s\S]*?)^\1\2 *$/gm)) {
    const [, indent = "", , info = "", code = ""] = match;
    const before = text.slice(0, match.index);
    const [language = "", ...words] = info.trim().split(/\s+/);
    const options = words.join(" ");
    blocks.push({
      page,
      section: [...before.matchAll(/^## (.+)$/gm)].at(-1)?.[1] ?? "",
      line: before.split("\n").length + 1,
      language,
      code: code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      file: /(?:^|\n)\*\*([\w./-]+\.\w+)\*\*\n\n$/.exec(before)?.[1],
      isOutput: /^output\b/.test(options),
      error: /\berror=(\S+)/.exec(options)?.[1],
      noRun: /^no-run: *(.+)$/.exec(options)?.[1],
    });
  }
  return blocks;
}

/** Whether a block shows how another framework does it. */
export function isForeign({ page, language }: Block): boolean {
  return page.startsWith("docs/coming-from/") && /^(python|jinja|ruby|erb|php|twig|blade|elixir)$/.test(language);
}

/** Whether TypeScript code is a program, and not a fragment that stands within one. */
export function isProgram({ code }: Block): boolean {
  return /^import\b/m.test(code);
}

/** The files of a block's reader: those of its section, and then those of the rest of the page. */
export function filesAround(block: Block, page: Page): Record<string, string> {
  const shown = page.blocks.filter(({ file }) => file !== undefined);
  const near = shown.filter(({ section }) => section === block.section);
  const files: Record<string, string> = {};
  for (const { file, code } of [...near, ...shown]) files[file!] ??= code;
  return files;
}

/** The rows of the first table after a position: the text of each cell. */
export function tableAfter(text: string, position: number): string[][] {
  const rows = /(?:^\|.*\n)+/m.exec(text.slice(position))?.[0] ?? "";
  return rows
    .trim()
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll("\\|", "|")),
    );
}
