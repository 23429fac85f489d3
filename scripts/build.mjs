// `npm run build`: src becomes dist.
//
// The build is made beside dist and takes its place only when it is whole: a failed build leaves the last good one, and
// a program that reads dist meanwhile never sees half of it.

import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { Failure, main, run } from "./run.mjs";

/** A sibling of dist, so that the relative paths in source maps stay true when it becomes dist. */
const staging = `.dist-${process.pid}`;

await main(async () => {
  const start = performance.now();
  if (!existsSync("node_modules/typescript") || !existsSync("node_modules/esbuild")) {
    throw new Failure("The build's tools are not installed: run `npm ci` first.");
  }
  try {
    await mkdir(staging);
    await writeFile(`${staging}/.gitignore`, "*\n");
    // All are waited for, even when one fails, so that nothing writes into a folder that is being removed.
    const steps = await Promise.allSettled([
      compile("tsconfig.build.json"),
      compile("scripts/client-types.json"),
      bundle(),
    ]);
    for (const step of steps) if (step.status === "rejected") throw step.reason;
    // npm packs nothing that a .gitignore in the folder names.
    await rm(`${staging}/.gitignore`);
    await replace("dist", staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  console.log(`Built dist in ${((performance.now() - start) / 1000).toFixed(1)} s.`);
});

function compile(project) {
  return run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", project, "--outDir", staging], {
    failure: `The build failed: the compiler reports the errors above (project ${project}). dist is as it was.`,
  });
}

/** The browser's script and style. The script is one classic file; its source map is beside it, for who wants it. */
async function bundle() {
  const { build } = await import("esbuild");
  try {
    await build({
      entryPoints: ["src/client/mercure.ts", "src/client/mercure.css"],
      outdir: `${staging}/client`,
      bundle: true,
      format: "iife",
      target: "es2022",
      minify: true,
      sourcemap: "external",
      logLevel: "warning",
    });
  } catch (cause) {
    throw new Failure("The build failed: the bundler reports the errors above (src/client). dist is as it was.", {
      cause,
    });
  }
}

/** Two builds at once may both get here; the later one wins, whole. */
async function replace(folder, replacement) {
  const previous = `${replacement}-previous`;
  for (;;) {
    await rename(folder, previous).catch(ignore("ENOENT"));
    const taken = await rename(replacement, folder).then(() => false, ignore("ENOTEMPTY", "EEXIST"));
    await rm(previous, { recursive: true, force: true });
    if (taken === false) return;
  }
}

function ignore(...codes) {
  return (error) => {
    if (!codes.includes(error.code)) throw error;
  };
}
