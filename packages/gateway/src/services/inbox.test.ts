import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, openTemporaryStore, settle, type TemporaryStore } from "../../test/doubles.ts";
import type { InboxEntry } from "../ports/inbox-store.ts";
import { createInbox, type Inbox } from "./inbox.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const TO = "+573001234567";

let temporary: TemporaryStore;
let clock: ManualClock;
let inbox: Inbox;
let serial = 0;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  clock = manualClock(NOW);
  inbox = createInbox(temporary.store, clock);
});
afterEach(() => temporary.close());

const add = (to = TO, messageId = `msg_${++serial}`) =>
  inbox.add({
    ...{ id: `inb_${++serial}`, messageId, channel: "sms", to, subject: null },
    ...{ text: "123456 es tu clave", html: null, code: "123456", at: NOW },
  });

describe("waiting for a message", () => {
  it("ends at once with the newest one that is there", async () => {
    await add();
    const seq = await add();
    expect(await inbox.waitFor({ to: TO, timeoutMs: 10_000 })).toMatchObject({ seq, code: "123456" });
    expect(clock.sleepers()).toBe(0);
  });

  it("ends when one arrives for that address", async () => {
    const waiting = inbox.waitFor({ to: TO, timeoutMs: 10_000 });
    await settle();
    await add("+573009999999");
    const seq = await add();
    expect(await waiting).toMatchObject({ seq, to: TO });
    expect(clock.sleepers()).toBe(0);
  });

  it("passes over what was read before", async () => {
    const seq = await add();
    const waiting = inbox.waitFor({ to: TO, afterSeq: seq, timeoutMs: 10_000 });
    await settle();
    const next = await add();
    expect(await waiting).toMatchObject({ seq: next });
  });

  it("ends with nothing when the time is up", async () => {
    const waiting = inbox.waitFor({ to: TO, timeoutMs: 10_000 });
    await clock.advance(9_999);
    expect(clock.sleepers()).toBe(1);
    await clock.advance(1);
    expect(await waiting).toBeNull();
  });

  it("gives one message to everybody who waits for it", async () => {
    const waiting = Array.from({ length: 100 }, () => inbox.waitFor({ to: TO, timeoutMs: 10_000 }));
    await settle();
    const seq = await add();
    expect((await Promise.all(waiting)).map((entry) => entry?.seq)).toEqual(waiting.map(() => seq));
  });

  it("leaves nothing behind when the store fails", async () => {
    await temporary.close();
    await expect(inbox.waitFor({ to: TO, timeoutMs: 10_000 })).rejects.toThrow();
    expect(clock.sleepers()).toBe(0);
  });
});

describe("watching the inbox", () => {
  it("hears of new entries and of changed states until it stops", async () => {
    const heard: string[] = [];
    const stop = inbox.watch(({ seq, state }: InboxEntry) => heard.push(`${seq} ${state}`));
    const seq = await add(TO, "msg_watched");
    await inbox.changed("msg_watched", "delivered");
    await inbox.changed("msg_of_nobody", "delivered");
    stop();
    await add();
    expect(heard).toEqual([`${seq} sending`, `${seq} delivered`]);
  });

  it("lists and empties what the store holds", async () => {
    const [first, second] = [await add(), await add("+573009999999")];
    expect((await inbox.list({ limit: 10 })).map(({ seq }) => seq)).toEqual([second, first]);
    expect((await inbox.list({ to: TO, limit: 10 })).map(({ seq }) => seq)).toEqual([first]);
    await inbox.clear();
    expect(await inbox.list({ limit: 10 })).toEqual([]);
  });
});
