import { messageWhen } from "../poll.ts";
import { type Chapter, fail, freshNumber, pass, refusedWith, type Step, unexpected } from "./kit.ts";

const DELIVERY_SECONDS = 10;

const delivered: Step = {
  name: "a notification arrives as it was written",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const text = "Su pedido A-17 fue entregado. ¡Gracias!";
    const sent = await gateway.sendMessage({ to, text, category: "transactional" });
    if (!sent.ok) return unexpected("send", sent);
    const message = await messageWhen(gateway, sent.data, {
      isDone: ({ state }) => state === "delivered",
      withinSeconds: DELIVERY_SECONDS,
    });
    if (message.state !== "delivered") return fail(`it is still ${message.state}`);
    const arrived = await gateway.inbox.list({ to, limit: 1 });
    if (!arrived.ok) return unexpected("inbox", arrived);
    if (arrived.data.messages[0]?.text !== text) return fail("the inbox holds another text");
    return message.segments === 1 ? pass("delivered, 1 segment") : fail(`it took ${message.segments} segments`);
  },
};

const template: Step = {
  name: "a template is filled in",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const body = { to, template: "order_delivered", variables: { order: "A-17" }, category: "transactional" } as const;
    const sent = await gateway.sendMessage(body);
    if (!sent.ok) return unexpected("send", sent);
    const arrived = await gateway.inbox.wait({ to, timeout: DELIVERY_SECONDS });
    if (!arrived.ok) return unexpected("inbox", arrived);
    return arrived.data.text.includes("A-17") ? pass(arrived.data.text) : fail("the variable is not in the text");
  },
};

const unknownTemplate: Step = {
  name: "a template that does not exist is refused",
  run: async (kit) => {
    const to = await freshNumber(kit);
    const body = { to, template: "no_such_template", variables: {}, category: "transactional" } as const;
    return refusedWith(await kit.gateway.sendMessage(body), "fields_invalid");
  },
};

const viaMeStore: Step = {
  name: "the MeStore API sends a notification",
  run: async (kit) => {
    const to = await freshNumber(kit);
    const sent = await kit.auth.sendNotification({ phone_number: to, message: "Su pago fue recibido" });
    return sent.ok ? pass(sent.data.message) : unexpected("POST /api/v1/sms/notifications", sent);
  },
};

const onlyOnce: Step = {
  name: "the same idempotency key sends once",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const body = { to, text: "Una sola vez", category: "transactional" } as const;
    const idempotencyKey = crypto.randomUUID();
    const first = await gateway.sendMessage(body, { idempotencyKey });
    if (!first.ok) return unexpected("send", first);
    const second = await gateway.sendMessage(body, { idempotencyKey });
    if (!second.ok) return unexpected("send again", second);
    if (second.data.id !== first.data.id) return fail("two messages were made");
    const other = await gateway.sendMessage({ ...body, text: "Otra cosa" }, { idempotencyKey });
    return refusedWith(other, "idempotency_mismatch");
  },
};

export const NOTIFICATIONS: Chapter = {
  title: "notifications",
  isSending: true,
  steps: [delivered, template, unknownTemplate, viaMeStore, onlyOnce],
};
