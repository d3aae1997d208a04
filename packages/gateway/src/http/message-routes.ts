import { ListMessages, Message, MessagePage, MessageWithTimeline, SendMessage } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import type { NotificationRequest } from "../services/notifications.ts";
import { keyOf, requireKey } from "./callers.ts";
import { answerOnce, toAnswer } from "./idempotent.ts";
import { localeOf } from "./locale.ts";
import type { Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { toMessageBody, toTimeline } from "./wire.ts";

const ById = z.object({ id: z.string().max(64) });

function contentOf({ text, template, variables }: z.output<typeof SendMessage>): NotificationRequest["content"] {
  if (text !== undefined && template === undefined && variables === undefined) return { text };
  if (template !== undefined && text === undefined) return { template, variables: variables ?? {} };
  throw new AppError("fields_invalid", {
    problem: { es: "envíe text, o template con variables", en: "send text, or template with variables" },
  });
}

/** Notifications of surface B. */
export function messageRoutes(app: Server, services: Services, settings: SurfaceSettings): void {
  const { notifications, idempotency, readRecipient } = services;

  app.post(
    "/messages",
    {
      onRequest: requireKey(services, "send"),
      schema: { tags: ["messages"], summary: "Sends a notification", body: SendMessage, response: { 202: Message } },
    },
    async (request, reply) => {
      const { to, channel, category, locale } = request.body;
      const { tenant } = keyOf(request);
      const content = contentOf(request.body);
      return answerOnce(request, reply, {
        idempotency,
        errors: settings,
        caller: `key:${tenant}`,
        act: async (key) => {
          const message = await notifications.send({
            tenant,
            channel,
            to,
            category,
            content,
            locale: locale ?? localeOf(request, settings.defaultLocale),
            ...(key === undefined
              ? {}
              : {
                  idempotency: {
                    key,
                    answer: (stored) => toAnswer({ status: 202, body: toMessageBody(stored) }, request, settings),
                  },
                }),
          });
          return { status: 202, body: toMessageBody(message) };
        },
      });
    },
  );

  app.get(
    "/messages",
    {
      onRequest: requireKey(services, "read"),
      schema: {
        tags: ["messages"],
        summary: "Lists messages, newest first",
        querystring: ListMessages,
        response: { 200: MessagePage },
      },
    },
    async (request): Promise<MessagePage> => {
      const { to, state, limit, cursor } = request.query;
      const messages = await notifications.list(keyOf(request).tenant, {
        limit,
        ...(to === undefined ? {} : { to: readRecipient(to.includes("@") ? "email" : "sms", to).address.value }),
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { before: cursor }),
      });
      const last = messages.length === limit ? messages.at(-1) : undefined;
      return { messages: messages.map(toMessageBody), next: last?.id ?? null };
    },
  );

  app.get(
    "/messages/:id",
    {
      onRequest: requireKey(services, "read"),
      schema: {
        tags: ["messages"],
        summary: "Reads a message with its timeline",
        params: ById,
        response: { 200: MessageWithTimeline },
      },
    },
    async (request): Promise<MessageWithTimeline> => {
      const { message, timeline } = await notifications.read(keyOf(request).tenant, request.params.id);
      return { ...toMessageBody(message), timeline: toTimeline(timeline) };
    },
  );
}
