import { afterEach, describe, expect, it } from "vitest";
import { openParts, type Parts, type PartsOptions, settle } from "../../test/doubles.ts";
import type { Bearer } from "../ports/host-tokens.ts";
import type { Caller, SendRequest } from "./accounts.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;
const TYPED = "300 123 4567";
const PHONE = "+573001234567";

let parts: Parts | undefined;
afterEach(async () => {
  await parts?.close();
  parts = undefined;
});
const open = async (options: Partial<PartsOptions> = {}): Promise<Parts> => {
  parts = await openParts({ now: NOW, ...options });
  return parts;
};

const anybody = (to = TYPED): Caller => ({ kind: "open", to });
const tokenOf = (sub = "user-1"): Bearer => ({ sub, issuedAt: NOW, phone: null, email: null, name: null });
const signedIn = (sub = "user-1"): Caller => ({ kind: "bearer", bearer: tokenOf(sub) });
const send = ({ accounts }: Parts, caller: Caller, over: Partial<SendRequest> = {}) =>
  accounts.send({ caller, channel: "sms", locale: "es", clientAddress: "192.0.2.1", waitMs: 0, ...over });
const verify = ({ accounts }: Parts, caller: Caller, code: string) => accounts.verify({ caller, channel: "sms", code });
const verifyEmail = ({ accounts }: Parts, caller: Caller, code: string) =>
  accounts.verify({ caller, channel: "email", code });
const lastCode = async (all: Parts, channel: "sms" | "email" = "sms"): Promise<string> => {
  await settle();
  return all[channel].calls.at(-1)?.code ?? "";
};
const wrong = (code: string): string => (code === "000000" ? "000001" : "000000");

describe("the open flow", () => {
  it("goes from a number to a verified number and a proof", async () => {
    const all = await open({ limits: { cooldownMs: MINUTE } });
    const sent = await send(all, anybody());
    expect(sent.state).toMatchObject({
      phoneVerified: false,
      emailVerified: false,
      otps: {
        sms: { isActive: true, expiresAt: NOW + 10 * MINUTE, canRequestNew: false, isBlocked: false, attempts: 0 },
        email: { isActive: false, expiresAt: null, canRequestNew: true },
      },
    });
    const { state, proof } = await verify(all, anybody("+57 300-123-4567"), await lastCode(all));
    expect(state).toMatchObject({ phoneVerified: true, emailVerified: false });
    expect(state.otps.sms).toMatchObject({ isActive: false, expiresAt: null, attempts: 0 });
    expect(JSON.parse(proof)).toEqual({
      ...{ verificationId: sent.verification.id, tenant: "default", subject: "", channel: "sms", address: PHONE },
      ...{ purpose: "verification", issuedAt: NOW },
    });
  });

  it("counts wrong codes and says how many are left", async () => {
    const all = await open();
    await send(all, anybody());
    const code = await lastCode(all);
    for (const attemptsRemaining of [4, 3, 2, 1]) {
      await expect(verify(all, anybody(), wrong(code))).rejects.toMatchObject({
        code: "code_incorrect",
        details: { attemptsRemaining },
      });
    }
    await expect(verify(all, anybody(), wrong(code))).rejects.toMatchObject({ code: "attempts_exhausted" });
    await expect(verify(all, anybody(), code)).rejects.toMatchObject({
      code: "too_many_failures",
      details: { retryAfterSeconds: 60 },
    });
    await expect(send(all, anybody())).rejects.toMatchObject({ code: "too_many_failures" });
    await all.clock.advance(MINUTE);
    await expect(verify(all, anybody(), code)).rejects.toMatchObject({ code: "no_active_code" });
  });

  it.each(["", "12345", "1234567", "12345a", "１２３４５６", " 123456"])(
    "takes no code of the shape %j",
    async (code) => {
      const all = await open();
      await send(all, anybody());
      await expect(verify(all, anybody(), code)).rejects.toMatchObject({
        code: "code_malformed",
        details: { digits: 6 },
      });
      const state = await all.store.readAddressState(
        { tenant: "default", purpose: "verification", subject: "" },
        { kind: "phone", value: PHONE },
        NOW,
      );
      expect(state.latest).toMatchObject({ attempts: 0 });
    },
  );

  it("never says whose a number is, nor that it was verified before", async () => {
    const all = await open();
    await all.contacts.put("default", "user-1", { phone: TYPED });
    await send(all, signedIn());
    await verify(all, signedIn(), await lastCode(all));
    const { state } = await send(all, anybody());
    expect(state.phoneVerified).toBe(false);
  });

  it("says that a code has expired", async () => {
    const all = await open();
    await send(all, anybody());
    const code = await lastCode(all);
    await all.clock.advance(10 * MINUTE);
    await expect(verify(all, anybody(), code)).rejects.toMatchObject({ code: "code_expired" });
  });

  it("verifies an e-mail address apart from a number", async () => {
    const all = await open();
    const mail = anybody("Ana@Shop.Example");
    await send(all, mail, { channel: "email" });
    const { state } = await verifyEmail(all, mail, await lastCode(all, "email"));
    expect(state).toMatchObject({ phoneVerified: false, emailVerified: true });
    expect(all.sms.calls).toEqual([]);
  });

  it("tells what became of the send when it waits for it", async () => {
    const all = await open({ sms: () => ({ outcome: "rejected", code: "phone_landline" }) });
    const { message, state } = await send(all, anybody(), { waitMs: 4_000 });
    expect(message).toMatchObject({ state: "failed", errorCode: "phone_landline" });
    expect(state.otps.sms).toMatchObject({
      isActive: false,
      lastMessage: { state: "failed", errorCode: "phone_landline" },
    });
  });
});

describe("a signed-in user", () => {
  it("verifies the number on record, which marks the contact", async () => {
    const all = await open();
    await all.contacts.put("default", "user-1", { phone: TYPED, name: "Ana" });
    const sent = await send(all, signedIn());
    expect(sent.state.phoneVerified).toBe(false);
    const code = await lastCode(all);
    expect(all.sms.calls[0]).toMatchObject({ to: PHONE, userName: "Ana" });
    const { state, proof } = await verify(all, signedIn(), code);
    expect(state.phoneVerified).toBe(true);
    expect(JSON.parse(proof)).toMatchObject({ subject: "user-1", address: PHONE });
    expect(await all.accounts.state(tokenOf())).toMatchObject({ phoneVerified: true, emailVerified: false });
    await expect(send(all, signedIn())).rejects.toMatchObject({ code: "phone_already_verified" });
  });

  it("is told when there is nothing on record", async () => {
    const all = await open();
    await expect(send(all, signedIn())).rejects.toMatchObject({ code: "phone_missing" });
    await expect(send(all, signedIn(), { channel: "email" })).rejects.toMatchObject({ code: "email_missing" });
    await expect(verify(all, signedIn(), "123456")).rejects.toMatchObject({ code: "phone_missing" });
    await expect(verifyEmail(all, signedIn(), "123456")).rejects.toMatchObject({ code: "email_missing" });
    expect(await all.accounts.state(tokenOf())).toMatchObject({ phoneVerified: false, emailVerified: false });
  });

  it("cannot spend the code of the open flow or of another user, nor they theirs", async () => {
    const all = await open();
    for (const sub of ["user-1", "user-2"]) await all.contacts.put("default", sub, { phone: TYPED });
    await send(all, signedIn("user-1"));
    const code = await lastCode(all);
    for (const stranger of [anybody(), signedIn("user-2")]) {
      await expect(verify(all, stranger, code)).rejects.toMatchObject({ code: "no_active_code" });
    }
    await send(all, anybody());
    expect(await lastCode(all)).not.toBe(code);
    expect((await verify(all, signedIn("user-1"), code)).state.phoneVerified).toBe(true);
    expect(await all.accounts.state(tokenOf("user-2"))).toMatchObject({ phoneVerified: false });
  });

  it("finds no code after the number changed, and the old code proves nothing", async () => {
    const all = await open();
    await all.contacts.put("default", "user-1", { phone: TYPED });
    await send(all, signedIn());
    const code = await lastCode(all);
    await all.contacts.put("default", "user-1", { phone: "3109999999" });
    await expect(verify(all, signedIn(), code)).rejects.toMatchObject({ code: "no_active_code" });
    expect(await all.accounts.state(tokenOf())).toMatchObject({ phoneVerified: false });
  });

  it("has an address for each channel", async () => {
    const all = await open();
    await all.contacts.put("default", "user-1", { phone: TYPED, email: "ana@shop.example" });
    await send(all, signedIn());
    const smsCode = await lastCode(all);
    await send(all, signedIn(), { channel: "email" });
    const mailCode = await lastCode(all, "email");
    await verifyEmail(all, signedIn(), mailCode);
    expect(await all.accounts.state(tokenOf())).toMatchObject({ phoneVerified: false, emailVerified: true });
    await verify(all, signedIn(), smsCode);
    expect(await all.accounts.state(tokenOf())).toMatchObject({ phoneVerified: true, emailVerified: true });
  });

  it("reads waits and cool-downs in the state", async () => {
    const all = await open({ limits: { cooldownMs: MINUTE } });
    await all.contacts.put("default", "user-1", { phone: TYPED });
    await send(all, signedIn());
    const code = await lastCode(all);
    expect((await all.accounts.state(tokenOf())).otps.sms).toMatchObject({ canRequestNew: false, isBlocked: false });
    for (let guess = 0; guess < 5; guess++) await verify(all, signedIn(), wrong(code)).catch(() => undefined);
    expect((await all.accounts.state(tokenOf())).otps.sms).toMatchObject({
      ...{ isActive: false, canRequestNew: false, isBlocked: true, attempts: 0 },
    });
    await all.clock.advance(MINUTE);
    expect((await all.accounts.state(tokenOf())).otps.sms).toMatchObject({ canRequestNew: true, isBlocked: false });
  });
});

describe("a send with an idempotency key", () => {
  it("keeps a first answer in its commit that agrees with what is read later", async () => {
    const all = await open({ limits: { cooldownMs: MINUTE } });
    await all.store.claimKey({ key: "k", request: "r", now: NOW });
    const { state } = await send(all, anybody(), {
      idempotency: { key: "k", answer: (sent) => ({ status: 202, body: JSON.stringify(sent.state) }) },
    });
    const claim = await all.store.claimKey({ key: "k", request: "r", now: NOW });
    if (claim.kind !== "replay") throw new Error(claim.kind);
    expect(JSON.parse(claim.answer.body)).toEqual(state);
  });
});
