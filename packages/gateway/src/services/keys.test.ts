import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, openTemporaryStore, type TemporaryStore } from "../../test/doubles.ts";
import { createSecrets } from "../adapters/system.ts";
import type { KeyStore } from "../ports/key-store.ts";
import { createKeys, type Keys } from "./keys.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const CACHE_MS = 5_000;
const secrets = createSecrets({ otpSecret: "a-secret-for-tests-only-0123456789", otpSecretPrevious: undefined });

let temporary: TemporaryStore;
let clock: ManualClock;
let keys: Keys;
let lookUps: number;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  clock = manualClock(NOW);
  lookUps = 0;
  const counted: KeyStore = {
    ...temporary.store,
    findKey: (fingerprint) => {
      lookUps += 1;
      return temporary.store.findKey(fingerprint);
    },
  };
  keys = createKeys(counted, clock, secrets);
});
afterEach(() => temporary.close());

const INVALID = { code: "credentials_invalid" };

describe("API keys", () => {
  it("are 256 random bits, shown once, and only their fingerprint is kept", async () => {
    const { key, secret } = await keys.create({ name: "server", scopes: ["send"] });
    expect(secret).toMatch(/^sk_[A-Za-z0-9_-]{43}$/);
    expect(key).toEqual({
      ...{ id: expect.stringMatching(/^key_/), tenant: "default", name: "server" },
      ...{ scopes: ["send"], createdAt: NOW, revokedAt: null },
    });
    expect(JSON.stringify(await keys.list())).not.toContain(secret.slice(3));
    expect(await temporary.store.findKey(secret)).toBeNull();
    expect(await temporary.store.findKey(secrets.fingerprint(secret))).toEqual(key);
    expect((await keys.create({ name: "server", scopes: ["send"] })).secret).not.toBe(secret);
  });

  it("open what their scopes name, for their tenant", async () => {
    const { key, secret } = await keys.create({ name: "server", scopes: ["send", "read"], tenant: "shop" });
    expect(await keys.authorize(secret, "send")).toEqual(key);
    expect((await keys.authorize(secret, "read")).tenant).toBe("shop");
    await expect(keys.authorize(secret, "verify")).rejects.toMatchObject({ code: "scope_missing" });
    await expect(keys.authorize(secret, "operate")).rejects.toMatchObject({ code: "scope_missing" });
  });

  it("are refused when they are not whole, and when they are nobody's", async () => {
    const { secret } = await keys.create({ name: "server", scopes: ["send"] });
    for (const wrong of ["", "sk_", secret.slice(0, -1), `${secret}x`, secret.toUpperCase(), ` ${secret}`]) {
      await expect(keys.authorize(wrong, "send")).rejects.toMatchObject(INVALID);
    }
  });

  it("are looked up once in five seconds", async () => {
    const { secret } = await keys.create({ name: "server", scopes: ["send"] });
    for (let call = 0; call < 100; call++) await keys.authorize(secret, "send");
    expect(lookUps).toBe(1);
    await clock.advance(CACHE_MS - 1);
    await keys.authorize(secret, "send");
    expect(lookUps).toBe(1);
    await clock.advance(1);
    await keys.authorize(secret, "send");
    expect(lookUps).toBe(2);
  });

  it("are looked up once in five seconds too when they are nobody's", async () => {
    for (let call = 0; call < 20; call++) {
      await expect(keys.authorize("sk_guess", "send")).rejects.toMatchObject(INVALID);
    }
    expect(lookUps).toBe(1);
  });

  it("stop at once where they are revoked", async () => {
    const { key, secret } = await keys.create({ name: "server", scopes: ["send"] });
    await keys.authorize(secret, "send");
    await keys.revoke(key.id);
    await expect(keys.authorize(secret, "send")).rejects.toMatchObject(INVALID);
    expect(await keys.list()).toEqual([{ ...key, revokedAt: NOW }]);
    await expect(keys.revoke(key.id)).rejects.toMatchObject({ code: "not_found" });
    await expect(keys.revoke("key_nobody")).rejects.toMatchObject({ code: "not_found" });
  });

  it("stop within five seconds when another process revokes them", async () => {
    const { key, secret } = await keys.create({ name: "server", scopes: ["send"] });
    await keys.authorize(secret, "send");
    await temporary.store.revokeKey(key.id, NOW);
    await clock.advance(CACHE_MS);
    await expect(keys.authorize(secret, "send")).rejects.toMatchObject(INVALID);
  });

  it("may be adopted with a secret that exists, again and again", async () => {
    for (const name of ["development", "again"]) await keys.adopt("sk_dev_secret", { name, scopes: ["operate"] });
    expect(await keys.authorize("sk_dev_secret", "operate")).toMatchObject({ name: "development" });
    expect(await keys.list()).toHaveLength(1);
  });

  it("do not fill the memory with guesses", async () => {
    const { secret } = await keys.create({ name: "server", scopes: ["send"] });
    for (let guess = 0; guess < 2_500; guess++) {
      await keys.authorize(`sk_${guess}`, "send").catch(() => undefined);
    }
    expect(await keys.authorize(secret, "send")).toMatchObject({ name: "server" });
  });
});
