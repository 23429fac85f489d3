// node --import tsx bench/template-guard.ts: the cost of the guards that make promises in templates errors.
//
// One page of plain Nunjucks, without a tag of the library, is rendered in an environment of Nunjucks alone and in one
// that mercure(app) guards: a list of fifty items, each with three values, a member of an object and a condition. Both
// take turns in eleven rounds of 500 pages. The ratio is the median of the ratios of the rounds, by CPU time.

import express from "express";
import nunjucks from "nunjucks";
import { mercure } from "../src/index.js";

const rounds = 11;
const pages = 500;
const template =
  "{% for item in items %}<li>{{ item.id }} {{ item.name }} {{ item.owner.name }}" +
  "{% if item.isDone %} done{% endif %}</li>{% endfor %}";
const items = Array.from({ length: 50 }, (_, id) => ({ id, name: `<${id}>`, owner: { name: "ada" }, isDone: id % 2 }));

function environment(): nunjucks.Environment {
  return new nunjucks.Environment(null, { autoescape: true });
}

/** Returns the CPU time of a page, in microseconds. */
function cost(template: nunjucks.Template): number {
  const before = process.cpuUsage();
  for (let i = 0; i < pages; i++) template.render({ items });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / pages;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;
}

// The guard belongs to the copy of Nunjucks, so the plain template must be compiled first.
const plain = new nunjucks.Template(template, environment(), "plain", true);
const own = environment();
const kit = mercure(express(), { environment: own, secret: "0123456789abcdef0123456789abcdef" });
const guarded = new nunjucks.Template(template, own, "guarded", true);
for (const each of [plain, guarded]) cost(each);
const results = Array.from({ length: rounds }, () => ({ plain: cost(plain), guarded: cost(guarded) }));
await kit.close();

const of = (name: "plain" | "guarded") => median(results.map((round) => round[name]));
const ratio = median(results.map((round) => round.guarded / round.plain));
console.log(`plain ${of("plain").toFixed(0)} µs, guarded ${of("guarded").toFixed(0)} µs, ratio ${ratio.toFixed(2)}`);
