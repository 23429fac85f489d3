import { relative, resolve, sep } from "node:path";
import type { Application } from "express";
import type { Environment } from "nunjucks";
import type { Components } from "../nunjucks/components.js";

/** Registers the application's templates for `res.render("name")`. Other view engines keep their files. */
export function useTemplates(
  app: Application,
  environment: Environment,
  folders: readonly string[],
  components: Components,
): void {
  const absolute = folders.map((folder) => resolve(folder));
  app.set("views", absolute);
  if (app.get("view engine") === undefined) app.set("view engine", "njk");
  app.engine("njk", (path, context, callback) => {
    const folder = absolute.find((each) => path.startsWith(each + sep)) ?? "";
    // Pages can wait for the application's asynchronous filters, so rendering uses a callback.
    environment.render(relative(folder, path), context, (error, html) => {
      if (error) callback(components.originalOf(error));
      else callback(null, html ?? "");
    });
  });
}
