import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { app, heard, holdUp, onBothLines, signIn, visit, write } from "./example-app.js";

/** The link to the page of people, in the bar. */
const peopleLink = (page: Page, name: string) =>
  page.getByRole("navigation").getByRole("link", { name, exact: true }).waitFor();

const row = (page: Page, name: string) => page.getByRole("listitem").filter({ hasText: name });

/** Signs people in, each in a browser of their own. */
async function signInAll(...names: string[]): Promise<Page[]> {
  const pages: Page[] = [];
  for (const name of names) {
    const page = await visit("/people");
    await signIn(page, name);
    pages.push(page);
  }
  return pages;
}

async function openConversation(page: Page, name: string): Promise<void> {
  await page.goto(`${app.url}/people`);
  await page.getByRole("link", { name }).click();
  await page.getByRole("heading", { name }).waitFor();
}

async function openWindow(page: Page, path: string): Promise<Page> {
  const window = await page.context().newPage();
  await window.goto(app.url + path);
  return window;
}

onBothLines(() => {
  describe("private messages that their reader has not seen", () => {
    test("count in the bar of every page and in the row of their author, until the conversation is opened", async () => {
      const [ada, grace] = (await signInAll("Ada elsewhere", "Grace who writes")) as [Page, Page];
      const windows = [ada];
      for (const path of ["/", "/todos", "/dashboard"]) windows.push(await openWindow(ada, path));
      await openConversation(grace, "Ada elsewhere");
      await write(grace, "Are you there?");
      await write(grace, "It is about the cards.");

      for (const window of windows) await peopleLink(window, "People 2 unread");
      await row(ada, "Grace who writes").getByText("2 unread").waitFor();
      await ada.reload();
      await peopleLink(ada, "People 2 unread");
      await row(ada, "Grace who writes").getByText("2 unread").waitFor();

      await ada.getByRole("link", { name: "Grace who writes" }).click();
      await heard(ada, "It is about the cards.");
      for (const window of windows) await peopleLink(window, "People");
      await ada.goto(`${app.url}/people`);
      await row(ada, "Grace who writes").getByText("Grace who writes: It is about the cards.").waitFor();
      assert.equal(await row(ada, "Grace who writes").getByText("unread").isVisible(), false);
    });

    test("leave out those that arrive in an open conversation", async () => {
      const [ada, grace, alan] = (await signInAll("Ada who reads", "Grace beside her", "Alan far away")) as [
        Page,
        Page,
        Page,
      ];
      await openConversation(ada, "Grace beside her");
      const people = await openWindow(ada, "/people");
      await openConversation(grace, "Ada who reads");
      await write(grace, "You see this");
      await heard(ada, "You see this");
      await openConversation(alan, "Ada who reads");
      await write(alan, "And this later");

      await peopleLink(people, "People 1 unread");
      await row(people, "Alan far away").getByText("1 unread").waitFor();
      await row(people, "Grace beside her").getByText("Grace beside her: You see this").waitFor();
      assert.equal(await row(people, "Grace beside her").getByText("unread").isVisible(), false);
    });

    test("are seen when a stream opens that brings them", async () => {
      const [ada, grace] = (await signInAll("Ada in between", "Grace in between")) as [Page, Page];
      await openConversation(grace, "Ada in between");
      // Another browser of the same person, which shares no connection.
      const chat = await visit("/", { storageState: await ada.context().storageState() });
      const { release, waiting } = await holdUp(ada, "/.well-known/mercure{?*,/streams}");
      await ada.getByRole("link", { name: "Grace in between" }).click();
      await waiting;
      await write(grace, "After the page and before its stream");
      await peopleLink(chat, "People 1 unread");
      release();
      await heard(ada, "After the page and before its stream");
      await peopleLink(chat, "People");
    });

    test("stay in the list while their author is away, and go when their author signs out", async () => {
      const [ada, grace] = (await signInAll("Ada who waits", "Grace who goes")) as [Page, Page];
      await openConversation(grace, "Ada who waits");
      await write(grace, "Until later");
      await grace.goto("about:blank");
      const away = row(ada, "Grace who goes");
      await away.getByText("away", { exact: true }).waitFor();
      await away.getByText("1 unread").waitFor();
      await ada.getByRole("status").getByText("Nobody else is here.").waitFor();

      await grace.goto(`${app.url}/people`);
      await grace.getByRole("button", { name: "Sign out" }).click();
      await peopleLink(ada, "People");
      await away.waitFor({ state: "detached" });
    });
  });
});
