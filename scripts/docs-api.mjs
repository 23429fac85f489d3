// `npm run docs:api`: writes the reference of the public API from its types and their doc comments.
//
//   npm run docs:api             writes the reference as Markdown to .cache/api, one page for each name
//   npm run docs:api -- --check  only fails where a public name has no doc comment, a public function has no example, or
//                                a comment lacks the link to the specification that it follows

import { readdirSync, readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import ts from "@typescript/typescript6";
import { Failure, main, root, run } from "./run.mjs";
import { specified } from "./specified.mjs";

const output = ".cache/api";
const reference = ".cache/reference";
/** The types of Node for the entries that run there, and those of the DOM for the browser's. */
const compilerOptions = {
  target: "es2023",
  lib: ["es2023", "dom"],
  module: "nodenext",
  types: ["node"],
  strict: true,
  skipLibCheck: true,
};
/** The types of each entry of the package, by the name of its pages. Entries can share types. */
const entries = new Map(
  Object.entries(JSON.parse(readFileSync("package.json", "utf8")).exports)
    .filter(([, { types }]) => types !== undefined)
    .map(([name, { types }]) => [types.replace("./dist", reference), `htmx-mercure${name.slice(1)}`])
    .reverse()
    .map(([types, name]) => [types, name.replaceAll("/", "-")]),
);

/** The names of {@link specified} that the types have. */
const found = new Set();
/** A section of a specification, named without its link. */
const unlinked = /\bRFC \d+|\bMercure (?:0\.x |1\.0 )?"[A-Z]/;

/** Types whose functions an application implements, inherits from the language, or has no reason to call. */
const notCalled = /^(?:HubObserver|Logger|TemplateError|Transaction|Updates|\w+Transport)$/;
/** The members of the port `Transport`, which documents them for every transport. */
const portMembers =
  /"(?:close|cursor|head|heldBackBy|lag|listen|longestWait|nodes|now|pending|positionOf|publish|publishIn|read|ready|reserve|state)"/;

await main(async () => {
  const isCheck = process.argv.includes("--check");
  await run(process.execPath, ["scripts/build.mjs", "--reference"], {
    failure: "The reference was not made: the build failed.",
  });
  await rm(output, { recursive: true, force: true });
  for (const folder of ["model", "report"]) await mkdir(join(output, folder), { recursive: true });
  const problems = [...entries].flatMap(([types, name]) => extract(name, types));
  const types = readdirSync(reference, { recursive: true }).filter((path) => path.endsWith(".d.ts"));
  problems.push(...types.flatMap((path) => withoutLink(join(reference, path))));
  const unknown = Object.keys(specified).filter((name) => !found.has(name));
  problems.push(...unknown.map((name) => `${name}: scripts/specified.mjs names it, and no type has it.`));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) throw new Failure(`${problems.length} doc comments are missing or wrong.`);
  if (isCheck) return;
  await run(
    process.execPath,
    [
      "node_modules/@microsoft/api-documenter/bin/api-documenter",
      "markdown",
      "-i",
      join(output, "model"),
      "-o",
      output,
    ],
    { failure: "The reference was not made: api-documenter reports the errors above.", stdio: "ignore" },
  );
  console.log(`The reference is in ${output}/index.md.`);
});

/** Whether an entry is for authors of transports, who read the contract and the sources of the other transports. */
function isForAuthors(types) {
  return /\/transport\/(?:index|contract\/)/.test(types);
}

/** Writes the model of an entry; returns the mistakes in its doc comments. */
function extract(name, types) {
  const problems = [];
  const level = (logLevel) => ({ logLevel });
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, types),
      compiler: { overrideTsconfig: { compilerOptions, files: [types] } },
      // The report finds missing doc comments.
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: join(root, output, "report"),
        reportTempFolder: join(root, output, "report"),
      },
      dtsRollup: { enabled: false },
      docModel: { enabled: true, apiJsonFilePath: join(root, output, "model", `${name}.api.json`) },
      messages: {
        compilerMessageReporting: { default: level(ExtractorLogLevel.None) },
        extractorMessageReporting: {
          default: level(ExtractorLogLevel.None),
          "ae-undocumented": level(ExtractorLogLevel.Warning),
          "ae-unresolved-link": level(ExtractorLogLevel.Warning),
        },
        tsdocMessageReporting: { default: level(ExtractorLogLevel.Warning) },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
    packageJson: { name },
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === ExtractorLogLevel.Warning || message.logLevel === ExtractorLogLevel.Error) {
        const place = message.sourceFilePath ? `${message.sourceFilePath}:${message.sourceFileLine}: ` : "";
        if (types.includes("/transport/") && portMembers.test(message.text)) return;
        if (message.messageId === "ae-undocumented" && isForAuthors(types)) return;
        problems.push(`${place}${message.text}`);
      }
    },
  });
  if (isForAuthors(types)) return problems;
  const model = JSON.parse(readFileSync(join(root, output, "model", `${name}.api.json`), "utf8"));
  return [...problems, ...model.members.flatMap(({ members }) => members.flatMap((member) => withoutExample(member)))];
}

/** Returns a message for each doc comment of a type that lacks the link to its specification. */
function withoutLink(path) {
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const faults = [];
  const check = (node, name) => {
    const comment = ts.getJSDocCommentsAndTags(node).map((each) => each.getText().replaceAll(/\s+\*?\s*/g, " "));
    if (comment.some((each) => unlinked.test(each.replaceAll(/\{@link [^}]*\}/g, "")))) {
      faults.push(`${name}: the doc comment names a section of a specification without its link.`);
    }
    const url = specified[name];
    // A function with overloads has its link at the first one.
    if (url === undefined || found.has(name)) return;
    found.add(name);
    if (!comment.join("").includes(`{@link ${url} |`)) faults.push(`${name}: the doc comment has no link to ${url}.`);
  };
  for (const statement of source.statements) {
    const name = statement.name?.text ?? path;
    check(statement, name);
    for (const member of statement.members ?? []) check(member, `${name}.${member.name?.getText() ?? "constructor"}`);
  }
  return faults;
}

/** Returns a message for each function below a member of the model that has no example. */
function withoutExample(member, parent = "") {
  if (notCalled.test(member.name)) return [];
  const children = (member.members ?? []).flatMap((child) => withoutExample(child, `${member.name}.`));
  // A function with overloads has its example at the first one.
  if (!isFunction(member) || (member.overloadIndex ?? 1) > 1 || /@example\b/.test(member.docComment)) return children;
  return [`${parent}${member.name}: the doc comment has no @example.`, ...children];
}

function isFunction({ kind, name, excerptTokens = [] }) {
  if (["Function", "Method", "MethodSignature"].includes(kind)) return true;
  const type = excerptTokens.map(({ text }) => text).join("");
  return (
    kind.startsWith("Property") && /^(?:readonly )?\w+: (?:<\w+>)?\([\s\S]*\) => /.test(type) && name !== "authorize"
  );
}
