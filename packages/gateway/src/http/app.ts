import { authRoutes } from "./auth-routes.ts";
import { docs } from "./docs.ts";
import { eventRoutes } from "./event-routes.ts";
import { createEventStreams } from "./event-stream.ts";
import { inboundRoutes } from "./inbound-routes.ts";
import { inboxPage } from "./inbox-page.ts";
import { inboxRoutes } from "./inbox-routes.ts";
import { messageRoutes } from "./message-routes.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { optOutRoutes } from "./opt-out-routes.ts";
import { publicRoutes } from "./public-routes.ts";
import { receiptRoutes } from "./receipt-routes.ts";
import { createServer, type OnAnswer, refuseOtherMethods, type Server, type ServerOptions } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { smsRoutes } from "./sms-routes.ts";
import { verificationRoutes } from "./verification-routes.ts";
import { voiceRoutes } from "./voice-routes.ts";
import { webhookRoutes } from "./webhook-routes.ts";

export interface AppOptions {
  readonly server: ServerOptions;
  readonly services: Services;
  readonly settings: SurfaceSettings;
  /** False once the process is about to stop. */
  readonly isReady: () => boolean;
  /** False for a worker: it answers for its health and nothing else. */
  readonly hasSurfaces: boolean;
  readonly onAnswer: OnAnswer;
}

/** The whole HTTP side: what is public, surface A, surface B and, in simulation, the inbox. */
export async function createApp(options: AppOptions): Promise<Server> {
  const { server, services, settings, isReady, hasSurfaces, onAnswer } = options;
  const { inbox } = services;
  const app = await createServer(server, onAnswer);
  app.addHook("onRequest", async (_request, reply) => {
    if (!isReady()) reply.header("connection", "close");
  });
  app.decorateRequest("apiKey", null);
  if (!hasSurfaces) {
    publicRoutes(app, services, isReady);
    return app;
  }
  await docs(app, settings.version);
  const openEventStream = createEventStreams(app);
  const seal = refuseOtherMethods(app);
  publicRoutes(app, services, isReady);
  await app.register(async (auth: Server) => authRoutes(auth, services, settings), { prefix: "/api/v1/auth" });
  await app.register(async (sms: Server) => smsRoutes(sms, services, settings), { prefix: "/api/v1/sms" });
  await app.register(
    async (v1: Server) => {
      verificationRoutes(v1, services, settings);
      messageRoutes(v1, services, settings);
      operatorRoutes(v1, services, settings);
      webhookRoutes(v1, services);
      optOutRoutes(v1, services);
      eventRoutes(v1, services, openEventStream);
      if (inbox !== null) inboxRoutes(v1, { ...services, inbox, openEventStream }, settings);
    },
    { prefix: "/v1" },
  );
  await app.register(async (callbacks: Server) => inboundRoutes(callbacks, services), { prefix: "/inbound" });
  await app.register(async (callbacks: Server) => receiptRoutes(callbacks, services), { prefix: "/receipts" });
  await app.register(async (calls: Server) => voiceRoutes(calls, services), { prefix: "/voice" });
  if (inbox !== null) await inboxPage(app);
  seal();
  return app;
}
