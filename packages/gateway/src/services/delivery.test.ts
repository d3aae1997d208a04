import { afterEach, describe, expect, it } from "vitest";
import { newMessage } from "../../test/contracts/store-fixtures.ts";
import { type FakeAnswer, heldAnswer, openParts, type Parts, type PartsOptions, settle } from "../../test/doubles.ts";
import { CALLS_AT_ONCE, type SendResult } from "../domain/delivery.ts";
import type { StoredMessage } from "../domain/message.ts";
import type { VendorError } from "../domain/vendor-error.ts";
import { LEASE_MS } from "./delivery.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;
const LIFE = 10 * MINUTE;
const OK: SendResult = { outcome: "accepted", providerMessageId: "p" };

const TWILIO_LIKE: VendorError = {
  ...{ class: "transient", retry: true, change: [], userError: "delivery_failed" },
  operator: { es: "Más despacio", en: "Slow down" },
};

let parts: Parts | undefined;
afterEach(async () => {
  await parts?.close();
  parts = undefined;
});

const open = async (options: Partial<PartsOptions> = {}): Promise<Parts> => {
  parts = await openParts({ now: NOW, ...options });
  return parts;
};

/** Answers in this order; the last one repeats. */
const inOrder =
  (...results: readonly [SendResult, ...SendResult[]]): FakeAnswer =>
  (_message, call) =>
    results[Math.min(call, results.length) - 1] ?? results[0];

const scope = { tenant: "default", purpose: "verification", subject: "" };
const startCode = ({ verifications }: Parts, waitMs = 0, to = "300 123 4567") =>
  verifications.start({ scope, channel: "sms", to, locale: "es", waitMs });
const notify = ({ notifications }: Parts, to = "300 123 4567") =>
  notifications.send({
    ...{ tenant: "default", channel: "sms", to, category: "transactional", locale: "es" },
    content: { text: "Su pedido va en camino" },
  });
const stateOf = async ({ store }: Parts, { id }: { readonly id: string }) =>
  (await store.readMessage("default", id))?.state;
const codeIn = (text: string | undefined): string => /\d{6}/.exec(text ?? "")?.[0] ?? "";

describe("what is told of each call", () => {
  it("names the code of the vendor, or says that this version does not know it", async () => {
    const all = await open({
      sms: inOrder(
        { outcome: "throttled", vendorCode: "20429" },
        { outcome: "rejected", code: "delivery_failed", vendorCode: "29999" },
      ),
    });
    all.sms.explain = (code) => (code === "20429" ? TWILIO_LIKE : null);
    await startCode(all);
    await all.clock.advance(1_000);
    await all.delivery.work();
    await settle();
    const call = { provider: "fake-sms", channel: "sms" };
    expect(all.attempts).toEqual([
      { ...call, outcome: "throttled", vendorCode: "20429" },
      { ...call, outcome: "rejected", vendorCode: "unlisted" },
    ]);
  });
});

describe("with a second carrier", () => {
  const DOWN: SendResult = { outcome: "unavailable", vendorCode: "503" };

  it("fails over at once, in the same process, when nothing left", async () => {
    const all = await open({ sms: inOrder(DOWN), backup: inOrder(OK) });
    const { message } = await startCode(all, 4_000);
    expect(message).toMatchObject({ state: "sent", provider: "backup", attempts: 2, tried: ["fake-sms", "backup"] });
    expect([all.sms.calls.length, all.backup.calls.length]).toEqual([1, 1]);
    expect(codeIn(all.backup.calls[0]?.text)).toBe(codeIn(all.sms.calls[0]?.text));
    const types = (await all.store.messageTimeline("default", message.id)).map(({ type, data }) => [
      type,
      data.provider,
      data.next,
    ]);
    expect(types.slice(1)).toEqual([
      ["message.retrying", "fake-sms", "backup"],
      ["message.sent", "backup", undefined],
    ]);
  });

  it("goes out by the other one once, when nobody knows whether a code left", async () => {
    const all = await open({ sms: inOrder({ outcome: "unknown" }), backup: inOrder({ outcome: "unknown" }) });
    const { message } = await startCode(all);
    await settle();
    await all.clock.advance(LIFE);
    await all.delivery.work();
    await settle();
    expect([all.sms.calls.length, all.backup.calls.length]).toEqual([1, 1]);
    expect(await stateOf(all, message)).toBe("unknown");
  });

  it("never sends a notification by the other one when the first may have sent it", async () => {
    const all = await open({ sms: inOrder({ outcome: "unknown" }), backup: inOrder(OK) });
    const message = await notify(all);
    await settle();
    expect(await stateOf(all, message)).toBe("unknown");
    expect(all.backup.calls).toHaveLength(0);
  });

  it("never looks for another one when the person does not want messages", async () => {
    const all = await open({ sms: inOrder({ outcome: "rejected", code: "opted_out" }), backup: inOrder(OK) });
    const { message } = await startCode(all, 4_000);
    expect(message).toMatchObject({ state: "failed", errorCode: "opted_out" });
    expect(all.backup.calls).toHaveLength(0);
  });

  it("waits when both are down, and begins with the first again", async () => {
    const all = await open({ sms: inOrder(DOWN, OK), backup: inOrder(DOWN) });
    const { message } = await startCode(all);
    await settle();
    expect([all.sms.calls.length, all.backup.calls.length]).toEqual([1, 1]);
    await all.clock.advance(300);
    await all.delivery.work();
    await settle();
    expect(await all.store.readMessage("default", message.id)).toMatchObject({
      state: "sent",
      tried: ["fake-sms", "backup", "fake-sms"],
    });
  });

  it("does not go on with a code that was used meanwhile", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer, backup: inOrder(OK) });
    const { verification, message } = await startCode(all);
    await settle();
    const target = { tenant: "default", id: verification.id };
    await all.verifications.check({ target, code: codeIn(all.sms.calls[0]?.text) });
    held.release({ outcome: "unknown" });
    await settle();
    expect(all.backup.calls).toHaveLength(0);
    expect(await stateOf(all, message)).toBe("unknown");
  });
});

describe("delivering a code", () => {
  it("calls the provider once, with the code that the check accepts", async () => {
    const all = await open();
    const { verification, message } = await startCode(all);
    expect(message.state).toBe("sending");
    await settle();
    expect(await stateOf(all, message)).toBe("sent");
    expect(all.sms.calls).toHaveLength(1);
    const [call] = all.sms.calls;
    expect(call).toMatchObject({
      ...{ id: message.id, lane: "otp", channel: "sms", to: "+573001234567", deliverBefore: NOW + LIFE },
      ...{ code: codeIn(call?.text), callBefore: NOW + LEASE_MS - 10_000 },
    });
    const target = { tenant: "default", id: verification.id };
    expect(await all.verifications.check({ target, code: codeIn(call?.text) })).toMatchObject({ status: "approved" });
  });

  it("sends the same code again and says what life remains", async () => {
    const all = await open();
    await startCode(all);
    await all.clock.advance(4 * MINUTE + 1);
    await startCode(all);
    await settle();
    const [first, second] = all.sms.calls;
    expect(codeIn(second?.text)).toBe(codeIn(first?.text));
    expect(first?.text).toContain("10 min");
    expect(second?.text).toContain("6 min");
    expect(second?.deliverBefore).toBe(NOW + LIFE);
  });

  it("retries what certainly did not leave, after 300 ms and a second, and then gives up", async () => {
    const all = await open({ sms: inOrder({ outcome: "unavailable", vendorCode: "503" }) });
    const { message } = await startCode(all);
    await all.clock.advance(299);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(1);
    await all.clock.advance(1);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(2);
    await all.clock.advance(1_000);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(3);
    expect(await all.store.readMessage("default", message.id)).toMatchObject({
      state: "failed",
      errorCode: "delivery_failed",
    });
    await all.clock.advance(LIFE);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(3);
  });

  it("waits as long as a throttling provider asks", async () => {
    const all = await open({ sms: inOrder({ outcome: "throttled", retryAfterMs: 20_000 }, OK) });
    const { message } = await startCode(all);
    await all.clock.advance(19_999);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(1);
    await all.clock.advance(1);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(2);
    expect(await stateOf(all, message)).toBe("sent");
  });

  it("sends once more when nobody knows whether it left, and never a third time", async () => {
    const all = await open({ sms: inOrder({ outcome: "unknown" }) });
    const { message } = await startCode(all);
    for (let second = 0; second < 120; second++) {
      await all.clock.advance(1_000);
      await all.delivery.work();
    }
    await settle();
    expect(all.sms.calls).toHaveLength(2);
    expect(all.sms.calls[1]?.text).toBe(all.sms.calls[0]?.text);
    expect(await stateOf(all, message)).toBe("unknown");
  });

  it("takes over a code whose process is gone when its lease ends", async () => {
    const lost = heldAnswer();
    const all = await open({ sms: (message, call, signal) => (call === 1 ? lost.answer(message, call, signal) : OK) });
    const { message } = await startCode(all);
    await all.clock.advance(LEASE_MS - 1);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(1);
    await all.clock.advance(1);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(2);
    expect(await stateOf(all, message)).toBe("sent");
    lost.release({ outcome: "rejected", code: "phone_landline" });
    await settle();
    expect(await stateOf(all, message)).toBe("sent");
  });

  it("never sends a code that expired while it waited", async () => {
    const all = await open({ sms: inOrder({ outcome: "throttled", retryAfterMs: 9 * MINUTE }, OK) });
    const { message } = await startCode(all);
    await all.clock.advance(LIFE);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(1);
    expect(await stateOf(all, message)).toBe("expired");
  });

  it("never sends a code that was cancelled while it waited", async () => {
    const all = await open({ sms: inOrder({ outcome: "throttled", retryAfterMs: 1_000 }, OK) });
    const { message, verification } = await startCode(all);
    await settle();
    await all.verifications.cancel("default", verification.id);
    await all.clock.advance(MINUTE);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(1);
    expect(await stateOf(all, message)).toBe("expired");
  });

  it("gives up for good when the provider refuses the number", async () => {
    const all = await open({ sms: inOrder({ outcome: "rejected", code: "phone_landline", vendorCode: "21614" }) });
    const { message, verification } = await startCode(all);
    await all.clock.advance(MINUTE);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(1);
    expect(await stateOf(all, message)).toBe("failed");
    expect((await all.verifications.read("default", verification.id)).verification.status).toBe("failed");
  });
});

describe("delivering notifications", () => {
  it("hands the text over and forgets it", async () => {
    const all = await open();
    const message = await notify(all);
    await settle();
    expect(all.sms.calls).toMatchObject([{ id: message.id, lane: "notification", text: "Su pedido va en camino" }]);
    expect(await all.store.readMessage("default", message.id)).toMatchObject({ state: "sent", text: null });
  });

  it("never sends again when nobody knows whether it left", async () => {
    const all = await open({ sms: inOrder({ outcome: "unknown" }, OK) });
    const message = await notify(all);
    await all.clock.advance(60 * MINUTE);
    await all.delivery.work();
    expect(all.sms.calls).toHaveLength(1);
    expect(await stateOf(all, message)).toBe("unknown");
  });

  it("keeps as many calls in flight as a provider takes at once", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer });
    await Promise.all(Array.from({ length: 60 }, (_, index) => notify(all, `300 ${1_000_000 + index}`)));
    for (let turn = 0; turn < 10; turn++) await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(CALLS_AT_ONCE.notification);
    const waiting = await all.notifications.list("default", { state: "queued", limit: 100 });
    expect(waiting).toHaveLength(60 - CALLS_AT_ONCE.notification);
    held.release(OK);
    await expect.poll(() => all.sms.calls.length).toBe(60);
    expect(new Set(all.sms.calls.map(({ id }) => id)).size).toBe(60);
  });
});

describe("a backlog", () => {
  it("is sent without waiting for the next turn, as long as claims come back full", async () => {
    const all = await open();
    const message = newMessage({ to: "+573001234567", now: NOW });
    const backlog = Array.from({ length: 430 }, (_, index) => ({
      ...message,
      id: `msg_${String(index).padStart(26, "0")}`,
    }));
    await Promise.all(backlog.map((each) => all.store.enqueueMessage({ message: each, charges: [], now: NOW })));
    await all.delivery.work();
    await expect.poll(() => all.sms.calls.length).toBe(430);
    expect(new Set(all.sms.calls.map(({ id }) => id)).size).toBe(430);
    expect(all.clock.now()).toBe(NOW);
  });
});

describe("waiting for the outcome", () => {
  it("ends with the answer of the provider", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer });
    const starting = startCode(all, 4_000);
    await all.clock.advance(2_000);
    held.release({ outcome: "rejected", code: "phone_landline" });
    expect((await starting).message).toMatchObject({ state: "failed", errorCode: "phone_landline" });
    expect(all.clock.sleepers()).toBe(0);
  });

  it("ends when the time is up, and the message goes on", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer });
    const starting = startCode(all, 4_000);
    await all.clock.advance(4_000);
    const { message } = await starting;
    expect(message.state).toBe("sending");
    held.release(OK);
    await settle();
    expect(await stateOf(all, message)).toBe("sent");
  });

  it("goes on over a retry", async () => {
    const all = await open({ sms: inOrder({ outcome: "unavailable" }, OK) });
    const starting = startCode(all, 4_000);
    await all.clock.advance(300);
    await all.delivery.work();
    expect((await starting).message).toMatchObject({ state: "sent", attempts: 2 });
  });

  it("tells the thousand and first at once that it is on its way", async () => {
    const all = await open({ sms: heldAnswer().answer });
    const waiting = Array.from({ length: 1_000 }, (_, index) => all.delivery.outcomeOf(`msg_${index}`, 4_000));
    expect(await all.delivery.outcomeOf("msg_one_more", 4_000)).toBeNull();
    await all.clock.advance(4_000);
    expect(await Promise.all(waiting)).toEqual(Array.from({ length: 1_000 }, () => null));
    const again = all.delivery.outcomeOf("msg_again", 1);
    expect(all.clock.sleepers()).toBe(1);
    await all.clock.advance(1);
    await again;
  });
});

describe("receipts and listeners", () => {
  it("move the message and are told to those who listen", async () => {
    const all = await open();
    const heard: string[] = [];
    all.delivery.onChange(({ state }: StoredMessage) => heard.push(state));
    const { message } = await startCode(all);
    await settle();
    all.delivery.receive(message.id, { state: "delivered" });
    all.delivery.receive(message.id, { state: "delivered" });
    all.delivery.receive(message.id, { state: "sent" });
    await settle();
    expect(heard).toEqual(["sent", "delivered"]);
    expect(await stateOf(all, message)).toBe("delivered");
  });

  it("report an attempt that could not be recorded, which is due again when its lease ends", async () => {
    const all = await open({
      sms: (_message, call) => {
        if (call === 1) throw new Error("a bug in an adapter");
        return OK;
      },
    });
    const { message } = await startCode(all);
    await settle();
    expect(all.errors).toEqual([new Error("a bug in an adapter")]);
    expect(await stateOf(all, message)).toBe("sending");
    await all.clock.advance(LEASE_MS);
    await all.delivery.work();
    await settle();
    expect(await stateOf(all, message)).toBe("sent");
  });
});

describe("a paused lane", () => {
  it("sends nothing that waits, and goes on after the pause", async () => {
    const all = await open({ sms: inOrder({ outcome: "unavailable" }, OK) });
    const message = await notify(all);
    await settle();
    await all.switchboard.pause({ lane: "notification", country: null });
    await all.clock.advance(MINUTE);
    await all.delivery.work();
    await settle();
    expect(all.sms.calls).toHaveLength(1);
    expect(await stateOf(all, message)).toBe("queued");
    await all.switchboard.resume({ lane: "notification", country: null });
    await all.delivery.work();
    await settle();
    expect(await stateOf(all, message)).toBe("sent");
  });

  it("can be one country's alone", async () => {
    const all = await open({ sms: inOrder({ outcome: "unavailable" }, OK) });
    const message = await notify(all);
    await settle();
    await all.switchboard.pause({ lane: null, country: "CO" });
    await all.clock.advance(MINUTE);
    await all.delivery.work();
    expect(await stateOf(all, message)).toBe("queued");
  });
});

describe("draining", () => {
  it("waits for what runs", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer });
    const { message } = await startCode(all);
    let isDrained = false;
    const draining = all.delivery.drain(10_000).then(() => {
      isDrained = true;
    });
    await settle();
    expect(isDrained).toBe(false);
    held.release(OK);
    await draining;
    expect(await stateOf(all, message)).toBe("sent");
    expect(all.clock.sleepers()).toBe(0);
  });

  it("aborts the calls that outlast the grace, and notes what became of them", async () => {
    const untilAborted: FakeAnswer = (_message, _call, signal) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve({ outcome: "unknown" })));
    const all = await open({ sms: untilAborted });
    const { message } = await startCode(all);
    const draining = all.delivery.drain(10_000);
    await all.clock.advance(10_000);
    await draining;
    expect(await all.store.readMessage("default", message.id)).toMatchObject({ state: "queued", unknownAttempts: 1 });
  });

  it("claims nothing new, during the grace and after it", async () => {
    const held = heldAnswer();
    const all = await open({ sms: held.answer });
    await startCode(all);
    const draining = all.delivery.drain(10_000);
    const message = await notify(all);
    await all.delivery.work();
    await settle();
    expect(await stateOf(all, message)).toBe("queued");
    held.release(OK);
    await draining;
    await all.delivery.work();
    await settle();
    expect(await stateOf(all, message)).toBe("queued");
    expect(all.sms.calls).toHaveLength(1);
  });
});
