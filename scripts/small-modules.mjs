// The plugin of the bundler that makes the modules of the package small. Comments, white space and names stay in the
// sources and in the types, where people read them. Stack traces keep the names of methods and of errors.

import { posix } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { transform } from "esbuild";
import { parseAst } from "rollup/parseAst";
import { minify } from "terser";

/**
 * The min length of a text that is packed, in characters. Texts without a space are mostly names, which compress badly.
 */
const minTextLength = 8;
const minNameLength = 9;
/** The min length of the texts of a template that is packed as a whole, such as the message of an error. */
const minTemplateLength = 24;
/** The min length of a constant of a module whose value is packed as JSON, in characters. */
const minDataLength = 50;
/** The place of a value in a packed template. */
const hole = "¤";

/**
 * The file of the texts, and the module that reads it, once in a process. The engine compares keys of objects by address,
 * so the texts are as fast as those in code.
 */
const packedFile = "chunks/texts.br";
const reader = "chunks/texts.js";
/** The chunk with the code for each update. It names `undefined` directly, which the engine compares fastest. */
const busyChunk = "chunks/shared.js";
const readerCode = `import { readFileSync } from "node:fs";
  import { brotliDecompressSync } from "node:zlib";
  const packed = readFileSync(new URL("${posix.basename(packedFile)}", import.meta.url));
  const keys = (group) => Object.keys(Object.fromEntries(group.split("\\0").map((text) => [text, 0])));
  export const texts = brotliDecompressSync(packed).toString().split("\\0\\0").map(keys);
  export const fill = (text, ...values) =>
    text.split("${hole}").reduce((all, part, index) => \`\${all}\${values[index - 1]}\${part}\`);`;

/** Joins texts that the source divides into lines. */
const joined = { format: "esm", target: "node20", legalComments: "none", minifySyntax: true, charset: "utf8" };

/**
 * Long names of properties that the parts of the hub use among themselves. They are short in the package. No type, record
 * or message has one of them.
 */
export const hubNames = [
  "activeSubscriptions authorizedUntil bySubscriber cancelLeave connectionBounds describeMissing disconnections",
  "evictedThrough forSubscriber handmadeGrant isAnnounced isCounted matchesPaced patternSize precedingId",
  "hasSuccessor isInProcess privateTopics refuseUnknown responsePages streamLimits subjectOf",
].flatMap((line) => line.split(" "));
const shortNames = {
  mangleProps: new RegExp(`^(${hubNames.join("|")})$`),
  // The dollar keeps them apart from the properties of other packages.
  mangleCache: Object.fromEntries(hubNames.map((name, index) => [name, `$${index.toString(36)}`])),
};

const minified = {
  ...joined,
  minifyWhitespace: true,
  minifyIdentifiers: true,
  ...shortNames,
};

/**
 * The settings of a second minifier, which shortens the output of the first one: it joins statements, and inlines
 * values and functions.
 */
export const shortened = {
  module: true,
  ecma: 2020,
  compress: {
    passes: 4,
    lhs_constants: false,
    unsafe_arrows: true,
    inline: 3,
    global_defs: { "@Number.POSITIVE_INFINITY": "1/0", "@Number.NEGATIVE_INFINITY": "-1/0" },
  },
};

/**
 * Matches long names of properties that only the client's scripts use. The page, htmx and the server do not see them, so
 * they are short in the bundles, and the same in all of them.
 */
export const clientNames = new RegExp(
  `^(${[
    "added|address|adopted|answerTimeout|askedAt|changed|comeBack|cursorName|deliver|discard|endBlock|failed|finish|gap",
    "growsAtStart|heard|isLeft|isOutage|isPrivate|isRepeated|isUrgent|lacksToken|lastAt|markup|need|newSource|onState",
    "opened|openSources|pairs|path|positionOf|prepare|previousEventId|readField|release|released|removed|renew",
    "renewToken|reopen|replacement|report|restarted|resume|retryAfter|revive|selector|shownId|silence|since",
    "skipSnapshot|snapshotEvent|source|sourceFor|sourceOf|start|stop|suspend|suspiciousSilence|unfinishedLine",
    "watchElements|writePositions|writeState",
  ].join("|")})$`,
);

export function smallModules() {
  return { name: "small", load: withoutIndents, generateBundle: makeSmall };
}

async function makeSmall(_options, bundle) {
  const chunks = Object.values(bundle).sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
  const groups = [];
  for (const chunk of chunks) {
    const { code, texts } = withPackedTexts((await transform(chunk.code, joined)).code);
    chunk.code = texts.length === 0 ? code : withReader(code, chunk.fileName, groups.push(texts) - 1, texts.length);
  }
  this.emitFile({ type: "asset", fileName: packedFile, source: pack(groups) });
  this.emitFile({ type: "prebuilt-chunk", fileName: reader, code: readerCode, exports: ["texts", "fill"] });
  for (const chunk of [...chunks, bundle[reader]]) {
    const { code } = await transform(withNamedBuiltIns(withShortDeclarations(chunk.code)), minified);
    chunk.code = await shortest(code);
    if (chunk.fileName !== busyChunk) chunk.code = withShortUndefined(chunk.code);
  }
}

/** Returns the shorter form of a module, with its functions in their places or at the top. */
async function shortest(code) {
  const forms = [false, true].map(async (hoist_funs) => {
    const compress = { ...shortened.compress, unsafe_comps: true, hoist_funs };
    // An uncaught error prints its whole line.
    return (await minify(code, { ...shortened, compress, format: { max_line_len: 3900 } })).code;
  });
  const [inPlace, atTop] = await Promise.all(forms);
  return atTop.length < inPlace.length ? atTop : inPlace;
}

/** Reads `undefined` from a variable with a short name. */
function withShortUndefined(code) {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const names = letters.flatMap((first) => letters.map((second) => first + second));
  const name = names.find((each) => !new RegExp(`(?<![\\w$])${each}(?![\\w$])`).test(code));
  const places = [];
  const visit = (node) => {
    if (node.type === "UnaryExpression" && node.operator === "void" && node.argument.value === 0) places.push(node);
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child);
  };
  visit(parseAst(code));
  if (name === undefined || places.length < minCalls) return code;
  let short = code;
  for (const { start, end } of places.sort((a, b) => b.start - a.start)) {
    short = short.slice(0, start) + name + short.slice(end);
  }
  const [shebang] = /^(#!.*\n)?/.exec(short);
  return `${shebang}const ${name}=void 0;${short.slice(shebang.length)}`;
}

/** The variable of a packed text. Variables are shorter than elements of a list, and as fast as texts in code. */
function nameOf(text) {
  return `packedText${text}`;
}

/** Adds the import of a module's texts. The first line of a command stays the first. */
function withReader(code, file, index, count) {
  const path = posix.relative(posix.dirname(file), reader);
  const [shebang] = /^(#!.*\n)?/.exec(code);
  const names = Array.from({ length: count }, (_, text) => nameOf(text));
  const head = `import { fill as fillText, texts } from "${path.startsWith(".") ? path : `./${path}`}"; const [${names}] = texts[${index}];`;
  return `${shebang}${head}${code.slice(shebang.length)}`;
}

/** Removes the indent of SQL and Lua. */
async function withoutIndents(id) {
  if (!/transport\/(?:postgres\/schema-statements|redis\/scripts)\.js$/.test(id)) return null;
  const texts = Object.entries(await import(pathToFileURL(id)));
  return texts
    .map(([name, text]) => `export const ${name} = ${JSON.stringify(text.replaceAll(/^ +/gm, ""))};`)
    .join("");
}

/** Joins the texts of all modules, so that the compressor finds their common parts. */
function pack(groups) {
  return brotliCompressSync(groups.map((texts) => texts.join("\0")).join("\0\0"));
}

/**
 * Moves the long texts of a module, such as errors, help, SQL and the texts of templates, into a file with those of the
 * other modules. There they compress to a third.
 */
function withPackedTexts(code) {
  const found = [];
  const module = parseAst(code);
  const constants = new Set(module.body.flatMap(({ declarations = [] }) => declarations.map(({ init }) => init)));
  const visit = (node, parent) => {
    const data = constants.has(node) && node.end - node.start >= minDataLength ? dataOf(node) : undefined;
    if (Object(data) === data) {
      found.push({ start: node.start, end: node.end, value: JSON.stringify(data), isData: true });
      return;
    }
    const isName = node === parent.key || node === parent.source || parent.type === "ExpressionStatement";
    if (typeof node.value === "string" && node.type === "Literal" && !isName) found.push(node);
    // The tag of a template gets its texts as they are written.
    if (node.type === "TemplateLiteral" && parent.type !== "TaggedTemplateExpression") {
      const texts = node.quasis.map(({ value }) => value.cooked);
      if (isSentence(texts)) found.push({ ...node, value: texts.join(hole) });
      else {
        for (const { start, end, value } of node.quasis) {
          if (code.slice(start, end) === value.raw) found.push({ start, end, value: value.cooked, isPart: true });
        }
      }
    }
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child, node);
  };
  visit(module, {});
  const isLong = (value) => value.length >= (value.includes(" ") ? minTextLength : minNameLength);
  const long = found.filter(({ value }) => isLong(value)).sort((a, b) => a.start - b.start);
  const texts = [...new Set(long.map(({ value }) => value))];
  /** Returns the code from one place to another, with the texts between them replaced. */
  const packed = (from, to) => {
    let end = from;
    let rest = "";
    for (const { start, end: after, value, isPart, isData, expressions } of long) {
      if (start < end || after > to) continue;
      const text = nameOf(texts.indexOf(value));
      const values = expressions?.map((each) => `, (${packed(each.start, each.end)})`).join("");
      rest += code.slice(end, start);
      if (values) rest += `fillText(${text}${values})`;
      else if (isData) rest += `JSON.parse(${text})`;
      else rest += isPart ? `\${${text}}` : text;
      end = after;
    }
    return rest + code.slice(end, to);
  };
  return { code: packed(0, code.length), texts };
}

/** Returns the value of a literal, such as a list of names, or undefined if JSON cannot hold it. */
function dataOf(node) {
  if (node.type === "Literal") return node.regex || node.bigint ? undefined : node.value;
  if (node.type === "UnaryExpression" && node.operator === "!" && node.argument.type === "Literal") {
    return !node.argument.value;
  }
  if (node.type === "ArrayExpression") {
    const values = node.elements.map((element) => (element === null ? undefined : dataOf(element)));
    return values.includes(undefined) ? undefined : values;
  }
  if (node.type !== "ObjectExpression") return undefined;
  const entries = node.properties.map(({ kind, computed, key, value }) =>
    kind === "init" && !computed ? [key.name ?? key.value, dataOf(value)] : [],
  );
  return entries.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(entries);
}

/** Whether the texts of a template are a message for people. Busy code makes none. */
function isSentence(texts) {
  return texts.some((text) => text.includes(" ")) && texts.join("").length >= minTemplateLength;
}

/**
 * Declares the constants of functions with `let`, so that the declarations of a block become one. The compiler has
 * checked that no code assigns to them. Constants of a module stay: the engine reads them without a look-up.
 */
function withShortDeclarations(code) {
  const positions = [];
  const visit = (node, isInFunction) => {
    if (node.type === "VariableDeclaration" && node.kind === "const" && isInFunction) positions.push(node.start);
    const isInside = isInFunction || /Function|StaticBlock/.test(node.type);
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child, isInside);
  };
  visit(parseAst(code), false);
  let end = code.length;
  let short = "";
  for (const position of positions.sort((a, b) => b - a)) {
    short = `let${code.slice(position + "const".length, end)}${short}`;
    end = position;
  }
  return code.slice(0, end) + short;
}

/** Calls of the engine's own functions that do not use `this`, and that no test replaces. */
const builtIn = /^(?:Array|JSON|Math|Number|Object)$/;
/** The min number of calls of a function in a module before it gets a short name. */
const minCalls = 4;

/** Gives short names to the engine's functions that a module calls often, such as `JSON.stringify`. */
function withNamedBuiltIns(code) {
  const calls = new Map();
  const visit = (node) => {
    const { object, property } = node.callee ?? {};
    if (node.type === "CallExpression" && builtIn.test(object?.name) && property.type === "Identifier") {
      const name = `${object.name}.${property.name}`;
      calls.set(name, [...(calls.get(name) ?? []), node.callee]);
    }
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child);
  };
  visit(parseAst(code));
  const named = [...calls].filter(([, places]) => places.length >= minCalls);
  const places = named.flatMap(([name, callees]) => callees.map(({ start, end }) => ({ name, start, end })));
  let short = code;
  for (const { name, start, end } of places.sort((a, b) => b.start - a.start)) {
    short = `${short.slice(0, start)}builtIn_${name.replace(".", "_")}${short.slice(end)}`;
  }
  const [shebang] = /^(#!.*\n)?/.exec(short);
  const declarations = named.map(([name]) => `const builtIn_${name.replace(".", "_")} = ${name};`).join("");
  return `${shebang}${declarations}${short.slice(shebang.length)}`;
}
