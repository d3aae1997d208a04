import { AppError } from "../domain/app-error.ts";
import type { Contact, ContactFields } from "../domain/contact.ts";
import { readEmail } from "../domain/email.ts";
import { readPhone } from "../domain/phone.ts";
import type { Clock } from "../ports/clock.ts";
import type { ContactStore } from "../ports/contact-store.ts";
import type { Bearer } from "../ports/host-tokens.ts";

export interface Contacts {
  /**
   * Replaces what is known of a user of the host.
   *
   * @param fields as the host has them; null or absent means that there is none
   * @throws {AppError} `phone_invalid`, `phone_landline`, `country_not_allowed`, `email_invalid`
   */
  put(tenant: string, sub: string, fields: Partial<ContactFields>): Promise<Contact>;
  /** @throws {AppError} `not_found` */
  read(tenant: string, sub: string): Promise<Contact>;
  /** @throws {AppError} `not_found` */
  remove(tenant: string, sub: string): Promise<void>;
  /** The contact behind a token: its claims count until the host says more. */
  ofBearer(tenant: string, bearer: Bearer): Promise<Contact>;
}

export function createContacts(store: ContactStore, clock: Clock, allowedCountries: readonly string[]): Contacts {
  const toPhone = (text: string) => readPhone(text, { defaultCountry: "CO", allowedCountries });

  /** What a claim holds, or nothing: a token is not the place to complain about a number. */
  const ofClaims = ({ phone, email, name }: Bearer): ContactFields => {
    const number = phone === null ? null : toPhone(phone);
    return {
      phone: number === null || typeof number === "string" ? null : number.e164,
      email: email === null ? null : readEmail(email),
      name,
    };
  };

  const parsedPhone = (text: string): string => {
    const phone = toPhone(text);
    if (typeof phone === "string") throw new AppError(phone);
    return phone.e164;
  };
  const parsedEmail = (text: string): string => {
    const email = readEmail(text);
    if (email === null) throw new AppError("email_invalid");
    return email;
  };

  return {
    put: (tenant, sub, { phone, email, name }) => {
      const fields = {
        phone: phone == null ? null : parsedPhone(phone),
        email: email == null ? null : parsedEmail(email),
        name: name ?? null,
      };
      return store.putContact({ tenant, sub }, fields, clock.now());
    },
    read: async (tenant, sub) => {
      const contact = await store.readContact({ tenant, sub });
      if (contact === null) throw new AppError("not_found");
      return contact;
    },
    remove: async (tenant, sub) => {
      if (!(await store.deleteContact({ tenant, sub }))) throw new AppError("not_found");
    },
    ofBearer: (tenant, bearer) =>
      store.applyClaims(
        { tenant, sub: bearer.sub },
        { fields: ofClaims(bearer), issuedAt: bearer.issuedAt },
        clock.now(),
      ),
  };
}
