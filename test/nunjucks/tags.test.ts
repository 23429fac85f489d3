import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Extension } from "nunjucks";
import type { Nodes, Parser } from "../../src/nunjucks/internals.js";
import { applicationEnvironment, fixture } from "./fixture.js";

const card = '<div class="card"><b>{{ title }}</b>{{ children }}</div>';

/** The delimiters under test: the library's, Nunjucks' own, and unusual ones. */
const delimiters = {
  "<% %>": undefined,
  "{% %}": {},
  "<< >>": { blockStart: "<<", blockEnd: ">>" },
  "[% %] with [[ ]]": { blockStart: "[%", blockEnd: "%]", variableStart: "[[", variableEnd: "]]" },
  "<{ }>": { blockStart: "<{", blockEnd: "}>" },
};

for (const [name, tags] of Object.entries(delimiters)) {
  const start = tags === undefined ? "<%" : ((tags as { blockStart?: string }).blockStart ?? "{%");
  const end = tags === undefined ? "%>" : ((tags as { blockEnd?: string }).blockEnd ?? "%}");
  const print = (tags as { variableStart?: string } | undefined)?.variableStart === "[[" ? ["[[", "]]"] : ["{{", "}}"];

  /** Writes a template of `<% %>` and `{{ }}` with the delimiters under test. */
  const write = (source: string) =>
    source
      .replaceAll("{{", "\u0001")
      .replaceAll("}}", "\u0002")
      .replaceAll("<%", start)
      .replaceAll("%>", end)
      .replaceAll("\u0001", print[0]!)
      .replaceAll("\u0002", print[1]!);

  describe(`tags between ${name}`, () => {
    const cases: [what: string, files: Record<string, string>, context: object, expected: string][] = [
      ["without children", { page: '<% Card title="A" %>!' }, {}, '<div class="card"><b>A</b></div>!'],
      ["with children", { page: '<% Card title="A" %>x<% endCard %>!' }, {}, '<div class="card"><b>A</b>x</div>!'],
      ["with commas", { page: '<% Card title="A", class="b" %>' }, {}, '<div class="card"><b>A</b></div>'],
      [
        "over several lines",
        { page: '<% Card\n  title="A"\n%>x<%\nendCard\n%>' },
        {},
        '<div class="card"><b>A</b>x</div>',
      ],
      [
        "trimming white space",
        { page: 'a <%- Card title="A" -%> x <%- endCard -%> b' },
        {},
        'a<div class="card"><b>A</b>x</div>b',
      ],
      [
        "in a loop",
        { page: "<% for m in ms %><% Card title=m %>{{ loop.index }}<% endCard %><% endfor %>" },
        { ms: ["A", "B"] },
        '<div class="card"><b>A</b>1</div><div class="card"><b>B</b>2</div>',
      ],
      [
        "in a macro",
        { page: "<% macro m(t) %><% Card title=t %>{{ t }}<% endCard %><% endmacro %>{{ m('A') }}" },
        {},
        '<div class="card"><b>A</b>A</div>',
      ],
      [
        "in an imported macro",
        {
          page: "<% import 'macros.njk' as macros %>{{ macros.m('A') }}",
          macros: "<% macro m(t) %><% Card title=t %>{{ t }}<% endCard %><% endmacro %>",
        },
        {},
        '<div class="card"><b>A</b>A</div>',
      ],
      [
        "in an include",
        { page: "<% include 'part.njk' %>", part: "<% Card title=t %>{{ t }}<% endCard %>" },
        { t: "A" },
        '<div class="card"><b>A</b>A</div>',
      ],
      [
        "around a block, with super()",
        {
          page: "<% extends 'base.njk' %><% block inner %>new, {{ super() }}<% endblock %>",
          base: "<% Card title='A' %><% block inner %>old<% endblock %><% endCard %>",
        },
        {},
        '<div class="card"><b>A</b>new, old</div>',
      ],
      [
        "within an overriding block, with super() among the children",
        {
          page: "<% extends 'base.njk' %><% block main %><% Card title='A' %>{{ super() }}<% endCard %><% endblock %>",
          base: "<main><% block main %>old<% endblock %></main>",
        },
        {},
        '<main><div class="card"><b>A</b>old</div></main>',
      ],
      [
        "within each other, an end tag closing the nearest",
        { page: "<% Card title='A' %><% Card title='B' %>x<% endCard %>" },
        {},
        '<div class="card"><b>A</b></div><div class="card"><b>B</b>x</div>',
      ],
      [
        "within another component's file",
        { page: "<% Outer %>x<% endOuter %>" },
        {},
        '<p><div class="card"><b>inner</b>x</div></p>',
      ],
      [
        "in branches, each on its own",
        { page: "<% if yes %><% Card title='A' %><% else %><% Card title='B' %>x<% endCard %><% endif %>" },
        { yes: true },
        '<div class="card"><b>A</b></div>',
      ],
      [
        "beside raw text",
        { page: "<% raw %>{{ x }}<% Card %><% endraw %>\n<% Card title='A' %>" },
        {},
        `${write("{{ x }}<% Card %>")}\n<div class="card"><b>A</b></div>`,
      ],
      [
        "beside nested raw text and verbatim",
        { page: "<% verbatim %>a<% endverbatim %><% raw %><% raw %>b<% endraw %><% endraw %>" },
        {},
        `a${write("<% raw %>b<% endraw %>")}`,
      ],
      ["in comments, as text", { page: "{# <% Crad %> #}ok" }, {}, "ok"],
      ["in strings, as text", { page: "{{ '<% Crad %>' | safe }}" }, {}, write("<% Crad %>")],
      [
        "with a string that holds the end of a block",
        { page: "<% Card title='a %> b' %>" },
        {},
        `<div class="card"><b>${write("a %> b").replaceAll(">", "&gt;").replaceAll("<", "&lt;")}</b></div>`,
      ],
    ];
    for (const [what, files, context, expected] of cases) {
      test(what, (t) => {
        const paths = Object.entries(files).map(([file, source]) => [`templates/${file}.njk`, write(source)]);
        const kit = fixture(t, {
          files: {
            ...Object.fromEntries(paths),
            "components/Card.njk": write(card),
            "components/deep/er/Outer.njk": write("<p><% Card title='inner' %>{{ children }}<% endCard %></p>"),
          },
          ...(tags === undefined ? {} : { environment: (folder: string) => applicationEnvironment(folder, tags) }),
        });
        assert.equal(kit.render("page.njk", context), expected);
      });
    }
  });
}

describe("a tag's properties", () => {
  const prints = "{{ a }}|{{ b }}|{{ attributes }}";
  const cases: [props: string, expected: string][] = [
    ["", "||"],
    ["a=1 b=2", "1|2|"],
    ["a=1, b=2,", "1|2|"],
    ["a = 1 b= 2", "1|2|"],
    ["a", "true||"],
    ["a b=2", "true|2|"],
    ["a=x.y b=z[0]", "Y|Z|"],
    ["a=f(1, 2) b=2", "3|2|"],
    ["a=x.y | lower b='q'", "y|q|"],
    ["a=1 if yes else 2 b=3", "1|3|"],
    ["a=1 - 2 b=3", "-1|3|"],
    ["a=-1 b=3", "-1|3|"],
    ["a=not yes b=yes and 5", "false|5|"],
    ["a='x' in ['x'] b", "true|true|"],
    ["a={ k: 'v' }.k b=[1, 2] | join('-')", "v|1-2|"],
    ["a=1, if-x=2", '1||if-x="2"'],
    ["a=1, (b)=2", "error"],
    ["aria-label='A' a=1", '1||aria-label="A"'],
    ["hx-on:click='x()' a=1", '1||hx-on:click="x()"'],
    ["x-on:click.prevent='x' @y=1", '||x-on:click.prevent="x" @y="1"'],
    ["aria-hidden=false data-x=true hx-boost=false", '||aria-hidden="false" data-x="true" hx-boost="false"'],
    ["disabled checked=true hidden=false", "||disabled checked"],
    ["title=none lang=null dir=missing", "||"],
    ["hx_vals={ k: '<\"' }", '||hx-vals="{&quot;k&quot;:&quot;&lt;\\&quot;&quot;}"'],
    ["class_='c' for_='f'", '||class="c" for="f"'],
    ["value='\"><script>'", '||value="&quot;&gt;&lt;script&gt;"'],
    ["value='&amp;<\"' | safe", '||value="&amp;&lt;&quot;"'],
  ];
  for (const [props, expected] of cases) {
    test(`<% Show ${props} %>`, (t) => {
      const kit = fixture(t, {
        files: { "templates/page.njk": `<% Show ${props} %>`, "components/Show.njk": prints },
      });
      const context = { x: { y: "Y" }, z: ["Z"], yes: true, f: (m: number, n: number) => m + n };
      if (expected === "error") assert.throws(() => kit.render("page.njk", context));
      else assert.equal(kit.render("page.njk", context), expected);
    });
  }
});

describe("a mistake in a template is an error with its place", () => {
  const cases: [source: string, code: string, message: RegExp, place: [line: number, column: number]][] = [
    [
      "\n <% Crad %>",
      "ERR_COMPONENT",
      /component "Crad" does not exist in .*components\. Did you mean "Card"\?/,
      [2, 5],
    ],
    ["a\nb <% endCard %>", "ERR_TEMPLATE", /"endCard" has no matching/, [2, 6]],
    ["<% Card %><% if x %><% endCard %><% endif %>", "ERR_TEMPLATE", /"Card" of line 1 inside "if"/, [1, 24]],
    ["<% Card a=b -c %>", "ERR_TEMPLATE", /"-" continues the expression/, [1, 13]],
    ["<% Card a=b (c) %>", "ERR_TEMPLATE", /"\(" continues the expression/, [1, 13]],
    ["<% Card a=b [c] %>", "ERR_TEMPLATE", /"\[" continues the expression/, [1, 13]],
    ["<% Card a=b if-c %>", "ERR_TEMPLATE", /Put a comma before "if-/, [1, 13]],
    ['<% Card a=b in="c" %>', "ERR_TEMPLATE", /Put a comma before "in=/, [1, 13]],
    ["<% Card a=1 a=2 %>", "ERR_TEMPLATE", /"a" appears twice/, [1, 13]],
    ["<% Card class=1 class_=2 %>", "ERR_TEMPLATE", /"class_" appears twice/, [1, 17]],
    ['<% Card "x" %>', "ERR_TEMPLATE", /name was expected, not "x"/, [1, 9]],
    ["<% raw %>", "ERR_TEMPLATE", /"endraw" is missing/, [1, 4]],
    ["{# ", "ERR_TEMPLATE", /expected end of comment/, [1, 1]],
    ["<% MercureStream %>", "ERR_TEMPLATE", /needs a topic/, [1, 4]],
    ["<% MercureStream topic=messages %>", "ERR_TOPIC", /topic is undefined.*quotes/, [1, 4]],
    ['<% MercureStream topic="" %>', "ERR_TOPIC", /empty/, [1, 4]],
    ["<% MercureStream topic=[] %>", "ERR_TOPIC", /list of topics is empty/, [1, 4]],
    ["<% MercureStreamContext %><% endMercureStreamContext %>", "ERR_TEMPLATE", /needs topics, such as/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="inerHTML" %>', "ERR_TEMPLATE", /Did you mean "innerHTML"/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="outerHTML" %>', "ERR_TEMPLATE", /would remove the stream/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="delete" %>', "ERR_TEMPLATE", /would remove the stream/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="morph" %>', "ERR_TEMPLATE", /would remove the stream/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="morph:outerHTML" %>', "ERR_TEMPLATE", /would remove the stream/, [1, 4]],
    ['<% MercureStream topic="a" hx_swap="beforeend swp:1s" %>', "ERR_TEMPLATE", /not a modifier/, [1, 4]],
    ['<% MercureStream topic="a" type="error" %>', "ERR_TEMPLATE", /reserved for an EventSource/, [1, 4]],
    ['<% MercureStream topic="a" type="open" %>', "ERR_TEMPLATE", /reserved for an EventSource/, [1, 4]],
    ['<% MercureStream topic="a" type="a,b" %>', "ERR_TEMPLATE", /comma/, [1, 4]],
    ['<% MercureStream topic="a" type="a\\nb" %>', "ERR_TEMPLATE", /line break/, [1, 4]],
    ['<% MercureStream topic="a" type=" a" %>', "ERR_TEMPLATE", /white space/, [1, 4]],
    ['<% MercureStream topic="a" type=missing %>', "ERR_TEMPLATE", /type is undefined/, [1, 4]],
    ['<% MercureStream topic="a" tag="script" %>', "ERR_TEMPLATE", /not an element/, [1, 4]],
    ['<% MercureStream topic="a" private="yes" %>', "ERR_TEMPLATE", /private is "yes"/, [1, 4]],
    [
      '<% MercureStreamContext topics=["a"] type="a" %><% endMercureStreamContext %>',
      "ERR_TEMPLATE",
      /Move type to a MercureStream/,
      [1, 4],
    ],
    ['<% MercureStreamContext topics=["a"] %>', "ERR_TEMPLATE", /endMercureStreamContext missing/, [1, 4]],
    ['<% MercureStream topic="a" privat %>', "ERR_TEMPLATE", /no property "privat". Did you mean "private"/, [1, 4]],
    ['<% MercureStream topic="a" autoscroll %>', "ERR_TEMPLATE", /Did you mean "auto_scroll"/, [1, 4]],
    ['<% MercureStream topics="a" %>', "ERR_TEMPLATE", /no property "topics". Did you mean "topic"/, [1, 4]],
    ['<% MercureStream topic="a %>\nmore', "ERR_TEMPLATE", /is not closed: "%>" or a quotation mark/, [1, 4]],
    ['<% MercureStream topic="user/" ~ missing private %>', "ERR_TOPIC", /contains undefined/, [1, 4]],
    ["<% mercureStream %>", "ERR_TEMPLATE", /Did you mean "MercureStream"\?/, [1, 4]],
    ["<% Card %><% endcard %>", "ERR_TEMPLATE", /Did you mean "endCard"\?/, [1, 14]],
    ["<% Card a=) %>", "ERR_TEMPLATE", /unexpected token: \)/, [1, 11]],
    ['<% MercureStream type="a" private %>', "ERR_TEMPLATE", /private needs a topic/, [1, 4]],
    ['<% MercureStream topic="a" swap="innerHTML" %>', "ERR_TEMPLATE", /Did you mean "hx_swap"/, [1, 4]],
    ['<% MercureStream topic="a" with_presence %>', "ERR_TEMPLATE", /to a MercureStreamContext around/, [1, 4]],
    [
      '<% MercurePresence topic="a" hx_get="/" hx_triger="load" %>',
      "ERR_TEMPLATE",
      /Did you mean "hx_trigger"/,
      [1, 4],
    ],
    ['<% MercureStatus reconnectng="x" %>', "ERR_TEMPLATE", /Did you mean "reconnecting"/, [1, 4]],
    ["<% MercureStream topic=c %>", "ERR_TOPIC", /model object. Check that a name has quotes/, [1, 4]],
  ];
  for (const own of [true, false]) {
    for (const [source, code, message, [line, column]] of cases) {
      test(`${JSON.stringify(source)}, ${own ? "the library's environment" : "an application's"}`, (t) => {
        const kit = fixture(t, {
          files: { "templates/page.njk": source, "components/Card.njk": card },
          ...(own
            ? {}
            : {
                environment: (folder: string) => applicationEnvironment(folder, { blockStart: "<%", blockEnd: "%>" }),
              }),
        });
        assert.throws(
          () => kit.render("page.njk", { b: 1, c: 2 }),
          (error: Error & { code: string }) => {
            assert.equal(error.code, code);
            assert.match(error.message, message);
            assert.match(error.message, new RegExp(`templates/page\\.njk, line ${line}, column ${column}\\)$`));
            return true;
          },
        );
      });
    }
  }

  test("the place is in the file of the macro, the parent or the component", (t) => {
    const kit = fixture(t, {
      files: {
        "templates/macros.njk": "\n<% macro m() %><% MercureStream topic=missing %><% endmacro %>",
        "templates/uses-macro.njk": "<% from 'macros.njk' import m %>{{ m() }}",
        "templates/base.njk": "\n\n<% Card title=missing.x %><% Crad %>",
        "templates/child.njk": "<% extends 'base.njk' %>",
        "components/Card.njk": card,
        "components/Broken.njk": "\n  <% endCard %>",
        "templates/uses-broken.njk": "<% Broken %>",
      },
    });
    assert.throws(() => kit.render("uses-macro.njk"), /templates\/macros\.njk, line 2, column 19\)/);
    assert.throws(() => kit.render("child.njk"), /templates\/base\.njk, line 3, column 30\)/);
    assert.throws(() => kit.render("uses-broken.njk"), /components\/Broken\.njk, line 2, column 6\)/);
  });

  test("a kit function that fails in a template keeps its code, and gets Nunjucks' place", (t) => {
    for (const environment of [undefined, (folder: string) => applicationEnvironment(folder)]) {
      const kit = fixture(t, {
        files: {
          "templates/page.njk": "\n{{ mercure_hub_url(missing) }}",
          "templates/two.njk": "{{ components.Nope() }}",
        },
        ...(environment && { environment }),
      });
      assert.throws(() => kit.render("page.njk"), { code: "ERR_TOPIC", message: /page\.njk\).*A topic is undefined/s });
      assert.throws(() => kit.render("two.njk"), {
        code: "ERR_COMPONENT",
        message: /two\.njk\).*component "Nope" does not exist/s,
      });
    }
  });

  test("components can have the names of Nunjucks' tags", (t) => {
    const kit = fixture(t, {
      files: { "templates/page.njk": "<% set x = 1 %><% if x %><% Set %><% endif %>", "components/Set.njk": "set" },
    });
    assert.equal(kit.render("page.njk"), "set");
  });

  test("lines keep their numbers after raw text", (t) => {
    const kit = fixture(t, { files: { "templates/page.njk": "<% raw %>\n\n<% endraw %>\n<% Crad %>" } });
    assert.throws(() => kit.render("page.njk"), /line 4, column 4\)/);
  });
});

test("several environments coexist in one process, each with its components and delimiters", (t) => {
  const one = fixture(t, { files: { "templates/page.njk": "<% Card %>", "components/Card.njk": "one" } });
  const two = fixture(t, {
    files: { "templates/page.njk": "{% Card %}", "components/Card.njk": "two" },
    environment: (folder) => applicationEnvironment(folder),
  });
  assert.equal(one.render("page.njk"), "one");
  assert.equal(two.render("page.njk"), "two");
  assert.equal(one.render("page.njk"), "one");
});

test("tags of an application's own extensions stay theirs", (t) => {
  const kit = fixture(t, {
    files: { "templates/page.njk": "{% Shout %}{% Card %}", "components/Card.njk": "card" },
    environment: (folder) => {
      const environment = applicationEnvironment(folder);
      const shout = {
        tags: ["Shout"],
        parse(parser: Parser, nodes: Nodes) {
          parser.advanceAfterBlockEnd(parser.nextToken()!.value);
          return new nodes.CallExtension("shout", "run", new nodes.NodeList(0, 0, []), []);
        },
        run: () => "HEY ",
      };
      environment.addExtension("shout", shout as unknown as Extension);
      return environment;
    },
  });
  assert.equal(kit.render("page.njk"), "HEY card");
});

describe("a tag with the delimiters of another environment", () => {
  for (const [blockStart, blockEnd, source, said] of [
    [
      "<%",
      "%>",
      'a\n{% MercureStream topic="a" %}',
      '"{% MercureStream" is text and no tag ($/templates/page.njk, line 2)',
    ],
    ["{%", "%}", "<p><%- Card a=1 %>", '"<%- Card" is text and no tag ($/templates/page.njk, line 1)'],
    [
      "{%",
      "%}",
      "{% if true %}\n\n<% Card %>{% endif %}",
      '"<% Card" is text and no tag ($/templates/page.njk, line 3)',
    ],
    ["<%", "%>", "{% Nothing %}\n{% Card %}", '"{% Card" is text and no tag ($/templates/page.njk, line 2)'],
    ["<%", "%>", "{% Nothing %} {% if %} <% raw %>{% Card %}<% endraw %>", undefined],
  ] as const) {
    test(`is text, with ${said === undefined ? "no warning for other tags" : "a warning"}: ${JSON.stringify(source)}`, (t) => {
      const kit = fixture(t, {
        files: { "templates/page.njk": source, "components/Card.njk": card },
        environment: (folder: string) => applicationEnvironment(folder, { blockStart, blockEnd }),
      });
      kit.render("page.njk", {});
      kit.render("page.njk", {});
      if (said === undefined) assert.deepEqual(kit.warnings, []);
      else {
        assert.equal(kit.warnings.length, 1);
        assert.ok(kit.warnings[0]!.includes(said.replace("$", kit.folder)), kit.warnings[0]);
        assert.ok(kit.warnings[0]!.endsWith(`the tags of this environment begin with "${blockStart}".`));
      }
    });
  }
});
