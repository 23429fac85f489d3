import { readFileSync } from "node:fs";

const part = /^.*#region shown.*\n(?<lines>[\s\S]*?)^.*#endregion/m;
const words =
  /(?<comment>\/\/.*)|(?<string>"[^"\n]*"|`[^`\n]*`)|(?<kit>(?<=<% )(?:end)?[A-Z]\w*|\b(?:sse\.\w+|render|oob)(?=\())/g;

export interface Word {
  readonly text: string;
  readonly kind: string;
}

/** The part of an example file that its page shows, word by word, so that the template can colour it. */
export function excerpt(file: string): Word[] {
  const lines = part.exec(readFileSync(new URL(file, import.meta.url), "utf8"))?.groups?.lines ?? "";
  const indent = Math.min(...[...lines.matchAll(/^( *)\S/gm)].map(([, spaces = ""]) => spaces.length));
  const code = lines.replaceAll(new RegExp(`^ {${indent}}`, "gm"), "").trimEnd();

  const result: Word[] = [];
  let end = 0;
  for (const match of code.matchAll(words)) {
    result.push({ text: code.slice(end, match.index), kind: "" });
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "";
    result.push({ text: match[0], kind });
    end = match.index + match[0].length;
  }
  result.push({ text: code.slice(end), kind: "" });
  return result;
}
