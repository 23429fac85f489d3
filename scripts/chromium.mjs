import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Failure, run } from "./run.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const shellNames = ["chromium-headless-shell", "chrome-headless-shell"];
const macApplications = [
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/**
 * Returns the path of a Chromium: the program in CHROMIUM, else an installed one, else one that it installs now if
 * permissions allow.
 */
export async function chromium() {
  const named = process.env.CHROMIUM;
  if (named) {
    if (isExecutable(named)) return named;
    throw new Failure(
      `CHROMIUM is set to "${named}", which is not a program. Correct it, or unset it to have one found.`,
    );
  }
  return find() ?? (await install());
}

/**
 * Returns the path of an installed headless shell, if there is one. It is Chromium without its windows and profiles, and
 * opens a page in a third of the time. It has no back/forward cache.
 */
export function headlessShell() {
  return programsOf(shellNames).find(isExecutable);
}

function find() {
  return [...programsOf(names), ...macApplications].find(isExecutable);
}

function programsOf(names) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names.flatMap((name) => ["/usr/bin", ...folders].map((folder) => join(folder, name)));
}

async function install() {
  const privilege = privilegedPrefix();
  if (!existsSync("/usr/bin/apt-get") || privilege === undefined) {
    throw new Failure(
      "The browser tests need Chromium, and this command cannot install it here.\n" +
        "Install it (Debian, Ubuntu: `sudo apt-get install chromium`), or set CHROMIUM to the path of a Chromium or Chrome.",
    );
  }
  console.log("The browser tests need Chromium: installing it with apt-get.");
  const failure =
    "Chromium could not be installed. Install it by hand, or set CHROMIUM to the path of a Chromium or Chrome.";
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => {
    const [command, ...rest] = [...privilege, "apt-get", ...args];
    return run(command, rest, { env, failure });
  };
  await apt("update");
  await apt("install", "-y", "--no-install-recommends", "chromium", "fonts-liberation");
  // Ubuntu has no such package. The tests then take longer.
  await apt("install", "-y", "--no-install-recommends", "chromium-headless-shell").catch(() => {});
  const installed = find();
  if (!installed) throw new Failure(failure);
  return installed;
}

/**
 * Returns the prefix that runs a command as root: an empty one, or a sudo without a password; undefined if neither
 * works.
 */
function privilegedPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo", "-n"] : undefined;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
