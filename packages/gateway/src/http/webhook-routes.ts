import {
  AddWebhook,
  ChangeWebhook,
  ListWebhookDeliveries,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookList,
  WebhookWithSecret,
} from "@mestore/sms-gateway-contract";
import { z } from "zod";
import type { WebhookChange } from "../services/webhooks.ts";
import { keyOf, requireKey } from "./callers.ts";
import type { Server } from "./server.ts";
import type { Services } from "./services.ts";
import { toWebhookBody, toWebhookDeliveryBody } from "./wire.ts";

const ById = z.object({ id: z.string().min(1).max(64) });
const Nothing = z.null();
const tags = ["webhooks"];

const toChange = ({ url, events, description, enabled }: z.output<typeof ChangeWebhook>): WebhookChange => ({
  ...(url === undefined ? {} : { url }),
  ...(events === undefined ? {} : { events }),
  ...(description === undefined ? {} : { description }),
  ...(enabled === undefined ? {} : { enabled }),
});

/** Endpoints that read the events of a tenant. */
function endpointRoutes(app: Server, services: Services): void {
  const { webhooks } = services;
  const onRequest = requireKey(services, "operate");
  const toBody = (webhook: Parameters<typeof toWebhookBody>[0]) =>
    toWebhookBody(webhook, webhooks.secretIsCurrent(webhook));

  app.post(
    "/webhooks",
    {
      onRequest,
      schema: {
        tags,
        summary: "Registers an endpoint; its secret is shown this once",
        body: AddWebhook,
        response: { 201: WebhookWithSecret },
      },
    },
    async (request, reply) => {
      const { url, events = [], description = "" } = request.body;
      const { webhook, secret } = await webhooks.add(keyOf(request).tenant, { url, events, description });
      return reply.code(201).send({ ...toBody(webhook), secret });
    },
  );
  app.get(
    "/webhooks",
    { onRequest, schema: { tags, summary: "Lists the endpoints", response: { 200: WebhookList } } },
    async (request): Promise<WebhookList> => ({
      webhooks: (await webhooks.list(keyOf(request).tenant)).map(toBody),
    }),
  );
  app.patch(
    "/webhooks/:id",
    {
      onRequest,
      schema: {
        tags,
        summary: "Changes an endpoint, or switches it on or off",
        params: ById,
        body: ChangeWebhook,
        response: { 200: Webhook },
      },
    },
    async (request) => toBody(await webhooks.change(keyOf(request).tenant, request.params.id, toChange(request.body))),
  );
  app.delete(
    "/webhooks/:id",
    { onRequest, schema: { tags, summary: "Removes an endpoint", params: ById, response: { 204: Nothing } } },
    async (request, reply) => {
      await webhooks.remove(keyOf(request).tenant, request.params.id);
      return reply.code(204).send(null);
    },
  );
  app.post(
    "/webhooks/:id/rotate",
    {
      onRequest,
      schema: {
        tags,
        summary: "Makes another secret; the one before signs too for a day",
        params: ById,
        response: { 200: WebhookWithSecret },
      },
    },
    async (request) => {
      const { webhook, secret } = await webhooks.rotate(keyOf(request).tenant, request.params.id);
      return { ...toBody(webhook), secret };
    },
  );
}

/** Outgoing webhooks of surface B: endpoints, tests and the log of deliveries. */
export function webhookRoutes(app: Server, services: Services): void {
  const { webhooks } = services;
  const onRequest = requireKey(services, "operate");
  endpointRoutes(app, services);

  app.post(
    "/webhooks/:id/test",
    {
      onRequest,
      schema: {
        tags,
        summary: "Posts a test at once and says what became of it",
        params: ById,
        response: { 200: WebhookDelivery },
      },
    },
    async (request) => toWebhookDeliveryBody(await webhooks.test(keyOf(request).tenant, request.params.id)),
  );
  app.get(
    "/webhooks/:id/deliveries",
    {
      onRequest,
      schema: {
        tags,
        summary: "The log of an endpoint, newest first, thirty days long",
        params: ById,
        querystring: ListWebhookDeliveries,
        response: { 200: WebhookDeliveryPage },
      },
    },
    async (request): Promise<WebhookDeliveryPage> => {
      const { state, limit, cursor } = request.query;
      const deliveries = await webhooks.deliveries(keyOf(request).tenant, request.params.id, {
        limit,
        ...(state === undefined ? {} : { state }),
        ...(cursor === undefined ? {} : { before: cursor }),
      });
      const last = deliveries.length === limit ? deliveries.at(-1) : undefined;
      return { deliveries: deliveries.map(toWebhookDeliveryBody), next: last?.id ?? null };
    },
  );
  app.post(
    "/webhooks/deliveries/:id/replay",
    {
      onRequest,
      schema: {
        tags,
        summary: "Sends one delivery again, with the same id and body",
        params: ById,
        response: { 202: WebhookDelivery },
      },
    },
    async (request, reply) => {
      const delivery = await webhooks.replay(keyOf(request).tenant, request.params.id);
      return reply.code(202).send(toWebhookDeliveryBody(delivery));
    },
  );
}
