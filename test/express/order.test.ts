import assert from "node:assert/strict";
import { describe, test } from "node:test";
import express, { type Express, type Request, type Response, type Router } from "express";
import type { Kit, MercureOptions } from "../../src/index.js";
import { application, streamUrlOf } from "../support/application.js";

const files = {
  "templates/open.njk": `<% MercureStream topic="a" %>`,
  "templates/private.njk": `<% MercureStream topic="a" private %>`,
  "components/Private.njk": `<div><% MercureStream topic="a" private %></div>`,
};

type Render = (req: Request, res: Response) => unknown;

/** The usual ways to mount handlers that render. */
const layouts: Record<string, (app: Express, render: Render) => unknown> = {
  "app.get": (app, render) => app.get("/", render),
  "app.route": (app, render) => app.route("/").get(render),
  "a router": (app, render) => app.use("/", express.Router().get("/", render)),
  "a router in a router": (app, render) => app.use(express.Router().use(express.Router().get("/", render))),
  "a router with mergeParams below a parameter": (app, render) =>
    app.use("/:tenant", express.Router({ mergeParams: true, strict: true }).get("/", render)),
  "a sub-application": (app, render) => app.use("/", express().get("/", render)),
};

function start(t: Parameters<typeof application>[0], mount: (app: Express) => unknown, options: MercureOptions = {}) {
  const made = application(t, files, options, { before: (app) => void mount(app) });
  made.app.use(((error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ code: error.code, message: error.message });
  }) as express.ErrorRequestHandler);
  return made;
}

describe("handlers before mercure(app)", () => {
  for (const [name, mount] of Object.entries(layouts)) {
    test(`${name} brings a warning at the start`, (t) => {
      const { warnings } = start(t, (app) => mount(app, () => {}));
      assert.match(warnings.join(), /mercure\(\) was called after routes/);
    });
  }

  test("middleware and a router of middleware alone bring no warning", (t) => {
    const { warnings } = start(t, (app) => {
      const router: Router = express.Router({ strict: true });
      router.use((_req, _res, next) => next());
      // A router can contain itself.
      router.use("/deeper", router);
      app.use(router);
    });
    assert.doesNotMatch(warnings.join(), /after routes/);
  });

  // The library missed the beginning of the request: a cache could keep the page, or it could hold another viewer's token.
  for (const development of [true, false]) {
    for (const tokenMode of ["url", "cookie"] as const) {
      for (const authorize of [undefined, () => true, () => false]) {
        const said = `${development ? "development" : "production"}, ${tokenMode}, authorize ${authorize?.() ?? "unset"}`;
        test(`a private stream of a request that began elsewhere is an error that names the order: ${said}`, async (t) => {
          let kit: Kit;
          const renders: Render[] = [
            (_req, res) => res.render("private"),
            (_req, res) => res.component("Private"),
            (_req, res) => res.send(kit.withResponse(res, () => kit.render("Private"))),
          ];
          const made = start(
            t,
            (app) => {
              const router = express.Router();
              // Only through `use`, which no look into the router can tell from other middleware.
              for (const [index, render] of renders.entries())
                router.use(`/${index}`, (req, res) => void render(req, res));
              app.use(router);
            },
            { development, tokenMode, authorize },
          );
          kit = made.kit;
          const origin = await made.listen();
          for (const index of renders.keys()) {
            const answer = await fetch(`${origin}/${index}`);
            const { code, message } = (await answer.json()) as { code: string; message: string };
            assert.equal(answer.status, 500);
            assert.equal(code, "ERR_TOKEN");
            assert.match(message, /Call mercure\(app\) before the routes, routers and sub-applications/);
            assert.equal(answer.headers.get("set-cookie"), null);
          }
        });
      }
    }
  }

  test("a render without a response is an error that says the route must come after mercure(app)", async (t) => {
    let kit: Kit;
    const made = start(t, (app) => app.get("/", (_req, res) => void res.send(kit.render("Private"))), {
      authorize: () => true,
    });
    kit = made.kit;
    const { message } = (await (await fetch(await made.listen())).json()) as { message: string };
    assert.match(message, /in a route after mercure\(app\)/);
  });

  test("a public stream of such a request works, and a hint names its page once", async (t) => {
    const made = start(t, (app) => app.use((_req, res) => res.render("open")));
    const origin = await made.listen();
    for (let each = 0; each < 2; each++) streamUrlOf(await (await fetch(`${origin}/page`)).text(), origin);
    const hints = made.warnings.filter((warning) => warning.includes("/page has a stream, but mercure() did not see"));
    assert.equal(hints.length, 1);
  });
});
