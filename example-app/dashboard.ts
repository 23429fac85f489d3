import type { Express } from "express";
import type { Kit, SafeString } from "htmx-mercure";
import type { Figure } from "./figure.js";
import type { Meter } from "./meter.js";

/** Adds a line on top of the newest activity on every open dashboard. */
export type Recorder = (text: string) => Promise<void>;

export interface Dashboard {
  readonly record: Recorder;
  /** Stops publishing by the time it resolves. */
  stop(): Promise<void>;
}

export function dashboard(app: Express, { sse, render, hub }: Kit, meter: Meter): Dashboard {
  const figures = (figures: readonly Figure[]) => render("Figures", { figures });
  let activity = [{ text: "The server started", at: clock() }];

  app.get("/dashboard", (_req, res) => {
    res.render("dashboard.njk", { process: meter.process, traffic: meter.traffic, activity });
  });

  // #region shown
  async function publish(topic: string, data: SafeString) {
    await sse.publish(topic, data, { type: true });
  }

  async function publishFigures() {
    if (hub.connections === 0) return;
    await publish("process", figures(meter.process));
    await publish("traffic", figures(meter.traffic));
  }

  async function publishActivity() {
    const html = render("Activity", { activity });
    await publish("activity", html);
  }
  // #endregion

  let publishing = Promise.resolve();
  const timer = setInterval(() => {
    meter.measure(hub.connections);
    publishing = publishFigures();
  }, 1000);

  return {
    async record(text) {
      meter.countChange();
      activity = [{ text, at: clock() }, ...activity].slice(0, 5);
      await publishActivity();
    },
    async stop() {
      clearInterval(timer);
      await publishing;
    },
  };
}

function clock(): string {
  return new Date().toTimeString().slice(0, 8);
}
