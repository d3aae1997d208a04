import type { Callback } from "../../../ports/provider.ts";
import { firstOf } from "../wire/reading.ts";

/** Who may ask us, and post to us. */
export interface SigningAccount {
  readonly accountSid: string;
  readonly authToken: string;
}

/** One that comes twice is a list, as the signature counts it. */
type Params = Readonly<Record<string, string | string[]>>;

const FORM_TYPE = "application/x-www-form-urlencoded";

function toParams(text: string): Record<string, string | string[]> {
  const form = new URLSearchParams(text);
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? "") : values];
    }),
  );
}

/**
 * Reads the parameters of a request that the vendor made for our account: of its form, or of its address where it has no
 * body (GET). Null when the signature is not by our token, or the account is somebody else's.
 *
 * @see https://www.twilio.com/docs/usage/webhooks/webhooks-security (2026-11: the address with its query, then the form)
 */
export async function readSignedRequest(
  { url, headers, body }: Callback,
  { accountSid, authToken }: SigningAccount,
): Promise<Params | null> {
  const signature = firstOf(headers["x-twilio-signature"]);
  const isForm = firstOf(headers["content-type"])?.startsWith(FORM_TYPE) === true;
  if (signature === undefined || (!isForm && body !== "")) return null;
  const form = toParams(body);
  const { validateRequest } = (await import("twilio")).default;
  if (!validateRequest(authToken, signature, url, form)) return null;
  const params = body === "" ? toParams(new URL(url).search) : form;
  return params["AccountSid"] === accountSid ? params : null;
}
