import { InboxMessage, InboxPage, ListInbox, MagicNumberList, WaitInbox } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import { MAGIC_NUMBERS } from "../domain/magic-numbers.ts";
import type { Inbox } from "../services/inbox.ts";
import { requireKey } from "./callers.ts";
import type { OpenEventStream } from "./event-stream.ts";
import type { Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { toInboxBody } from "./wire.ts";

interface InboxServices extends Services {
  readonly inbox: Inbox;
  readonly openEventStream: OpenEventStream;
}

/** The inbox of the simulation. On this machine alone it needs no key. */
export function inboxRoutes(app: Server, services: InboxServices, settings: SurfaceSettings): void {
  const { inbox, readRecipient, openEventStream } = services;
  const guard = settings.isInboxLocked ? { onRequest: requireKey(services, "read") } : {};
  const tags = ["inbox"];
  const addressOf = (text: string): string => readRecipient(text.includes("@") ? "email" : "sms", text).address.value;

  app.get(
    "/inbox",
    {
      ...guard,
      schema: {
        tags,
        summary: "Simulated messages, newest first",
        querystring: ListInbox,
        response: { 200: InboxPage },
      },
    },
    async ({ query: { to, after, limit } }) => {
      const filter = {
        ...(to === undefined ? {} : { to: addressOf(to) }),
        ...(after === undefined ? {} : { afterSeq: after }),
        limit,
      };
      return { messages: (await inbox.list(filter)).map(toInboxBody) };
    },
  );

  app.get(
    "/inbox/wait",
    {
      ...guard,
      schema: {
        tags,
        summary: "The newest message to an address, waiting for one",
        querystring: WaitInbox,
        response: { 200: InboxMessage },
      },
    },
    async ({ query: { to, after, timeout } }) => {
      const wait = {
        to: addressOf(to),
        timeoutMs: timeout * 1000,
        ...(after === undefined ? {} : { afterSeq: after }),
      };
      const entry = await inbox.waitFor(wait);
      if (entry === null) throw new AppError("not_found");
      return toInboxBody(entry);
    },
  );

  app.get(
    "/inbox/live",
    {
      ...guard,
      schema: {
        tags,
        summary: "Server-sent: each message, and again when its state changes",
        response: {
          200: { description: "The `data` of each event", content: { "text/event-stream": { schema: InboxMessage } } },
        },
      },
    },
    async (_request, reply) => {
      const stream = openEventStream(reply);
      const unwatch = inbox.watch((entry) => stream.send({ name: "message", data: toInboxBody(entry) }));
      stream.closed.addEventListener("abort", unwatch);
      return reply;
    },
  );

  app.get(
    "/inbox/magic-numbers",
    {
      ...guard,
      schema: { tags, summary: "Numbers that make each outcome happen", response: { 200: MagicNumberList } },
    },
    async () => ({ magicNumbers: MAGIC_NUMBERS.map(({ number, name, es, en }) => ({ number, name, es, en })) }),
  );

  app.delete(
    "/inbox",
    { ...guard, schema: { tags, summary: "Empties the inbox", response: { 204: z.null() } } },
    async (_request, reply) => {
      await inbox.clear();
      return reply.code(204).send(null);
    },
  );
}
