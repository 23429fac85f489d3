import assert from "node:assert/strict";
import { rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import nunjucks from "nunjucks";
import { createEnvironment } from "../../src/nunjucks/environment.js";
import { applicationEnvironment, fixture } from "./fixture.js";

describe("a component", () => {
  test("is a tag, render(), components.Name() and {{ components.Name() }}, with equal output", (t) => {
    const kit = fixture(t, {
      files: {
        "components/ChatMessage.njk": '<p id="{{ id }}">{{ text }}</p>\n',
        "templates/page.njk":
          "<% ChatMessage id=1 text='<' %>{{ components.ChatMessage({ id: 1, text: '<' }) }}{{ components.ChatMessage(id=1, text='<') }}",
      },
    });
    const html = '<p id="1">&lt;</p>';
    assert.equal(String(kit.components.render("ChatMessage", { id: 1, text: "<" })), html);
    assert.equal(String(kit.components.namespace.ChatMessage!({ id: 1, text: "<" })), html);
    assert.equal(kit.render("page.njk"), html.repeat(3));
  });

  test("is isolated from the caller's variables, and sees globals", (t) => {
    const kit = fixture(t, {
      files: {
        "components/Isolated.njk": "[{{ secret }}{{ loop.index }}{{ site }}]",
        "templates/page.njk": "<% set secret = 's' %><% for x in [1] %><% Isolated %><% endfor %>",
      },
    });
    kit.environment.addGlobal("site", "Site");
    assert.equal(kit.render("page.njk", { secret: "s" }), "[Site]");
  });

  test("sees whether it has an end tag, and has no children without one", (t) => {
    const kit = fixture(t, {
      files: {
        "components/Box.njk": "<% if children %>({{ children }})<% else %>none<% endif %>",
        "templates/page.njk": "<% Box %> <% Box %><% endBox %>",
      },
    });
    assert.equal(kit.render("page.njk"), "none ()");
  });

  test("evaluates its children where it prints them, once, and only then", (t) => {
    const kit = fixture(t, {
      files: {
        "components/Twice.njk": "{{ children }}{{ children }}",
        "components/Never.njk": "",
        "templates/page.njk": "<% Twice %>{{ count() }}<% endTwice %><% Never %>{{ count() }}<% endNever %>",
      },
    });
    let counted = 0;
    assert.equal(kit.render("page.njk", { count: () => ++counted }), "11");
    assert.equal(counted, 1);
  });

  test("keeps the fields of a model object out of the attributes", (t) => {
    class User {
      name = "Ada";
      password = "secret";
      get initial() {
        return this.name[0];
      }
    }
    const kit = fixture(t, { files: { "components/User.njk": "<i {{ attributes }}>{{ initial }}: {{ name }}</i>" } });
    assert.equal(String(kit.components.render("User", new User())), "<i >A: Ada</i>");
  });

  test("reports the nearest names when it is missing", (t) => {
    const kit = fixture(t, { files: { "components/ChatMessage.njk": "" } });
    const expected = {
      code: "ERR_COMPONENT",
      message: /component "ChatMesage" does not exist in .*components\. Did you mean "ChatMessage"\?/,
    };
    assert.throws(() => kit.components.render("ChatMesage"), expected);
    assert.throws(() => kit.components.namespace.ChatMesage!(), expected);
  });

  test("stands in a folder behind a link, even if links lead in a circle", (t) => {
    const kit = fixture(t, { files: { "shared/Linked.njk": "linked", "components/Own.njk": "<% Linked %>" } });
    symlinkSync(join(kit.folder, "shared"), join(kit.folder, "components/shared"));
    symlinkSync(join(kit.folder, "components"), join(kit.folder, "shared/circle"));
    symlinkSync(join(kit.folder, "nowhere"), join(kit.folder, "components/dangling"));
    assert.equal(kit.components.render("Own").toString(), "linked");
  });

  test("can begin with a capital of any script, composed or not", (t) => {
    const decomposed = "Äpfel".normalize("NFD");
    const files = {
      [`components/${decomposed}.njk`]: "apples{{ children }}",
      "components/Жук.njk": "beetle",
      "templates/page.njk": "<% Äpfel %>, red<% endÄpfel %>",
    };
    const kit = fixture(t, { files });
    assert.equal(kit.render("page.njk").trim(), "apples, red");
    assert.equal(kit.components.render("Äpfel").toString(), "apples");
    assert.equal(kit.components.render(decomposed).toString(), "apples");
    assert.equal(kit.components.namespace.Жук!().toString(), "beetle");
    for (const [start, end] of [
      [decomposed, decomposed],
      [decomposed, "Äpfel"],
      ["Äpfel", decomposed],
    ]) {
      const source = `<% ${start} %>, red<% end${end} %>`;
      assert.equal(kit.environment.renderString(source, {}), "apples, red");
    }
  });

  test("can begin with a letter of a script without capitals", (t) => {
    const files = { "components/日本.njk": "<b>{{ children }}</b>", "templates/page.njk": "<% 日本 %>!<% end日本 %>" };
    const kit = fixture(t, { files });
    assert.equal(kit.render("page.njk").trim(), "<b>!</b>");
    assert.equal(kit.components.namespace.日本!().toString(), "<b></b>");
  });

  test("tells why a file with a hyphen in its name is not a component", (t) => {
    const kit = fixture(t, { files: { "components/Foo-Bar.njk": "", "page.njk": "" } });
    for (const name of ["Foo", "Foo-Bar"]) {
      assert.throws(() => kit.components.render(name), {
        code: "ERR_COMPONENT",
        message:
          /Rename .*Foo-Bar\.njk to FooBar\.njk: a component's name can contain only letters, digits and underscores/,
      });
    }
  });

  test("is announced once, with the right name, when its file name cannot be a tag", (t) => {
    const names = ["Foo-Bar", "Card.item-2", "Äpfel mus", "Fine_2", "partial-x"];
    for (const development of [true, false]) {
      const files = Object.fromEntries(names.map((name) => [`components/sub/${name}.njk`, ""]));
      const kit = fixture(t, { files: { ...files, "components/Fine.njk": "fine", "page.njk": "" }, development });
      assert.deepEqual(
        kit.warnings.map((warning) => /Rename .*\/(.*)\.njk to (.*)\.njk: a component's name/.exec(warning)?.slice(1)),
        [
          ["Card.item-2", "CardItem2"],
          ["Foo-Bar", "FooBar"],
          ["Äpfel mus", "ÄpfelMus"],
        ],
      );
      for (const warning of kit.warnings)
        assert.match(warning, /is not a component, because templates cannot write its name/);
      const { length } = kit.warnings;
      assert.equal(kit.components.render("Fine").toString(), "fine");
      assert.ok(kit.components.names.includes("Fine_2"));
      assert.equal(kit.warnings.length, length);
      kit.write("components/New-One.njk", "");
      assert.ok(kit.components.has("Fine"));
      assert.ok(kit.components.names.length > 0);
      assert.equal(kit.warnings.length, development ? length + 1 : length);
    }
  });

  test("prints missing children as nothing under throwOnUndefined, and rejects other missing values", (t) => {
    const kit = fixture(t, {
      files: { "components/Box.njk": "[{{ children }}]", "components/Typo.njk": "{{ nmae }}" },
      environment: (folder) =>
        new nunjucks.Environment(new nunjucks.FileSystemLoader(join(folder, "components")), { throwOnUndefined: true }),
    });
    assert.equal(kit.components.render("Box").toString(), "[]");
    assert.throws(() => kit.components.render("Typo"));
  });

  test("reports both paths when it exists twice", (t) => {
    assert.throws(
      () => fixture(t, { files: { "components/a/Twin.njk": "", "components/b/Twin.njk": "" } }),
      (error: Error) => /"Twin" exists twice: .*a\/Twin\.njk and .*b\/Twin\.njk/.test(error.message),
    );
  });

  test("reports the chain when it includes itself endlessly", (t) => {
    const kit = fixture(t, {
      files: { "components/Ping.njk": "<% Pong %>", "components/Pong.njk": "<% Ping %>" },
    });
    assert.throws(() => kit.components.render("Ping"), {
      code: "ERR_COMPONENT",
      message: /includes itself endlessly: … → .*Ping → Pong → Ping/,
    });
    assert.throws(() => kit.components.render("Ping"), { code: "ERR_COMPONENT" }, "the count starts again");
  });

  test("can include itself with an end", (t) => {
    const kit = fixture(t, {
      files: { "components/Tree.njk": "({{ n.v }}<% for c in n.c %><% Tree n=c %><% endfor %>)" },
    });
    const deep = (v: number): object => ({ v, c: v === 0 ? [] : [deep(v - 1)] });
    assert.match(String(kit.components.render("Tree", { n: deep(100) })), /^\(100\(99/);
  });

  test("rejects an object in place of its properties, with advice", (t) => {
    const kit = fixture(t, { files: { "components/Card.njk": "" } });
    for (const props of [null, "x", 1]) {
      assert.throws(() => kit.components.render("Card", props as unknown as object), { code: "ERR_COMPONENT" });
    }
  });

  test("rejects asynchronous work, with advice", (t) => {
    const kit = fixture(t, { files: { "components/Late.njk": "{{ 1 | later }}" } });
    kit.environment.addFilter("later", (value, callback) => setImmediate(callback, null, value), true);
    assert.throws(() => kit.components.render("Late"), { code: "ERR_COMPONENT", message: /renders asynchronously/ });
  });

  test("of the library can be overridden by the application, and gets the documented variables", (t) => {
    const kit = fixture(t, {
      files: {
        "components/MercureStream.njk":
          "{{ url }} {{ event }} {{ swap }} {{ tag }} {{ topics | join }} {{ auto_scroll }} {{ attributes }} {{ children }}",
        "templates/page.njk": "<% MercureStream topic='a' data-x=1 tag='ul' %>c<% endMercureStream %>",
      },
    });
    assert.equal(
      kit.render("page.njk"),
      '/.well-known/mercure?topic=a&amp;lastEventID=%23cursor message beforeend ul a false data-x="1" c',
    );
  });
});

describe("in development", () => {
  test("renders a changed, a new and a removed component at the next request", (t) => {
    const kit = fixture(t, { files: { "components/Card.njk": "one", "templates/page.njk": "<% Card %>" } });
    assert.equal(kit.render("page.njk"), "one");
    kit.write("components/Card.njk", "two, changed");
    assert.equal(kit.render("page.njk"), "two, changed");
    kit.write("components/New.njk", "new");
    kit.write("templates/page.njk", "<% New %>");
    assert.equal(kit.render("page.njk"), "new");
    rmSync(join(kit.folder, "components/New.njk"));
    assert.throws(() => kit.components.render("New"), { code: "ERR_COMPONENT" });
  });
});

describe("in production", () => {
  test("compiles a component once", (t) => {
    const kit = fixture(t, { files: { "components/Card.njk": "one" }, development: false });
    assert.equal(String(kit.components.render("Card")), "one");
    kit.write("components/Card.njk", "two");
    assert.equal(String(kit.components.render("Card")), "one");
  });
});

describe("an application's environment", () => {
  test("can come from another copy of Nunjucks, with safe strings of its own", (t) => {
    const require = createRequire(import.meta.url);
    const loaded = Object.keys(require.cache).filter((path) => path.includes("/node_modules/nunjucks/"));
    for (const path of loaded) delete require.cache[path];
    const copy = require("nunjucks") as typeof nunjucks;
    assert.notEqual(copy, nunjucks);
    const kit = fixture(t, {
      files: {
        "components/Card.njk": "<b>{{ children }}</b>",
        "templates/page.njk": "{% Card %}{{ components.Card() }}<i>{{ '<' }}</i>{% endCard %}",
      },
      environment: (folder) =>
        new copy.Environment(new copy.FileSystemLoader([`${folder}/templates`]), { autoescape: true }),
    });
    assert.equal(kit.render("page.njk"), "<b><b></b><i>&lt;</i></b>");
  });

  test("must autoescape", (t) => {
    assert.throws(() => fixture(t, { environment: () => new nunjucks.Environment(null, { autoescape: false }) }), {
      code: "ERR_OPTION",
      message: /must autoescape/,
    });
  });

  test("belongs to one kit", (t) => {
    const shared = createEnvironment({ templates: [], development: false });
    fixture(t, { environment: () => shared });
    assert.throws(() => fixture(t, { environment: () => shared }), { code: "ERR_OPTION" });
  });

  test("reports the original error through Nunjucks' copies of its message, however deep", (t) => {
    const kit = fixture(t, {
      files: {
        "components/A.njk": "{% B %}",
        "components/B.njk": "{% MercureStream topic=missing %}",
        "templates/page.njk": "{% include 'part.njk' %}",
        "templates/part.njk": "{% A %}",
      },
      environment: (folder) => applicationEnvironment(folder),
    });
    assert.throws(() => kit.render("page.njk"), { code: "ERR_TOPIC", line: 1, column: 4 });
  });
});
