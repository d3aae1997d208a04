import {
  createHmac,
  createSecretKey,
  randomBytes as freshBytes,
  hash,
  type KeyObject,
  randomFillSync,
  timingSafeEqual,
} from "node:crypto";
import type { Clock } from "../ports/clock.ts";
import type { Secrets } from "../ports/secrets.ts";

/** Where time comes from. */
export interface TimeSource {
  /** Epoch milliseconds; an administrator or NTP may set it back. */
  readonly wallMs: () => number;
  /** Milliseconds since some instant; never set. */
  readonly steadyMs: () => number;
}

const MACHINE: TimeSource = { wallMs: () => Date.now(), steadyMs: () => performance.now() };

/** Node fires longer timers at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const sleep: Clock["sleep"] = (ms, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(ms, LONGEST_TIMER_MS));
    signal?.addEventListener("abort", wake);
  });

/**
 * The machine's clock, except that it never goes backwards: when the wall clock is set back, time goes on at the
 * steady clock's pace, so that lives and limits keep their length. A wall clock set forward is followed.
 */
export function createSystemClock(source: TimeSource = MACHINE): Clock {
  let latest = source.wallMs();
  let latestSteady = source.steadyMs();
  return {
    now() {
      const steady = source.steadyMs();
      latest = Math.max(source.wallMs(), latest + Math.max(0, steady - latestSteady));
      latestSteady = steady;
      return Math.floor(latest);
    },
    sleep,
  };
}

/** A clock that several processes share because each is set by the database they share. */
export interface SharedClock extends Clock {
  /**
   * Sets it by the database, backwards too: then all processes agree again. Between two settings the machine's steady
   * clock runs, whatever its wall clock does.
   *
   * @param readMs the database's time, epoch milliseconds
   */
  set(readMs: () => Promise<number>): Promise<void>;
}

/** @throws before `set` has succeeded once, nothing may ask for the time */
export function createSharedClock(source: TimeSource = MACHINE): SharedClock {
  let offset: number | null = null;
  return {
    now() {
      if (offset === null) throw new Error("the clock was not set by the database yet");
      return Math.floor(source.steadyMs() + offset);
    },
    sleep,
    async set(readMs) {
      const askedAt = source.steadyMs();
      const databaseMs = await readMs();
      const answeredAt = source.steadyMs();
      const next = databaseMs - (askedAt + answeredAt) / 2;
      // Within half of the way there and back nobody knows better.
      if (offset === null || Math.abs(next - offset) > (answeredAt - askedAt) / 2) offset = next;
    },
  };
}

const POOL_BYTES = 8192;
const KID_CHARS = 8;
/** 132 bits. */
const SEAL_CHARS = 22;

/** Names an OTP secret in rows and logs: 48 bits that tell nothing of it. */
const toKid = (secret: string): string => hash("sha256", `otp.kid.v1:${secret}`, "base64url").slice(0, KID_CHARS);

/** Random bytes cut from a pool: asking the system for each id costs more than all the rest of making one. */
function createRandomBytes(): (size: number) => Uint8Array {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return (size) => {
    if (size > POOL_BYTES) return new Uint8Array(freshBytes(size));
    if (used + size > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const bytes = pool.slice(used, used + size);
    pool.fill(0, used, used + size);
    used += size;
    return bytes;
  };
}

/**
 * Keys and chance from `node:crypto`.
 *
 * @param otpSecretPrevious still derives the codes that were made before a rotation
 */
export function createSecrets({
  otpSecret,
  otpSecretPrevious,
}: {
  readonly otpSecret: string;
  readonly otpSecretPrevious: string | undefined;
}): Secrets {
  const keys = new Map<string, KeyObject>();
  for (const secret of [otpSecretPrevious, otpSecret]) {
    if (secret !== undefined) keys.set(toKid(secret), createSecretKey(secret, "utf8"));
  }
  const randomBytes = createRandomBytes();
  const derive = (secret: string, use: string): KeyObject =>
    createSecretKey(createHmac("sha256", secret).update(use).digest());
  const addressKey = derive(otpSecret, "address.v1");
  const sealKey = derive(otpSecret, "seal.v1");
  const sealKeys = otpSecretPrevious === undefined ? [sealKey] : [sealKey, derive(otpSecretPrevious, "seal.v1")];
  const sealWith = (key: KeyObject, text: string): string =>
    createHmac("sha256", key).update(text).digest("base64url").slice(0, SEAL_CHARS);
  const isEqual = (a: string, b: string): boolean => {
    const [left, right] = [Buffer.from(a), Buffer.from(b)];
    return left.length === right.length && timingSafeEqual(left, right);
  };
  return {
    randomBytes,
    randomText: (size) => Buffer.from(randomBytes(size)).toString("base64url"),
    currentKid: toKid(otpSecret),
    codeMac(kid, message) {
      const key = keys.get(kid);
      return key === undefined ? null : createHmac("sha256", key).update(message).digest();
    },
    isEqual,
    seal: (text) => sealWith(sealKey, text),
    isSealed: (text, seal) => sealKeys.some((key) => isEqual(sealWith(key, text), seal)),
    hashAddress: (address) => `~${createHmac("sha256", addressKey).update(address).digest("base64url")}`,
    fingerprint: (text) => hash("sha256", text, "base64url"),
  };
}
