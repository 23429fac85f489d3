import type { Environment } from "nunjucks";
import { Components } from "../nunjucks/components.js";
import { warnOfConnections } from "../nunjucks/connection-warning.js";
import { createEnvironment } from "../nunjucks/environment.js";
import { addGlobals } from "../nunjucks/globals.js";
import { HtmlMaker } from "../nunjucks/html.js";
import { safeStringMaker } from "../nunjucks/safe-string.js";
import { StreamTags } from "../nunjucks/stream-tags.js";
import type { Models } from "../publisher/publish/models.js";
import type { RenderContexts } from "../publisher/streams/render-context.js";
import type { StreamParts } from "../publisher/streams/stream-parts.js";
import { type Assets, lineOf } from "./assets.js";
import type { BasePath } from "./base-path.js";
import type { Configuration } from "./configuration.js";
import { lineOfPage } from "./page-line.js";

interface TemplateContext {
  readonly configuration: Configuration;
  readonly streams: StreamParts;
  readonly models: Models;
  readonly pages: RenderContexts;
  readonly assets: Assets;
  readonly basePath: BasePath;
  hint(message: string): void;
  onError(message: string, error: unknown): void;
}

/** Everything that renders. */
export interface TemplateParts {
  readonly environment: Environment;
  readonly components: Components;
  readonly html: HtmlMaker;
}

/** Gives the Nunjucks environment the library's tags, components and globals. */
export function assembleTemplates(context: TemplateContext): TemplateParts {
  const { configuration, streams, models, pages, assets, basePath, hint, onError } = context;
  const { development, templates, components: folders, typeIsTopic, swapStyles } = configuration;
  const environment =
    configuration.environment ?? createEnvironment({ templates: [...templates, ...folders], development });
  const makeSafe = safeStringMaker(environment);
  const streamTags = new StreamTags({
    streams,
    typeIsTopic,
    swapStyles,
    makeSafe,
    line: () => lineOfPage(pages.current, configuration.htmx),
    onConnection: () => warnOfConnections(pages.current, assets.isShared ? () => {} : hint),
  });
  const components = new Components({
    environment,
    makeSafe,
    folders,
    development,
    kit: streamTags.prepare,
    propsOf: (value) => models.propsOf(value),
    warn: (message) => configuration.logger.warn(message),
    onError: (error) => onError("a template failed after its rendering ended", error),
  });
  addGlobals(environment, {
    streams,
    components,
    scripts: (scriptOptions) => {
      const page = pages.current;
      if (page !== undefined) {
        page.hasScripts = true;
        page.htmx = lineOf(scriptOptions.htmx) ?? configuration.htmx;
      }
      const tags = assets.tags(page?.basePath ?? basePath.fixed, scriptOptions);
      return components.renderKitTemplate("scripts.njk", tags);
    },
  });
  return { environment, components, html: new HtmlMaker(makeSafe) };
}
