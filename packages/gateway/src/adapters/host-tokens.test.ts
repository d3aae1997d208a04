import { createHmac, type webcrypto } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHostTokens, type HostTokensOptions } from "./host-tokens.ts";

const NOW = Date.UTC(2026, 0, 5, 12);
const SECONDS = NOW / 1_000;
const LEEWAY = 30;
const SECRET = "a-shared-secret-of-the-host-application-0123456789";

const base = { secretKey: SECRET, jwksUrl: undefined, issuer: undefined, audience: undefined, now: () => NOW };
const tokensOf = (over: Partial<HostTokensOptions> = {}) => createHostTokens({ ...base, ...over });

const claims: JWTPayload = { sub: "user-1", iat: SECONDS - 10, exp: SECONDS + 3_600 };

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const text = new TextEncoder();

/** Signs by hand, so that a token may say anything. */
const sign = (
  payload: unknown,
  header: object = { alg: "HS256", typ: "JWT" },
  key: string | Buffer = SECRET,
): string => {
  const input = `${encode(header)}.${typeof payload === "string" ? payload : encode(payload)}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
};

describe("a token of the host with the shared secret", () => {
  it("identifies its bearer", async () => {
    const token = sign({ ...claims, email: "ana@shop.example", phone_number: "300 123 4567", name: "Ana" });
    expect(await tokensOf().verify(token)).toEqual({
      sub: "user-1",
      issuedAt: NOW - 10_000,
      phone: "300 123 4567",
      email: "ana@shop.example",
      name: "Ana",
    });
  });

  it("may name things in Spanish, and needs nothing but sub and exp", async () => {
    expect(await tokensOf().verify(sign({ ...claims, telefono: "3001234567", nombre: "Ana" }))).toMatchObject({
      phone: "3001234567",
      name: "Ana",
    });
    expect(await tokensOf().verify(sign({ sub: "u", exp: SECONDS + 1 }))).toEqual({
      ...{ sub: "u", issuedAt: 0, phone: null, email: null, name: null },
    });
  });

  it("reads a numeric sub as text, and other claims only as text", async () => {
    expect(await tokensOf().verify(sign({ ...claims, sub: 42 }))).toMatchObject({ sub: "42" });
    const odd = { ...claims, email: ["a@b.co"], phone_number: 3001234567, name: { first: "Ana" } };
    expect(await tokensOf().verify(sign(odd))).toMatchObject({ phone: null, email: null, name: null });
  });

  it.each(["access"])("takes the type %s under any of its names", async (type) => {
    for (const claim of ["typ", "type", "token_type"]) {
      expect(await tokensOf().verify(sign({ ...claims, [claim]: type }))).not.toBeNull();
    }
  });

  it("allows clocks to differ by half a minute", async () => {
    const justEnded = sign({ ...claims, exp: SECONDS - LEEWAY + 1 });
    const aboutToBegin = sign({ ...claims, nbf: SECONDS + LEEWAY });
    expect(await tokensOf().verify(justEnded)).not.toBeNull();
    expect(await tokensOf().verify(aboutToBegin)).not.toBeNull();
  });

  const [, , goodSignature = ""] = sign(claims).split(".");
  const unsigned = (alg: string) => `${encode({ alg, typ: "JWT" })}.${encode(claims)}.`;
  const refused: readonly (readonly [what: string, token: string])[] = [
    ["alg none", unsigned("none")],
    ["alg NONE", unsigned("NONE")],
    ["alg nOnE with a signature", `${unsigned("nOnE")}${goodSignature}`],
    ["no alg", sign(claims, { typ: "JWT" })],
    ["another algorithm of the family", sign(claims, { alg: "HS512" })],
    ["an asymmetric algorithm", sign(claims, { alg: "RS256" })],
    ["another key", sign(claims, { alg: "HS256" }, "another-secret-of-at-least-32-characters")],
    ["an empty key", sign(claims, { alg: "HS256" }, "")],
    ["a kid that points to a file", sign(claims, { alg: "HS256", kid: "../../dev/null" }, "")],
    ["its own jwk", sign(claims, { alg: "HS256", jwk: { kty: "oct", k: encode("x") } }, "x")],
    ["a critical header that nobody knows", sign(claims, { alg: "HS256", crit: ["exp"], exp: 1 })],
    ["no signature", sign(claims).replace(/[^.]*$/, "")],
    ["a signature cut short", sign(claims).slice(0, -2)],
    ["a signature with padding", `${sign(claims)}==`],
    [
      "another payload under the signature",
      `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ ...claims, sub: "x" })}.${goodSignature}`,
    ],
    ["two parts", sign(claims).split(".").slice(0, 2).join(".")],
    ["four parts", `${sign(claims)}.x`],
    ["white space", ` ${sign(claims)}`],
    ["no token at all", ""],
    ["null", "null"],
    ["a payload that is no JSON", sign(Buffer.from("sub=user-1").toString("base64url"))],
    ["a payload that is an array", sign([claims])],
    ["a header that is no JSON", `bm9wZQ.${encode(claims)}.${goodSignature}`],
    ["a megabyte of zeros", `${"A".repeat(1_000_000)}.${"A".repeat(1_000)}.AAAA`],
    ["an end in the past", sign({ ...claims, exp: SECONDS - LEEWAY })],
    ["no end", sign({ sub: "user-1", iat: SECONDS })],
    ["an end that is text", sign({ ...claims, exp: String(SECONDS + 60) })],
    ["an end that is null", sign({ ...claims, exp: null })],
    ["a beginning in an hour", sign({ ...claims, nbf: SECONDS + 3_600 })],
    ["an issue time that is text", sign({ ...claims, iat: "today" })],
    ["no sub", sign({ exp: SECONDS + 60 })],
    ["an empty sub", sign({ ...claims, sub: "" })],
    ["a sub that is an object", sign({ ...claims, sub: { id: 1 } })],
    ["a sub that is a list", sign({ ...claims, sub: ["user-1"] })],
    ["a sub that is true", sign({ ...claims, sub: true })],
    ["a sub of 256 letters", sign({ ...claims, sub: "x".repeat(256) })],
    ["typ refresh", sign({ ...claims, typ: "refresh" })],
    ["type reset", sign({ ...claims, type: "reset" })],
    ["token_type refresh", sign({ ...claims, token_type: "refresh" })],
    ["a type that is a list", sign({ ...claims, type: ["access"] })],
    ["one access type and one refresh", sign({ ...claims, typ: "access", type: "refresh" })],
  ];

  it.each(refused)("is refused for %s", async (_what, token) => {
    expect(await tokensOf().verify(token)).toBeNull();
  });

  it("is refused when there is no secret to check it with", async () => {
    expect(await tokensOf({ secretKey: undefined }).verify(sign(claims))).toBeNull();
  });

  it("checks issuer and audience when they are set", async () => {
    const strict = tokensOf({ issuer: "mestore", audience: "sms" });
    expect(await strict.verify(sign({ ...claims, iss: "mestore", aud: "sms" }))).not.toBeNull();
    expect(await strict.verify(sign({ ...claims, iss: "mestore", aud: ["web", "sms"] }))).not.toBeNull();
    for (const wrong of [
      {},
      { iss: "mestore" },
      { aud: "sms" },
      { iss: "other", aud: "sms" },
      { iss: "mestore", aud: "web" },
      { iss: "mestore", aud: [] },
      { iss: ["mestore"], aud: "sms" },
    ]) {
      expect(await strict.verify(sign({ ...claims, ...wrong }))).toBeNull();
    }
  });
});

describe("a token of the host with a key set", () => {
  interface HostKey {
    readonly kid: string;
    readonly privateKey: webcrypto.CryptoKey;
    readonly publicKey: webcrypto.CryptoKey;
    readonly jwk: JWK;
  }

  async function newKey(kid: string, alg = "RS256"): Promise<HostKey> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
  }
  const signWith = ({ privateKey, kid, jwk }: HostKey, payload: JWTPayload = claims) =>
    new SignJWT(payload).setProtectedHeader({ alg: jwk.alg ?? "RS256", kid }).sign(privateKey);

  let server: Server;
  let url: string;
  let served: { status: number; body: string; reads: number };
  const serveKeys = (...keys: readonly JWK[]) => {
    served.body = JSON.stringify({ keys });
  };

  beforeEach(async () => {
    served = { status: 200, body: '{"keys":[]}', reads: 0 };
    server = createServer((_request, response) => {
      served.reads += 1;
      response.writeHead(served.status, { "content-type": "application/json" }).end(served.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(["RS256", "PS256", "ES256", "EdDSA"])("identifies its bearer with %s", async (alg) => {
    const key = await newKey("one", alg);
    serveKeys(key.jwk);
    expect(await tokensOf({ jwksUrl: url }).verify(await signWith(key))).toMatchObject({ sub: "user-1" });
  });

  it("reads the set once for many tokens at once", async () => {
    const key = await newKey("one", "ES256");
    serveKeys(key.jwk);
    const tokens = tokensOf({ jwksUrl: url });
    const token = await signWith(key);
    const bearers = await Promise.all(Array.from({ length: 50 }, () => tokens.verify(token)));
    expect(bearers.every((bearer) => bearer?.sub === "user-1")).toBe(true);
    expect(served.reads).toBe(1);
  });

  it("takes the new key while both are served, and only the new one in a gateway that starts later", async () => {
    const [old, next] = [await newKey("old", "ES256"), await newKey("next", "ES256")];
    serveKeys(old.jwk, next.jwk);
    const during = tokensOf({ jwksUrl: url });
    expect(await during.verify(await signWith(old))).not.toBeNull();
    expect(await during.verify(await signWith(next))).not.toBeNull();
    serveKeys(next.jwk);
    const later = tokensOf({ jwksUrl: url });
    expect(await later.verify(await signWith(next))).not.toBeNull();
    expect(await later.verify(await signWith(old))).toBeNull();
  });

  it("refuses the shared secret, and a public key used as one", async () => {
    const key = await newKey("one");
    serveKeys(key.jwk);
    const tokens = tokensOf({ jwksUrl: url });
    const pem = await exportSPKI(key.publicKey);
    expect(await tokens.verify(sign(claims))).toBeNull();
    for (const secret of [pem, pem.trim(), JSON.stringify(key.jwk)]) {
      expect(await tokens.verify(sign(claims, { alg: "HS256", kid: "one" }, secret))).toBeNull();
    }
  });

  it("refuses a symmetric key in the set", async () => {
    serveKeys({ kty: "oct", kid: "one", alg: "HS256", k: Buffer.from(text.encode(SECRET)).toString("base64url") });
    expect(await tokensOf({ jwksUrl: url }).verify(sign(claims, { alg: "HS256", kid: "one" }))).toBeNull();
  });

  it("refuses a key that is not in the set, and a known name on another key", async () => {
    const [known, stranger] = [await newKey("one", "ES256"), await newKey("two", "ES256")];
    serveKeys(known.jwk);
    const tokens = tokensOf({ jwksUrl: url });
    expect(await tokens.verify(await signWith(stranger))).toBeNull();
    expect(await tokens.verify(await signWith({ ...stranger, kid: "one" }))).toBeNull();
  });

  it("refuses an ended token and a refresh token all the same", async () => {
    const key = await newKey("one", "ES256");
    serveKeys(key.jwk);
    const tokens = tokensOf({ jwksUrl: url });
    expect(await tokens.verify(await signWith(key, { ...claims, exp: SECONDS - LEEWAY }))).toBeNull();
    expect(await tokens.verify(await signWith(key, { ...claims, typ: "refresh" }))).toBeNull();
  });

  it.each([
    { what: "answers 500", status: 500, body: "oops" },
    { what: "answers 404", status: 404, body: "not here" },
    { what: "serves no JSON", status: 200, body: "<html>" },
    { what: "serves no key set", status: 200, body: '{"key":1}' },
  ])("is not refused but unavailable when the host $what", async ({ status, body }) => {
    const token = await signWith(await newKey("one", "ES256"));
    Object.assign(served, { status, body });
    await expect(tokensOf({ jwksUrl: url }).verify(token)).rejects.toMatchObject({
      code: "service_unavailable",
      details: { retryAfterSeconds: 5 },
    });
  });

  it("is not refused but unavailable when nobody listens", async () => {
    const token = await signWith(await newKey("one", "ES256"));
    const gone = tokensOf({ jwksUrl: "http://127.0.0.1:9/jwks.json" });
    await expect(gone.verify(token)).rejects.toMatchObject({ code: "service_unavailable" });
  });

  it("refuses nonsense without asking the host", async () => {
    const tokens = tokensOf({ jwksUrl: url });
    for (const token of ["", "null", "a.b.c", sign(claims), `${encode({ alg: "none" })}.${encode(claims)}.`]) {
      expect(await tokens.verify(token)).toBeNull();
    }
    expect(served.reads).toBe(0);
  });
});
