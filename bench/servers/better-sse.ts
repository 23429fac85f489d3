// better-sse as in its guide: a session for each response, a channel for each topic, and broadcast.

import { createServer } from "node:http";
import { type Channel, createChannel, createSession } from "better-sse";
import { announce, readBody, topicOf } from "./common.js";

const channels = new Map<string, Channel>();
const channelOf = (topic: string) => {
  const channel = channels.get(topic) ?? createChannel();
  channels.set(topic, channel);
  return channel;
};

announce(
  createServer(async (req, res) => {
    const topic = topicOf(req.url!);
    if (req.method === "POST") {
      readBody(req, (data) => {
        channelOf(topic).broadcast(data);
        res.end("ok");
      });
      return;
    }
    // A session sends its first byte at once only with a retry time, which it has by default.
    const session = await createSession(req, res);
    channelOf(topic).register(session);
  }),
);
