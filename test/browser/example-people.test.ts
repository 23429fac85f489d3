import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openStream } from "../support/event-stream.js";
import {
  app,
  heard,
  onBothLines,
  post,
  said,
  say,
  seenAt,
  setSeenAt,
  signIn,
  startAgain,
  streamOf,
  until,
  visit,
  write,
} from "./example-app.js";

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

onBothLines(() => {
  describe("people", () => {
    test("three windows of one person count once, and a reload announces nothing", async () => {
      const grace = await visit("/people");
      await signIn(grace, "Grace of the three");
      const ada = await visit("/people");
      await signIn(ada, "Ada of the three");
      const windows = [ada];
      for (const path of ["/", "/todos"]) {
        const window = await ada.context().newPage();
        await window.goto(app.url + path);
        windows.push(window);
      }
      await say(windows[1]!, undefined, "All my windows are open");
      await post("/todos", { title: "All of them" });
      await windows[2]!.getByRole("checkbox", { name: "All of them" }).waitFor();
      const lists: string[] = [];
      grace.on("request", (request) => {
        if (request.url().endsWith("/people/here")) lists.push(request.url());
      });
      await ada.reload();
      await windows[1]!.reload();
      await heard(windows[1]!, "All my windows are open");

      const alan = await visit("/people");
      await signIn(alan, "Alan of the three");
      await alan.getByRole("link", { name: "Ada of the three" }).waitFor();
      await grace.getByRole("link", { name: "Alan of the three" }).waitFor();
      for (const page of [alan, grace]) assert.equal(await page.getByText("Ada of the three").count(), 1);
      // As a guest before signing in, and under the name; both may come with one fetch.
      assert.ok(lists.length <= 3, `${lists.length} fetches for Alan`);
    });

    test("sends a conversation of two people to their windows, and to no stream of a third person", async (t) => {
      const [ada, grace, alan] = [await visit("/people"), await visit("/people"), await visit("/people")];
      await signIn(ada, "Ada in private");
      await signIn(grace, "Grace in private");
      await signIn(alan, "Alan the third");
      await ada.getByRole("link", { name: "Grace in private" }).click();
      await ada.getByRole("heading", { name: "Grace in private" }).waitFor();
      const conversation = new URL(await streamOf(ada, ada.url())).searchParams.get("topic")!;
      assert.match(conversation, /^Conversation\//);

      // The requests that a third person can make: without a token, and with the token of his own page.
      const url = new URL(await streamOf(alan, `${app.url}/people`));
      url.searchParams.append("topic", conversation);
      url.searchParams.append("topic", "*");
      url.searchParams.set("lastEventID", "earliest");
      const wires = [await openStream(t, url.href)];
      url.searchParams.delete("authorization");
      url.searchParams.delete("grant");
      wires.push(await openStream(t, url.href));

      await write(ada, "Nobody else reads this");
      // The list of the other person shows it, with a link.
      await grace.getByText("Ada in private: Nobody else reads this").waitFor();
      await grace.getByRole("link", { name: "Ada in private" }).click();
      await heard(grace, "Nobody else reads this");
      await write(grace, "Nor this");
      await heard(ada, "Nor this");
      assert.deepEqual(await said(ada), await said(grace));

      await post("/messages", { author: "Anybody", text: "This everybody reads" });
      for (const wire of wires) {
        const received: string[] = [];
        while (!received.at(-1)?.includes("This everybody reads")) {
          const event = (await wire.next())!;
          received.push(`${event.event} ${event.data}`);
        }
        assert.doesNotMatch(received.join(), /Nobody else|Nor this|unread/);
      }
      assert.equal(await alan.getByText(/Nobody else|Nor this/).count(), 0);
      const theirs = await alan.context().request.get(ada.url());
      assert.doesNotMatch(await theirs.text(), /Nobody else|Nor this/);
    });

    test("signing out ends the streams of all windows, and their URLs stay ended", async (t) => {
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(ada, "Ada who leaves");
      await signIn(grace, "Grace who stays");
      await grace.getByRole("link", { name: "Ada who leaves" }).click();
      await ada.getByRole("link", { name: "Grace who stays" }).click();
      await write(grace, "Before");
      await heard(ada, "Before");
      const old = await streamOf(ada, ada.url());
      const wire = await openStream(t, old);
      const other = await ada.context().newPage();
      await other.goto(`${app.url}/people`);

      await other.getByRole("button", { name: "Sign out" }).click();
      await other.getByRole("button", { name: "Sign in" }).waitFor();
      // The stream tells the window with the conversation, which then leaves the page.
      await ada.getByRole("button", { name: "Sign in" }).waitFor();
      assert.equal(new URL(ada.url()).pathname, "/people");
      let last: string | undefined;
      for (let event = await wire.next(); event; event = await wire.next()) last = event.event;
      assert.equal(last, "mercure:close");
      // A later request gets the same event at once, for scripts that ignore the status.
      assert.equal((await (await openStream(t, old)).next())?.event, "mercure:close");
      const plain = new URL(old);
      plain.searchParams.delete("grant");
      assert.equal((await openStream(t, plain.href)).response.status, 401);
      await grace.goto(`${app.url}/people`);
      await grace.getByText("Grace who stays", { exact: true }).last().waitFor();
      assert.equal(await grace.getByText("Ada who leaves").count(), 0, "the list no longer has the person");

      await signIn(ada, "Ada who leaves");
      await grace.getByRole("link", { name: "Ada who leaves" }).click();
      await grace.getByRole("log").waitFor();
      assert.deepEqual(await said(grace), [], "the messages end with the person");
    });

    test("a signed-in person writes under their name, and nobody else does", async () => {
      const ada = await visit("/people");
      await signIn(ada, "Ada the only");
      await ada.getByRole("link", { name: "Chat" }).click();
      await say(ada, undefined, "It is me");
      assert.match(await ada.locator(".message .author").last().innerText(), /^Ada the only /);
      for (const author of ["Ada the only", "ADA THE ONLY", "\uff21da the only"]) {
        assert.equal((await post("/messages", { author, text: "Me too" })).status, 422);
        assert.equal((await post("/sign-in", { name: author })).status, 422);
      }
      for (const name of ["", "\u200b", "x".repeat(41)]) assert.equal((await post("/sign-in", { name })).status, 422);

      await ada.context().clearCookies();
      await ada.getByLabel("Message", { exact: true }).fill("Me again");
      await ada.getByRole("button", { name: "Send" }).click();
      await ada.getByText("You are signed out. Please reload the page.").waitFor();
      assert.equal(await ada.getByLabel("Message", { exact: true }).inputValue(), "Me again");
    });

    test("a person stays signed in through a restart without SECRET_KEY", async (t) => {
      const development = { SECRET_KEY: undefined, NODE_ENV: "development" };
      await app.end("SIGTERM");
      t.after(async () => {
        await app.end("SIGTERM");
        await startAgain();
      });
      await startAgain(development);
      const ada = await visit("/people");
      await signIn(ada, "Ada who stays");
      await ada.getByRole("link", { name: "Chat" }).click();

      await app.end("SIGTERM");
      await startAgain(development);
      await say(ada, undefined, "Still me");
      assert.match(await ada.locator(".message .author").last().innerText(), /^Ada who stays /);
    });

    // A page of another site sends a form in the name of its reader.
    test("refuses every change that another site's page requests", async () => {
      const headers = [
        { "Sec-Fetch-Site": "cross-site" },
        { "Sec-Fetch-Site": "same-site" },
        { Origin: "https://evil.example" },
        { Origin: "null" },
      ];
      for (const path of ["/sign-in", "/sign-out", "/messages", "/todos", "/people/x/messages"]) {
        for (const each of headers) assert.equal((await post(path, { name: "Mallory" }, each)).status, 403);
      }
      const own = await post("/sign-in", { name: "Own page" }, { Origin: app.url, "Sec-Fetch-Site": "same-origin" });
      assert.equal(own.status, 303);
    });

    test("the session's cookie is for this server's pages alone, signed, and no script's", async () => {
      const response = await post("/sign-in", { name: "Cookie's bearer" });
      const cookies = response.headers.getSetCookie();
      const session = cookies.find((cookie) => cookie.startsWith("session="))!;
      assert.match(session, /; httponly/i);
      assert.match(session, /; samesite=lax/i);
      assert.match(session, /; path=\//i);
      const value = (cookie: string) => cookie.split(";", 1)[0]!;
      const ask = async (cookie: string) => (await fetch(`${app.url}/people`, { headers: { Cookie: cookie } })).text();
      assert.match(await ask(cookies.map(value).join("; ")), /You are <b>Cookie&#39;s bearer/);
      const forged = Buffer.from(JSON.stringify({ person: "anybody" })).toString("base64");
      assert.doesNotMatch(await ask(`session=${forged}; ${value(cookies.at(-1)!)}`), /You are/);
    });

    test("work by forms alone", async () => {
      const [ada, grace] = [await visit("/people"), await visit("/people", { javaScriptEnabled: false })];
      await signIn(ada, "Ada with scripts");
      await signIn(grace, "Grace without");
      await grace.getByRole("link", { name: "Ada with scripts" }).click();
      await grace.getByLabel("Message", { exact: true }).fill("By form");
      await grace.getByRole("button", { name: "Send" }).click();
      await heard(grace, "By form");
      await ada.goto(grace.url());
      await ada.getByRole("heading", { name: "Page not found" }).waitFor();
    });

    test("tell a screen reader the people who are here, and lead there", async () => {
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(grace, "Grace aloud");
      await signIn(ada, "Ada aloud");
      await ada.getByRole("link", { name: "Grace aloud" }).waitFor();
      const people = await ada.locator("body").ariaSnapshot();
      assert.match(people, /- status: [^\n]+ here\.\n\s+- list "People":\n(?: {4,}.*\n)* {6,}- link "Grace aloud"/);
      await ada.getByRole("link", { name: "Grace aloud" }).press("Enter");
      await ada.getByRole("heading", { name: "Grace aloud" }).waitFor();
      const conversation = await ada.locator("body").ariaSnapshot();
      assert.match(conversation, /- log "Messages"/);
      assert.match(conversation, /- textbox "Message"/);
      assert.match(conversation, /sse\.publish/);
    });

    test("are listed without the viewer, and counted in a status that the list does not replace", async () => {
      const ada = await visit("/people");
      await signIn(ada, "Ada who looks");
      const status = ada.getByRole("status");
      await status.getByText("Nobody else is here.").waitFor();
      const list = ada.getByRole("list", { name: "People" });
      await list.getByText("Open this page in a private window, and sign in as a second person.").waitFor();
      const element = await status.filter({ hasText: "Nobody" }).elementHandle();

      const grace = await visit("/people");
      await status.getByText("1 guest is here.").waitFor();
      await signIn(grace, "Grace who comes");
      await status.getByText("1 other person is here.").waitFor();
      await list.getByText("Grace who comes").waitFor();
      assert.equal(await list.getByText("Ada who looks").count(), 0);
      assert.equal(await element?.innerText(), "1 other person is here.");
      // A guest sees everybody, and counts from the first rendering.
      const guest = await visit("/people", { javaScriptEnabled: false });
      await guest.getByRole("status").getByText("2 people and 1 guest are here.").waitFor();
      assert.equal(await guest.getByRole("list", { name: "People" }).getByRole("link").count(), 0);
    });

    test("keep the keyboard on its row when the list is replaced", async () => {
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(grace, "Grace in focus");
      await signIn(ada, "Ada at the keys");
      const link = ada.getByRole("link", { name: "Grace in focus" });
      await link.focus();
      const replaced = await link.elementHandle();
      await signIn(await visit("/people"), "Alan who comes");
      await ada.getByRole("link", { name: "Alan who comes" }).waitFor();
      assert.equal(await replaced?.evaluate((element) => element.isConnected), false);
      await until(ada, "document.activeElement.textContent === 'Grace in focus'");
    });

    test("lose their name ten minutes after their last request", async () => {
      const name = "Ada who left";
      const cookies = (await post("/sign-in", { name })).headers.getSetCookie().map((cookie) => cookie.split(";")[0]);
      const signedIn = async () => {
        const page = await fetch(`${app.url}/people`, { headers: { Cookie: cookies.join("; ") } });
        return /You are <b>/.test(await page.text());
      };
      setSeenAt(name, minutesAgo(9));
      assert.equal((await post("/sign-in", { name })).status, 422);
      assert.equal((await post("/messages", { author: name, text: "Not she" })).status, 422);

      setSeenAt(name, minutesAgo(11));
      assert.equal(await signedIn(), true, "the holder keeps the session until another person takes the name");
      assert.equal((await post("/sign-in", { name })).status, 422, "the holder's request keeps the name");

      setSeenAt(name, minutesAgo(11));
      assert.equal((await post("/messages", { author: name, text: "A guest" })).status, 303);
      assert.equal((await post("/sign-in", { name })).status, 303);
      assert.equal(await signedIn(), false);
      assert.equal((await post("/sign-in", { name })).status, 422, "the name has a new holder");
    });

    test("keep their name while a stream of theirs is open", async () => {
      const name = "Ada who stays";
      const [ada, grace] = [await visit("/people"), await visit("/people")];
      await signIn(ada, name);
      await signIn(grace, "Grace who sees her");
      await grace.getByRole("link", { name }).waitFor();
      const long = minutesAgo(11);
      setSeenAt(name, long);
      assert.equal((await post("/sign-in", { name })).status, 422);
      // The app records an open stream, so that the ten minutes begin at its end.
      while (seenAt(name) <= long) await grace.evaluate("new Promise(requestAnimationFrame)");
    });
  });
});
