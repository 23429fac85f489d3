import assert from "node:assert/strict";
import { test } from "node:test";
import { fixture } from "./fixture.js";

test("MercureStatus is a live region with its texts, and takes the author's", (t) => {
  const kit = fixture(t, { files: { "templates/page.njk": "" } });
  const texts = 'data-restored="Up to date again" data-ended="This page is no longer live." data-reload="Reload"';
  assert.equal(
    String(kit.environment.renderString("<% MercureStatus %>", {})).trim(),
    `<div class="mercure-status" role="status" data-reconnecting="Reconnecting…" ${texts}></div>`,
  );
  assert.equal(
    String(
      kit.environment.renderString(
        '<% MercureStatus tag="p" class_="x" reconnecting="<Moment>" restored="" ended="Ende" reload="Neu" id="y" %>',
        {},
      ),
    ).trim(),
    '<p class="mercure-status x" role="status" data-reconnecting="&lt;Moment&gt;" data-restored="" data-ended="Ende" ' +
      'data-reload="Neu" id="y"></p>',
  );
});
