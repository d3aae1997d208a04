import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import type { ProofSigner } from "../ports/proof-signer.ts";

const PROOF_LIFE_SECONDS = 600;

/** @see RFC 7638, JSON Web Key thumbprint */
const thumbprint = (jwk: { readonly x: string }): string =>
  createHash("sha256")
    .update(JSON.stringify({ crv: "Ed25519", kty: "OKP", x: jwk.x }))
    .digest("base64url");

const publicJwk = (key: KeyObject): { readonly x: string } => {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  if (x === undefined) throw new Error("the proof key has no public part");
  return { x };
};

/**
 * Signs proofs with an Ed25519 key.
 *
 * @param privateKey PKCS #8, PEM
 * @param issuer `PUBLIC_URL`
 * @see RFC 8037 (EdDSA in JOSE), RFC 7519
 */
export function createProofSigner(privateKey: string, issuer: string): ProofSigner {
  const key = createPrivateKey(privateKey);
  const jwk = publicJwk(key);
  const kid = thumbprint(jwk);
  return {
    keySet: { keys: [{ kty: "OKP", crv: "Ed25519", x: jwk.x, kid, alg: "EdDSA", use: "sig" }] },
    sign: ({ verificationId, tenant, subject, channel, address, purpose, issuedAt }) => {
      const iat = Math.floor(issuedAt / 1000);
      const claims = { channel, address, purpose };
      const token = new SignJWT(claims)
        .setProtectedHeader({ alg: "EdDSA", typ: "verification+jwt", kid })
        .setIssuer(issuer)
        .setAudience(tenant)
        .setJti(verificationId)
        .setIssuedAt(iat)
        .setExpirationTime(iat + PROOF_LIFE_SECONDS);
      return (subject === "" ? token : token.setSubject(subject)).sign(key);
    },
  };
}
