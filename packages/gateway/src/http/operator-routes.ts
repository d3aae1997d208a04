import {
  ChangePause,
  Contact,
  FindRoute,
  GatewayStatus,
  LintTemplate,
  NumberLimits,
  PauseList,
  PutContact,
  Route,
  TemplateReport,
} from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { lintText } from "../domain/templates.ts";
import { keyOf, requireKey } from "./callers.ts";
import type { Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { toContactBody, toInstantOrNull, toLimitsBody, toPauseBody } from "./wire.ts";

const ByPhone = z.object({ phone: z.string().max(32) });
const BySub = z.object({ sub: z.string().min(1).max(255) });
const Nothing = z.null();

function limitRoutes(app: Server, services: Services): void {
  const { limits, readRecipient } = services;
  const onRequest = requireKey(services, "operate");
  const numberOf = (text: string): string => readRecipient("sms", text).address.value;

  app.get(
    "/limits/:phone",
    {
      onRequest,
      schema: {
        tags: ["limits"],
        summary: "What a number has used up",
        params: ByPhone,
        response: { 200: NumberLimits },
      },
    },
    async (request) => {
      const phone = numberOf(request.params.phone);
      return toLimitsBody(phone, await limits.readNumber(phone));
    },
  );
  app.delete(
    "/limits/:phone",
    {
      onRequest,
      schema: {
        tags: ["limits"],
        summary: "Forgets the sends and wrong guesses of a number",
        params: ByPhone,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      await limits.resetNumber(numberOf(request.params.phone));
      return reply.code(204).send(null);
    },
  );
}

function contactRoutes(app: Server, services: Services): void {
  const { contacts } = services;
  const onRequest = requireKey(services, "verify");
  const tags = ["contacts"];

  app.put(
    "/contacts/:sub",
    {
      onRequest,
      schema: {
        tags,
        summary: "Says what the number and address of a user are",
        params: BySub,
        body: PutContact,
        response: { 200: Contact },
      },
    },
    async (request) => {
      const { phone = null, email = null, name = null } = request.body;
      return toContactBody(await contacts.put(keyOf(request).tenant, request.params.sub, { phone, email, name }));
    },
  );
  app.get(
    "/contacts/:sub",
    { onRequest, schema: { tags, summary: "Reads a contact", params: BySub, response: { 200: Contact } } },
    async (request) => toContactBody(await contacts.read(keyOf(request).tenant, request.params.sub)),
  );
  app.delete(
    "/contacts/:sub",
    { onRequest, schema: { tags, summary: "Forgets a contact", params: BySub, response: { 204: Nothing } } },
    async (request, reply) => {
      await contacts.remove(keyOf(request).tenant, request.params.sub);
      return reply.code(204).send(null);
    },
  );
}

function pauseRoutes(app: Server, services: Services): void {
  const { switchboard } = services;
  const onRequest = requireKey(services, "operate");
  const tags = ["operation"];
  const list = (): z.output<typeof PauseList> => ({ pauses: switchboard.pauses().map(toPauseBody) });

  app.get(
    "/pauses",
    { onRequest, schema: { tags, summary: "What is paused", response: { 200: PauseList } } },
    async () => list(),
  );
  app.put(
    "/pauses",
    {
      onRequest,
      schema: {
        tags,
        summary: "Stops sending, of a lane or a country or all",
        body: ChangePause,
        response: { 200: PauseList },
      },
    },
    async ({ body: { lane = null, country = null } }) => {
      await switchboard.pause({ lane, country });
      return list();
    },
  );
  app.delete(
    "/pauses",
    {
      onRequest,
      schema: {
        tags,
        summary: "Sends again; without lane and country, everything",
        body: ChangePause,
        response: { 200: PauseList },
      },
    },
    async ({ body: { lane = null, country = null } }) => {
      await switchboard.resume({ lane, country });
      return list();
    },
  );
}

/** What operators and the host's servers use besides sending and verifying. */
export function operatorRoutes(app: Server, services: Services, settings: SurfaceSettings): void {
  const { status, limits, store, router, readRecipient } = services;
  limitRoutes(app, services);
  contactRoutes(app, services);
  pauseRoutes(app, services);

  app.get(
    "/route",
    {
      onRequest: requireKey(services, "operate"),
      schema: {
        tags: ["operation"],
        summary: "Explains which provider an address would be reached by, and why",
        querystring: FindRoute,
        response: { 200: Route },
      },
    },
    async ({ query: { to: typed, channel } }): Promise<z.output<typeof Route>> => {
      const { address, country } = readRecipient(channel, typed);
      const destination = { channel, to: address.value, country };
      const { match, candidates, chosen } = router.explain(destination);
      return { ...destination, match, candidates: [...candidates], chosen };
    },
  );

  app.post(
    "/templates/lint",
    {
      onRequest: requireKey(services, "read"),
      schema: {
        tags: ["messages"],
        summary: "Says what a text costs",
        body: LintTemplate,
        response: { 200: TemplateReport },
      },
    },
    async ({ body: { text, variables } }) => lintText(text, variables),
  );

  app.get(
    "/status",
    {
      onRequest: requireKey(services, "read"),
      schema: { tags: ["operation"], summary: "State of the gateway", response: { 200: GatewayStatus } },
    },
    async (): Promise<GatewayStatus> => {
      const state = await status.read();
      return {
        version: settings.version,
        environment: settings.environment,
        simulation: state.simulation,
        smsEnabled: state.smsEnabled,
        emailEnabled: state.emailEnabled,
        store: store.engine,
        limitBackend: limits.backend,
        providers: state.providers.map(({ provider, channel, breaker, lastSuccessAt, lastError }) => ({
          provider,
          channel,
          breaker,
          lastSuccessAt: toInstantOrNull(lastSuccessAt),
          lastError,
        })),
        queue: {
          depth: state.queue.depth,
          oldestAgeSeconds: state.queue.oldestAgeMs === null ? null : state.queue.oldestAgeMs / 1000,
        },
        pauses: state.pauses.map(toPauseBody),
      };
    },
  );
}
