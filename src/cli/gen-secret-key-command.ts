import { randomBytes } from "node:crypto";
import type { Command } from "./command.js";

export const genSecretKeyCommand: Command = {
  name: "gen-secret-key",
  summary: "Prints a new secret key.",
  usage: "",
  details: "The key has 32 random bytes, the minimum for HS256, in hexadecimal digits.",
  positionals: 0,
  flags: {},
  async run() {
    console.log(randomBytes(32).toString("hex"));
    return 0;
  },
};
