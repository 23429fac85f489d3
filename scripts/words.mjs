// The marks of sentences that hide their point. `npm run lint` fails on each of them, in comments, in documents, in the
// messages of programs and in the names of tests. CONTRIBUTING.md lists the rules.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import ts from "@typescript/typescript6";
import { main } from "./run.mjs";

/** The patterns of wrong sentences. */
export const marks = {
  "a sentence that begins with Who, What, Whose or Which":
    /^(?:Who|[Ww]hat|Whose|[Ww]hom|Which|[Ww]hoever|Whatever|[Ww]homever|Whichever)\b(?!.*\?\W*$)/,
  '"is none", "is no …"': /\b(?:is|are|was|were|be)\s+(?:none\b|no (?!longer\b|more than\b)[a-z])/i,
  '"shall"': /\bshall\b/i,
  '"in which", "with whom", "of what"':
    /\b(?:about|above|after|against|among|at|before|behind|below|beside|besides|between|by|for|from|in|into|of|on|over|per|since|than|through|to|under|until|upon|with|within|without) (?:which|whom|whose|what)\b/i,
  '"does no longer"': /\b(?:do|does|did|can|must|may|will) no longer\b/i,
  // Continue, retry, again, forever.
  '"goes on", "tries again", "anew", "for ever"':
    /\b(?:(?:go|goes|went) on(?! (?:in|over|the|through|to|with)\b)|(?:tries|tried|trying) again|anew|for ever)\b/i,
  // Even when, even if, including those.
  '"also when", "also if", "also those"': /\balso (?:if|when|where|while|after|before|those)\b/i,
  // About, a number with its unit, except, only, unchanged.
  '"some 20", "some seconds", "all but", "as it is"':
    /\bsome (?:\d|(?:two|three|four|five|ten|twelve|twenty|dozens?|hundreds?|thousands?|(?:micro|milli)?seconds|minutes|hours|days|(?:kilo|mega|giga)bytes)\b)|\b(?:all|any|anything|everything|nobody|none|nothing) but\b|\bbut for\b|\bas (?:it|they) (?:is|are|was|were)(?=[.,;:)]|$)/i,
  // Start, no longer, again and again, earlier, considers.
  '"the begin", "any more", "ever new", "of before", "takes for ended"':
    /\b(?:the|its|their|whose|a) begin\b|\bany more\b(?! than\b)|\bof before\b|\b(?:tak(?:e|es|en|ing)|took) (?:[\w']+ ){1,5}for (?:ended|no)\b|\bever (?:fewer|greater|growing|larger|longer|more|new|newer|smaller)\b/i,
  // Over HTTP, over TLS, with Brotli.
  '"by HTTP", "by TLS", "by Brotli"': /\bby (?:plain )?(?:https?|TLS|Brotli|gzip)\b(?!:)/i,
  // Is paused, hangs; outside CI.
  '"stands still", "at a desk"': /\bst(?:ands?|ood|anding) still\b|\bat a desk\b/i,
};

await (import.meta.url === pathToFileURL(process.argv[1] ?? "").href ? main(check) : undefined);

function check() {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" });
  const counts = new Map(Object.keys(marks).map((mark) => [mark, 0]));
  for (const path of listed.split("\n").filter((file) => isProse(file))) {
    for (const { line, mark, sentence } of findMarks(path, readFileSync(path, "utf8"))) {
      counts.set(mark, counts.get(mark) + 1);
      console.error(`${path}:${line}: ${mark}: ${sentence}`);
    }
  }
  for (const [mark, count] of counts) console.log(`${String(count).padStart(5)}  ${mark}`);
  if ([...counts.values()].some((count) => count > 0)) process.exitCode = 1;
}

function isProse(path) {
  // This file and its test hold the marks themselves.
  return (
    /\.(?:ts|mjs|js|md|njk|yml|css|c)$|^\.ci\/run$/.test(path) &&
    !/^(?:scripts\/words\.mjs|test\/project\/words\.test\.ts)$/.test(path)
  );
}

/** Returns every sentence of a file that bears a mark, with the line where its passage begins. */
export function findMarks(path, text) {
  const passages = path.endsWith(".md")
    ? markdownPassages(text)
    : /\.(?:njk|yml)$/.test(path)
      ? templatePassages(text)
      : /\.(?:css|c)$|^\.ci\/run$/.test(path)
        ? commentPassages(path, text)
        : codePassages(path, text);
  return passages.flatMap(({ line, text: passage }) =>
    sentencesOf(passage).flatMap((sentence) =>
      Object.entries(marks)
        .filter(([, pattern]) => pattern.test(sentence))
        .map(([mark]) => ({ line, mark, sentence })),
    ),
  );
}

function sentencesOf(passage) {
  return passage
    .replaceAll(/\s+/g, " ")
    .split(/(?<=[.!?:;)”"])\s+(?=[A-Z"“(])/)
    .map((sentence) => sentence.trim().replace(/^[\W_]+/, ""))
    .filter(Boolean);
}

/** Returns the comments of code, and its strings that are sentences: three words or more. */
function codePassages(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const passages = [];
  const add = (position, passage) => {
    passages.push({ line: source.getLineAndCharacterOfPosition(position).line + 1, text: passage });
  };
  for (const { start, comment } of comments(source, text)) for (const part of comment) add(start, part);
  const visit = (node) => {
    const words = stringOf(node);
    if (words !== undefined) {
      if ((words.match(/[a-z]+(?=[\s.,:;!?…]|$)/gi) ?? []).length >= 3) add(node.getStart(), words);
      if (!ts.isTemplateExpression(node)) return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return passages;
}

function stringOf(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join("…");
  }
  return undefined;
}

/**
 * Returns comments. Line comments that follow each other are one comment; the tags of a doc comment begin parts of
 * their own.
 */
function comments(source, text) {
  const scanned = new Map();
  const collect = (node) => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) scanned.set(range.pos, range);
    for (const range of ts.getTrailingCommentRanges(text, node.getEnd()) ?? []) scanned.set(range.pos, range);
    for (const child of node.getChildren(source)) collect(child);
  };
  collect(source);
  const found = [];
  for (const { pos, end } of [...scanned.values()].sort((one, other) => one.pos - other.pos)) {
    const comment = text.slice(pos, end);
    if (comment.startsWith("//")) {
      const previous = found.at(-1);
      const line = comment.replace(/^\/\/\s?/, "");
      if (previous?.isLine && /^\s*$/.test(text.slice(previous.end, pos))) {
        previous.comment = [`${previous.comment[0]}\n${line}`];
        previous.end = end;
      } else found.push({ start: pos, end, isLine: true, comment: [line] });
    } else {
      const body = comment.slice(2, -2).replaceAll(/^[ \t]*\*+ ?/gm, "");
      const parts = body.split(/\n[ \t]*\n|^[ \t]*(?=@)/m).map((part) => part.replace(/^@\w+(?:\s+[`\w.]+ -)?\s*/, ""));
      found.push({ start: pos, end, isLine: false, comment: parts });
    }
  }
  return found;
}

/** Returns the comments of C, of style sheets and of the shell. Line comments that follow each other are one comment. */
function commentPassages(path, text) {
  const lineMark = path.endsWith(".c") ? "//" : path.endsWith(".css") ? undefined : "#";
  const block = /\/\*([\s\S]*?)\*\//.source;
  const lines = `(?:(?:^|(?<=\\s))${lineMark}[^\\n]*(?:\\n[ \\t]*(?=${lineMark}))?)+`;
  const comment = new RegExp(lineMark === undefined ? block : lineMark === "#" ? lines : `${block}|${lines}`, "gm");
  return [...text.matchAll(comment)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length,
    text: match[0].replaceAll(/^[ \t]*(?:\/\*+|\*\/|\*|\/\/|#)|\*\/$/gm, " "),
  }));
}

/** Returns paragraphs, list items, headings and the cells of tables, without code. */
function markdownPassages(text) {
  const passages = [];
  let fence;
  let current;
  for (const [index, line] of text.split("\n").entries()) {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence !== undefined || mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark?.startsWith(fence)) fence = undefined;
      current = undefined;
      continue;
    }
    const bare = line.replaceAll(/`[^`]*`/g, "…").replaceAll(/\]\([^)]*\)/g, "]");
    if (/^\s*$/.test(bare) || /^\s*<!--.*-->\s*$/.test(bare)) {
      current = undefined;
      continue;
    }
    if (/^\s*\|/.test(bare)) {
      for (const cell of bare.split("|")) passages.push({ line: index + 1, text: cell });
      current = undefined;
      continue;
    }
    if (current === undefined || /^\s*(?:[-*+]|\d+\.|#{1,6}|>)\s/.test(bare)) {
      current = { line: index + 1, text: "" };
      passages.push(current);
    }
    current.text += ` ${bare.replace(/^\s*(?:[-*+]|\d+\.|#{1,6}|>)\s+/, "")}`;
    if (/^#{1,6}\s/.test(bare)) current = undefined;
  }
  return passages;
}

/** Returns the text that a template prints or a form shows, and its comments: each line is a passage. */
function templatePassages(text) {
  return text
    .replaceAll(/<%[\s\S]*?%>|\{\{[\s\S]*?\}\}/g, (code) => code.replaceAll(/[^\n]/g, " "))
    .split("\n")
    .map((line, index) => ({ line: index + 1, text: line.replaceAll(/<[^>]*>|\{#|#\}/g, " ") }));
}
