import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { ProofClaims } from "../ports/proof-signer.ts";
import { createProofSigner } from "./proof-signer.ts";

const newPem = () => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

const ISSUER = "https://sms.shop.example";
const NOW = Date.UTC(2026, 0, 5, 12);
const claims: ProofClaims = {
  verificationId: "ver_1",
  tenant: "default",
  subject: "user-1",
  channel: "sms",
  address: "+573001234567",
  purpose: "verification",
  issuedAt: NOW + 750,
};

const verifyWith = (keySet: ReturnType<typeof createProofSigner>["keySet"], token: string, at = NOW) =>
  jwtVerify(token, createLocalJWKSet(structuredClone(keySet) as never), {
    issuer: ISSUER,
    audience: "default",
    typ: "verification+jwt",
    algorithms: ["EdDSA"],
    currentDate: new Date(at),
  });

describe("a proof", () => {
  const signer = createProofSigner(newPem(), ISSUER);

  it("is verified by anybody who has the key set, and says what was proved", async () => {
    const { payload, protectedHeader } = await verifyWith(signer.keySet, await signer.sign(claims));
    expect(payload).toEqual({
      iss: ISSUER,
      aud: "default",
      sub: "user-1",
      jti: "ver_1",
      channel: "sms",
      address: "+573001234567",
      purpose: "verification",
      iat: NOW / 1_000,
      exp: NOW / 1_000 + 600,
    });
    expect(protectedHeader).toEqual({ alg: "EdDSA", typ: "verification+jwt", kid: signer.keySet.keys[0]?.["kid"] });
  });

  it("lives ten minutes", async () => {
    const token = await signer.sign(claims);
    await expect(verifyWith(signer.keySet, token, NOW + 599_000)).resolves.toBeDefined();
    await expect(verifyWith(signer.keySet, token, NOW + 600_000)).rejects.toMatchObject({ code: "ERR_JWT_EXPIRED" });
  });

  it("names no subject for the open flow", async () => {
    const { payload } = await verifyWith(signer.keySet, await signer.sign({ ...claims, subject: "" }));
    expect(payload).not.toHaveProperty("sub");
  });

  it("does not stand with the key of another gateway", async () => {
    const other = createProofSigner(newPem(), ISSUER);
    await expect(verifyWith(other.keySet, await signer.sign(claims))).rejects.toThrow();
  });

  it("does not stand when one letter of it changes", async () => {
    const [header = "", payload = "", signature = ""] = (await signer.sign(claims)).split(".");
    const swapped = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    for (const forged of [
      [header, Buffer.from(JSON.stringify({ sub: "mallory" })).toString("base64url"), signature],
      [header, payload, swapped],
      [header, payload, ""],
    ]) {
      await expect(verifyWith(signer.keySet, forged.join("."))).rejects.toThrow();
    }
  });
});

describe("the key set", () => {
  it("holds the public key alone, named by its thumbprint", async () => {
    const { keySet } = createProofSigner(newPem(), ISSUER);
    const [key] = keySet.keys;
    expect(keySet.keys).toHaveLength(1);
    expect(Object.keys(key ?? {}).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    expect(key).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
    expect(key?.["kid"]).toBe(await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x: String(key?.["x"]) }));
  });

  it("stays the same for the same key", async () => {
    const pem = newPem();
    const [one, two] = [createProofSigner(pem, ISSUER), createProofSigner(pem, "https://other.example")];
    expect(one.keySet).toEqual(two.keySet);
    expect(decodeProtectedHeader(await two.sign(claims)).kid).toBe(one.keySet.keys[0]?.["kid"]);
  });
});
