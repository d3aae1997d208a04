import { describe, expect, it } from "vitest";
import type { ContactFields } from "../../src/domain/contact.ts";
import type { ApiKey } from "../../src/ports/key-store.ts";
import {
  checkStep,
  endAttempt,
  NOW,
  newMessage,
  newPhone,
  nextId,
  type OpenStore,
  start,
  times,
} from "./store-fixtures.ts";
import { useStore } from "./store-under-test.ts";

const INBOX_CAP = 10_000;

/** Contacts, keys, pauses, events and the inbox. */
export function recordContract(open: OpenStore): void {
  contactContract(open);
  keyContract(open);
  pauseContract(open);
  eventContract(open);
  inboxContract(open);
}

function contactContract(open: OpenStore): void {
  describe("contacts", () => {
    const store = useStore(open);
    const owner = { tenant: "default", sub: "user-1" };
    const ana = { phone: "+573001234567", email: "ana@shop.example", name: "Ana" };
    const claims = (fields: ContactFields, issuedAt: number) =>
      store().applyClaims(owner, { fields, issuedAt }, NOW + issuedAt);

    /** Proves the phone of `owner` as it stands. */
    const verifyPhone = async (phone: string) => {
      const { verification } = await start(store(), { address: { kind: "phone", value: phone }, subject: "user-1" });
      await store().checkCode(checkStep({ target: { tenant: "default", id: verification.id } }));
      expect(await store().readContact(owner)).toMatchObject({ phoneVerifiedAt: NOW });
    };

    it("keeps what was put", async () => {
      const put = await store().putContact(owner, ana, NOW);
      expect(put).toEqual({ ...owner, ...ana, phoneVerifiedAt: null, emailVerifiedAt: null, updatedAt: NOW });
      expect(await store().readContact(owner)).toEqual(put);
    });

    it("replaces all fields", async () => {
      await store().putContact(owner, ana, NOW);
      const empty = { phone: null, email: null, name: null };
      expect(await store().putContact(owner, empty, NOW + 1)).toMatchObject({ ...empty, updatedAt: NOW + 1 });
    });

    it("drops the verified flag with the number that it was won for, and only then", async () => {
      await store().putContact(owner, ana, NOW);
      await verifyPhone(ana.phone);
      expect(
        await store().putContact(owner, { ...ana, name: "Ana María", email: "b@shop.example" }, NOW + 1),
      ).toMatchObject({
        phoneVerifiedAt: NOW,
      });
      expect(await store().putContact(owner, { ...ana, phone: "+573001234568" }, NOW + 2)).toMatchObject({
        phoneVerifiedAt: null,
      });
      expect(await store().putContact(owner, ana, NOW + 3)).toMatchObject({ phoneVerifiedAt: null });
    });

    it("takes the claims of a token for somebody who was never put", async () => {
      expect(await claims(ana, 1_000)).toMatchObject({ ...owner, ...ana, phoneVerifiedAt: null });
      expect(await store().readContact(owner)).toMatchObject(ana);
    });

    it("takes claims from a newer token only", async () => {
      await claims(ana, 2_000);
      expect(await claims({ ...ana, name: "older" }, 1_999)).toMatchObject({ name: "Ana" });
      expect(await claims({ ...ana, name: "same" }, 2_000)).toMatchObject({ name: "Ana" });
      expect(await claims({ ...ana, name: "newer" }, 2_001)).toMatchObject({ name: "newer" });
    });

    it("ends with the newest token whatever the order in which hundreds arrive", async () => {
      await Promise.all(times(200, (index) => claims({ ...ana, name: `n${(index * 37) % 200}` }, (index * 37) % 200)));
      expect(await store().readContact(owner)).toMatchObject({ name: "n199" });
    });

    it("leaves a field alone of which a newer token says nothing", async () => {
      await claims(ana, 1_000);
      expect(await claims({ phone: null, email: "new@example.com", name: null }, 2_000)).toMatchObject({
        phone: ana.phone,
        email: "new@example.com",
        name: ana.name,
      });
    });

    it("takes no claims once the contact was put", async () => {
      await store().putContact(owner, ana, NOW);
      const other = { phone: "+573009999999", email: "mallory@shop.example", name: "Mallory" };
      expect(await claims(other, NOW + 1_000)).toMatchObject(ana);
      expect(await store().readContact(owner)).toMatchObject(ana);
    });

    it("lets a put win over claims that came before", async () => {
      await claims(ana, NOW + 1_000);
      expect(await store().putContact(owner, { ...ana, name: "put" }, NOW)).toMatchObject({ name: "put" });
    });

    it("drops the verified flag when newer claims hold another number", async () => {
      await claims(ana, 1_000);
      await verifyPhone(ana.phone);
      expect(await claims({ ...ana, name: "Ana M" }, 2_000)).toMatchObject({ phoneVerifiedAt: NOW });
      expect(await claims({ ...ana, phone: "+573001234568" }, 3_000)).toMatchObject({ phoneVerifiedAt: null });
    });

    it("keeps tenants apart and says whether there was one to delete", async () => {
      await store().putContact(owner, ana, NOW);
      const stranger = { ...owner, tenant: "shop" };
      expect(await store().readContact(stranger)).toBeNull();
      expect(await store().deleteContact(stranger)).toBe(false);
      expect(await store().deleteContact(owner)).toBe(true);
      expect(await store().deleteContact(owner)).toBe(false);
      expect(await store().readContact(owner)).toBeNull();
    });
  });
}

function keyContract(open: OpenStore): void {
  describe("API keys", () => {
    const store = useStore(open);
    const newKey = (over: Partial<ApiKey> = {}): ApiKey => ({
      id: nextId("key"),
      tenant: "default",
      name: "server",
      scopes: ["send", "verify"],
      createdAt: NOW,
      revokedAt: null,
      ...over,
    });

    it("finds a key by its fingerprint", async () => {
      const key = newKey({ scopes: ["send", "verify", "read", "operate"], tenant: "shop" });
      await store().addKey(key, "print-1");
      expect(await store().findKey("print-1")).toEqual(key);
      expect(await store().findKey("print-2")).toBeNull();
    });

    it("changes nothing for a fingerprint that is there", async () => {
      const key = newKey();
      await store().addKey(key, "print-1");
      await store().addKey(newKey({ name: "other", scopes: ["operate"] }), "print-1");
      expect(await store().findKey("print-1")).toEqual(key);
      expect(await store().listKeys()).toEqual([key]);
    });

    it("lists keys in the order in which they were made, revoked ones too", async () => {
      const keys = times(5, (index) => newKey({ createdAt: NOW + index }));
      for (const [index, key] of [...keys.entries()].reverse()) await store().addKey(key, `print-${index}`);
      await store().revokeKey(keys[2]?.id ?? "", NOW + 9);
      const expected = keys.map((key, index) => (index === 2 ? { ...key, revokedAt: NOW + 9 } : key));
      expect(await store().listKeys()).toEqual(expected);
    });

    it("revokes once of many at once", async () => {
      const key = newKey();
      await store().addKey(key, "print-1");
      const results = await Promise.all(times(100, (index) => store().revokeKey(key.id, NOW + index)));
      expect(results.filter((done) => done)).toHaveLength(1);
      expect(await store().findKey("print-1")).toEqual({ ...key, revokedAt: NOW + results.indexOf(true) });
      expect(await store().revokeKey("key_nobody", NOW)).toBe(false);
    });
  });
}

function pauseContract(open: OpenStore): void {
  describe("pauses", () => {
    const store = useStore(open);
    const everything = { lane: null, country: null, since: NOW };
    const codes = { lane: "otp", country: null, since: NOW + 1 } as const;
    const ecuador = { lane: null, country: "EC", since: NOW + 2 };

    it("keeps each pause once, oldest first", async () => {
      for (const pause of [ecuador, codes, everything]) await store().addPause(pause);
      for (const pause of [ecuador, codes, everything]) await store().addPause({ ...pause, since: NOW + 50 });
      expect(await store().listPauses()).toEqual([everything, codes, ecuador]);
    });

    it("removes one, or all", async () => {
      for (const pause of [ecuador, codes, everything]) await store().addPause(pause);
      await store().removePauses({ lane: null, country: null });
      expect(await store().listPauses()).toEqual([codes, ecuador]);
      await store().removePauses({ lane: "notification", country: null });
      expect(await store().listPauses()).toHaveLength(2);
      await store().removePauses("all");
      expect(await store().listPauses()).toEqual([]);
    });
  });
}

function eventContract(open: OpenStore): void {
  describe("events", () => {
    const store = useStore(open);

    it("come in order, after a number, up to a limit, to their tenant", async () => {
      expect(await store().lastSeq()).toBe(0);
      const own = await Promise.all(times(20, () => start(store())));
      await start(store(), { tenant: "shop" });
      const all = await store().listEvents("default", 0, 100);
      expect(all.map(({ verificationId }) => verificationId)).toEqual(own.map(({ verification }) => verification.id));
      const seqs = all.map(({ seq }) => seq);
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      const [, second] = seqs;
      expect((await store().listEvents("default", second ?? 0, 3)).map(({ seq }) => seq)).toEqual(seqs.slice(2, 5));
      expect(await store().listEvents("shop", 0, 100)).toHaveLength(1);
      expect(await store().lastSeq()).toBe((await store().listEvents("shop", 0, 100))[0]?.seq);
      expect(await store().listEvents("default", await store().lastSeq(), 10)).toEqual([]);
    });

    it("tell the story of a verification and of each of its messages", async () => {
      const address = newPhone();
      const first = await start(store(), { address });
      const second = await start(store(), { address, now: NOW + 1 });
      const accepted = { outcome: "accepted", providerMessageId: "p" } as const;
      await endAttempt(store(), { id: second.messageId, now: NOW + 2 }, accepted);
      const { id } = first.verification;
      await store().checkCode(checkStep({ target: { tenant: "default", id }, matches: () => false, now: NOW + 3 }));
      await store().checkCode(checkStep({ target: { tenant: "default", id }, now: NOW + 4 }));
      const timeline = await store().verificationTimeline("default", id);
      expect(timeline.map(({ at, type, messageId }) => [at - NOW, type, messageId])).toEqual([
        [0, "verification.started", first.messageId],
        [1, "verification.started", second.messageId],
        [2, "message.sent", second.messageId],
        [3, "verification.guess_incorrect", null],
        [4, "verification.approved", null],
      ]);
      expect(timeline.every(({ verificationId }) => verificationId === id)).toBe(true);
      const ofSecond = await store().messageTimeline("default", second.messageId);
      expect(ofSecond.map(({ type }) => type)).toEqual(["verification.started", "message.sent"]);
      expect(await store().verificationTimeline("shop", id)).toEqual([]);
      expect(await store().messageTimeline("shop", second.messageId)).toEqual([]);
    });

    it("hold no address", async () => {
      const address = newPhone();
      const { messageId } = await start(store(), { address });
      await endAttempt(store(), { id: messageId }, { outcome: "rejected", code: "opted_out" });
      expect(JSON.stringify(await store().listEvents("default", 0, 10))).not.toContain(address.value.slice(1));
    });
  });
}

function inboxContract(open: OpenStore): void {
  describe("the inbox", () => {
    const store = useStore(open);
    const entry = (over: { messageId?: string; to?: string } = {}) => ({
      id: nextId("inb"),
      messageId: nextId("msg"),
      channel: "sms" as const,
      to: "+573001234567",
      subject: null,
      text: "123456 es tu clave",
      html: null,
      code: "123456",
      at: NOW,
      ...over,
    });

    it("keeps entries as they came and numbers them", async () => {
      const mail = { ...entry(), channel: "email" as const, subject: "Su clave", html: "<p>123456</p>", code: null };
      const first = await store().addEntry(entry());
      const second = await store().addEntry(mail);
      expect(second).toBeGreaterThan(first);
      expect((await store().listEntries({ limit: 1 }))[0]).toEqual({ ...mail, seq: second, state: "sent" });
    });

    it("lists newest first, by address and after a number", async () => {
      const seqs: number[] = [];
      for (const index of times(6, (i) => i)) {
        seqs.push(await store().addEntry(entry({ to: index % 2 === 0 ? "+573001111111" : "+573002222222" })));
      }
      const list = async (filter: { to?: string; afterSeq?: number; limit: number }) =>
        (await store().listEntries(filter)).map(({ seq }) => seqs.indexOf(seq));
      expect(await list({ limit: 10 })).toEqual([5, 4, 3, 2, 1, 0]);
      expect(await list({ limit: 2 })).toEqual([5, 4]);
      expect(await list({ to: "+573001111111", limit: 10 })).toEqual([4, 2, 0]);
      expect(await list({ afterSeq: seqs[3] ?? 0, limit: 10 })).toEqual([5, 4]);
      expect(await list({ to: "+573001111111", afterSeq: seqs[2] ?? 0, limit: 10 })).toEqual([4]);
    });

    it("shows the state of the message behind an entry", async () => {
      const message = newMessage();
      await store().enqueueMessage({ message, charges: [], now: NOW });
      await store().addEntry(entry({ messageId: message.id }));
      expect(await store().findEntry(message.id)).toMatchObject({ state: "queued" });
      await store().applyReceipt(message.id, { state: "delivered" }, NOW);
      expect(await store().findEntry(message.id)).toMatchObject({ state: "delivered" });
      expect((await store().listEntries({ limit: 1 }))[0]).toMatchObject({ state: "delivered" });
      expect(await store().findEntry("msg_nobody")).toBeNull();
    });

    it("finds the newest entry of a message that arrived twice", async () => {
      const messageId = nextId("msg");
      await store().addEntry(entry({ messageId }));
      const second = await store().addEntry(entry({ messageId }));
      expect((await store().findEntry(messageId))?.seq).toBe(second);
    });

    it("is emptied, and goes on counting", async () => {
      const before = await store().addEntry(entry());
      await store().clear();
      expect(await store().listEntries({ limit: 10 })).toEqual([]);
      expect(await store().addEntry(entry())).toBeGreaterThan(before);
    });

    it("keeps the newest ten thousand", async () => {
      const seqs: number[] = [];
      for (const count of [...times(INBOX_CAP / 1_000, () => 1_000), 25]) {
        seqs.push(...(await Promise.all(times(count, () => store().addEntry(entry())))));
      }
      const kept = (await store().listEntries({ limit: 2 * INBOX_CAP })).map(({ seq }) => seq);
      expect(kept).toEqual(seqs.toSorted((a, b) => b - a).slice(0, INBOX_CAP));
    });
  });
}
