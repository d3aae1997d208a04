import type { Verification } from "./verification.ts";

/** What a code is bound to: change one field and it is another code. */
export type CodeBinding = Pick<Verification, "id" | "tenant" | "purpose" | "subject" | "address" | "salt">;

const text = new TextEncoder();
const CODE_VERSION = text.encode("otp.v1");

/** Writes each field after its length (32 bits, big endian), so that no two bindings share an encoding. */
export function encodeBinding(binding: CodeBinding): Uint8Array {
  const { salt, id, tenant, purpose, subject, address } = binding;
  const texts = [id, tenant, purpose, subject, address.value].map((field) => text.encode(field));
  const fields = [CODE_VERSION, salt, ...texts];
  const encoded = new Uint8Array(fields.reduce((size, field) => size + 4 + field.length, 0));
  const view = new DataView(encoded.buffer);
  let offset = 0;
  for (const field of fields) {
    view.setUint32(offset, field.length);
    encoded.set(field, offset + 4);
    offset += 4 + field.length;
  }
  return encoded;
}

/**
 * Turns a MAC into a decimal code: its first 64 bits modulo 10^digits, leading zeros kept.
 *
 * 64 bits and not RFC 4226's 31: there the bias is visible at 8 digits and 10 digits do not fit.
 *
 * @param digits 4 to 10
 */
export function codeFromMac(mac: Uint8Array, digits: number): string {
  const first64 = new DataView(mac.buffer, mac.byteOffset, mac.byteLength).getBigUint64(0);
  return (first64 % 10n ** BigInt(digits)).toString().padStart(digits, "0");
}

/** Tells whether a text is exactly that many ASCII digits. */
export const isCode = (value: string, digits: number): boolean => value.length === digits && /^[0-9]+$/.test(value);
