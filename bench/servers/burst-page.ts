// An application with one page, which shows one feed, for a browser. The markup is the same with and without the script of
// htmx-mercure.
//
// Arguments: the version of htmx, and `kit` for all scripts of the page or `stock` for those of htmx and its extension.

import { createServer } from "node:http";
import express from "express";
import { mercure } from "../../dist/index.js";

const [htmx = "2", scripts = "kit"] = process.argv.slice(2);
const app = express();
const kit = mercure(app, { htmx: htmx === "4" ? 4 : 2, development: false });

app.get("/", (_req, res) => {
  const render = (template: string) => kit.withResponse(res, () => kit.environment.renderString(template, {}));
  const all = render("{{ mercure_scripts() }}");
  const chosen = scripts === "kit" ? all : stockScripts(all);
  res.send(`<!doctype html><title>burst</title>${chosen}${render('<% MercureStream topic="feed" id="feed" %>')}`);
});
app.post("/publish", async (req, res) => {
  const [first, last] = [Number(req.query.first), Number(req.query.last)];
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  await Promise.all(numbers.map((number) => kit.sse.publish("feed", `<p>${number}</p>`)));
  res.sendStatus(204);
});
app.get("/streams", (_req, res) => void res.json(kit.hub.connections));

/**
 * Returns the scripts of a page without htmx-mercure. If they were deferred, htmx 4 would begin before its extension.
 */
function stockScripts(html: string): string {
  const tags = html.match(/<script[^>]*><\/script>/g) ?? [];
  return tags
    .filter((tag) => !/\/mercure4?-[^/]*\.js"/.test(tag))
    .join("")
    .replaceAll(" defer", "");
}

const server = createServer(app).listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`listening on port ${typeof address === "object" ? address?.port : ""}.`);
});
