import assert from "node:assert/strict";
import { describe, test } from "node:test";
// @ts-expect-error A script of the repository, without types.
import { findMarks } from "../../scripts/words.mjs";

const marksIn = (path: string, text: string): [number, string][] =>
  findMarks(path, text).map(({ line, mark }: { line: number; mark: string }) => [line, mark]);

const headless = "a sentence that begins with Who, What, Whose or Which";
const none = '"is none", "is no …"';
const shall = '"shall"';
const detour = '"in which", "with whom", "of what"';
const longer = '"does no longer"';
const onward = '"goes on", "tries again", "anew", "for ever"';
const evenIf = '"also when", "also if", "also those"';
const noun = '"the begin", "any more", "ever new", "of before", "takes for ended"';
const idle = '"stands still", "at a desk"';
const over = '"by HTTP", "by TLS", "by Brotli"';
const vague = '"some 20", "some seconds", "all but", "as it is"';

describe("the check of words", () => {
  test("reads every kind of comment", () => {
    const text = [
      "// Whose stream it is.",
      "const a = 1; // It shall end.",
      "/** The stream. What is sent is none. */",
      "// The first line goes on",
      "// in the second. Whoever reads it.",
      "/**",
      " * The token.",
      " *",
      " * @param a - Who asks.",
      " */",
      "function f(/* the one with whom it began */) {}",
    ].join("\n");
    assert.deepEqual(marksIn("src/a.ts", text), [
      [1, headless],
      [2, shall],
      [3, headless],
      [3, none],
      [4, headless],
      [6, headless],
      [11, detour],
    ]);
  });

  test("reads the comments of C, of style sheets and of the shell", () => {
    const of = (path: string, ...lines: string[]) => marksIn(path, lines.join("\n"));
    assert.deepEqual(of("a.c", "// The first line is", "// none. Who asks.", "int a; /* It shall end. */"), [
      [1, none],
      [1, headless],
      [3, shall],
    ]);
    assert.deepEqual(of("a.css", "a { color: red } /* It", " * shall be. */", "/* What it is. */"), [
      [1, shall],
      [3, headless],
    ]);
    assert.deepEqual(of(".ci/run", "#!/bin/sh", "# It tries", "# again.", 'echo "$#" # Who asks.'), [
      [1, onward],
      [4, headless],
    ]);
  });

  test("reads strings and templates that are sentences, and passes over names", () => {
    const text = [
      'const a = "Who asks is refused.";',
      ["const b = `The token $", "{c} is none.`;"].join(""),
      ["const d = `outer $", "{f('it does no longer work')}`;"].join(""),
      'const e = "Whose-Header";',
    ].join("\n");
    assert.deepEqual(marksIn("src/a.ts", text), [
      [1, headless],
      [2, none],
      [3, longer],
    ]);
  });

  test("reads paragraphs, lists, headings and tables of a document, and passes over its code", () => {
    const text = [
      "# What it costs",
      "",
      "The hub reads it. What",
      "is sent arrives.",
      "",
      "- It is no hub.",
      "",
      "| a | Whoever asks |",
      "",
      "```ts",
      "// Who is there",
      "```",
      "",
      "Call `Who is none`.",
    ].join("\n");
    assert.deepEqual(marksIn("docs/a.md", text), [
      [1, headless],
      [3, headless],
      [6, none],
      [8, headless],
    ]);
  });

  test("reads the text of a template", () => {
    assert.deepEqual(marksIn("templates/a.njk", "<p>Hello</p>\n{# Who is there #}\n<p>{{ Who }} shall go</p>"), [
      [2, headless],
      [3, shall],
    ]);
  });

  test("reads the forms of the repository", () => {
    assert.deepEqual(marksIn(".github/a.yml", "name: Bug\n    label: What you see\n    # Whose it is"), [
      [2, headless],
      [3, headless],
    ]);
    assert.deepEqual(marksIn(".github/a.yml", "label: It is none"), [[1, none]]);
  });

  for (const [sentence, mark] of [
    ["Who signs out has no stream.", headless],
    ["What ends is the stream.", headless],
    ["Whose a token is the option says.", headless],
    ["Whom it serves is unknown.", headless],
    ["Which versions to speak.", headless],
    ["Whoever asks gets it.", headless],
    ["Whatever arrives is kept.", headless],
    ["The hub's URL is none.", none],
    ["There is no such page.", none],
    ["It shall end.", shall],
    ["The stream in which it is.", detour],
    ["The person with whom it began.", detour],
    ["The page under whose path it is.", detour],
    ["The time within which it ends.", detour],
    ["It does no longer work.", longer],
    ["It can no longer work.", longer],
    ["The hub waits for what the store confirms.", detour],
    ["It depends on what came before.", detour],
    ["The stream goes on from there.", onward],
    ["The streams go on.", onward],
    ["The hub tries again by itself.", onward],
    ["The page is fetched anew.", onward],
    ["It waits for ever.", onward],
    ["It holds, also when the hub is down.", evenIf],
    ["The nodes hear all, also those of others.", evenIf],
    ["It takes some 20 kB.", vague],
    ["It has some dozens.", vague],
    ["It waits for some seconds.", vague],
    ["It takes some megabytes.", vague],
    ["All but the first are numbers.", vague],
    ["It holds nothing but updates.", vague],
    ["The text stays as it is.", vague],
    ["It is empty but for one row.", vague],
    ["what is sent arrives", headless],
    ["The position at the begin of a stream.", noun],
    ["A record that nobody holds any more.", noun],
    ["A client names ever new topics.", noun],
    ["The page shows no messages of before.", noun],
    ["The others take the node for ended.", noun],
    ["The node stood still.", idle],
    ["Tests at a desk repeat less.", idle],
    ["Clients connect by HTTP/2.", over],
    ["The page comes by plain HTTP.", over],
    ["The script has 9 KB by Brotli.", over],
  ] as const) {
    test(`rejects, in comments, strings, test names and documents: ${sentence}`, () => {
      for (const [path, text] of [
        ["src/a.ts", `// ${sentence}`],
        ["src/a.ts", `/** ${sentence} */\nconst a = 1;`],
        ["src/a.ts", `throw new Error(${JSON.stringify(sentence)});`],
        ["test/a.test.ts", `test(${JSON.stringify(sentence)}, () => {});`],
        ["docs/a.md", sentence],
        ["docs/a.md", `| a | ${sentence} |`],
      ] as const) {
        assert.deepEqual(marksIn(path, text), [[1, mark]], `${path}: ${text}`);
      }
    });
  }

  test("lets questions, and plain sentences, pass", () => {
    const text = "// Who is there? The hub tells what it knows. It no longer listens, for no longer than a minute.";
    assert.deepEqual(marksIn("src/a.ts", text), []);
  });

  for (const sentence of [
    "The hub says what the store confirms, and what came before.",
    "The stream continues. Two lists go on the page, and it goes on to the next.",
    "Please try again in a moment.",
    "Some streams end, and some updates are lost.",
    "It is slow, but all streams arrive.",
    "The page is as it is described.",
    "A host is named by https://example.com, and reached over TLS.",
    "The streams begin and end, and no topic has any more than one.",
  ]) {
    test(`lets this pass: ${sentence}`, () => assert.deepEqual(marksIn("docs/a.md", sentence), []));
  }
});
