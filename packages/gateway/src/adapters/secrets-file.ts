import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const FILE_NAME = "secrets.json";
const SECRET_BYTES = 32;

/** Everything the gateway signs, derives and lets in with while nobody has given it real secrets. */
export interface DevelopmentSecrets {
  readonly otpSecret: string;
  /** Verifies the host application's tokens (HS256). */
  readonly secretKey: string;
  /** PKCS8 PEM, Ed25519. */
  readonly proofPrivateKey: string;
  /** An API key of surface B, `sk_dev_…`, 256 random bits. */
  readonly developmentKey: string;
}

/** What was given by variable; undefined for what the file decides. */
export type GivenSecrets = Readonly<Record<Exclude<keyof DevelopmentSecrets, "developmentKey">, string | undefined>>;

export type KeptSecrets =
  | { readonly kind: "kept"; readonly path: string; readonly secrets: DevelopmentSecrets }
  /** `problem` is a sentence for an operator; it holds no secret. */
  | { readonly kind: "refused"; readonly path: string; readonly problem: string };

const isEd25519 = (pem: string): boolean => {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "ed25519";
  } catch {
    return false;
  }
};

const SecretsFile = z.strictObject({
  otpSecret: z.string().min(SECRET_BYTES),
  secretKey: z.string().min(SECRET_BYTES),
  proofPrivateKey: z.string().refine(isEd25519),
  developmentKey: z.string().regex(/^sk_dev_[A-Za-z0-9_-]{43}$/),
});

/**
 * Reads `secrets.json`, or makes it at the first start: mode 0600, in a folder that is made with 0700. Of two
 * processes that start at once, one makes it and both use it.
 *
 * For development and tests: in production every secret is given.
 *
 * @param folder absolute
 * @param given wins over the file, one by one
 */
export function keepSecrets(folder: string, given: GivenSecrets): KeptSecrets {
  const path = join(folder, FILE_NAME);
  try {
    const text = readIfThere(path) ?? makeFile(folder, path);
    const secrets = parseSecrets(text);
    if (secrets !== null) {
      keepPrivate(path);
      return { kind: "kept", path, secrets: preferGiven(secrets, given) };
    }
    const cost = "codes on their way and the development key stop working";
    return { kind: "refused", path, problem: `is broken; delete it and the next start makes a new one (${cost})` };
  } catch (error) {
    return { kind: "refused", path, problem: `cannot be read or made (${errorCode(error)})` };
  }
}

/** Only when somebody loosened it: a mounted file may be read-only. */
function keepPrivate(path: string): void {
  if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
}

const preferGiven = (kept: DevelopmentSecrets, given: GivenSecrets): DevelopmentSecrets => ({
  otpSecret: given.otpSecret ?? kept.otpSecret,
  secretKey: given.secretKey ?? kept.secretKey,
  proofPrivateKey: given.proofPrivateKey ?? kept.proofPrivateKey,
  developmentKey: kept.developmentKey,
});

const errorCode = (error: unknown): string => {
  if (error instanceof Error && "code" in error) return String(error.code);
  throw error;
};

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

function parseSecrets(text: string): DevelopmentSecrets | null {
  try {
    return SecretsFile.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Writes the whole file under another name and links it into place, which fails when somebody was faster. */
function makeFile(folder: string, path: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(randomSecrets(), null, 2)}\n`;
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = openSync(draft, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, path);
    return text;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return readFileSync(path, "utf8");
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

const randomText = (): string => randomBytes(SECRET_BYTES).toString("base64url");

const randomSecrets = (): DevelopmentSecrets => ({
  otpSecret: randomText(),
  secretKey: randomText(),
  proofPrivateKey: generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  developmentKey: `sk_dev_${randomText()}`,
});
