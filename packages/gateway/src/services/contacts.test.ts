import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ManualClock, manualClock, openTemporaryStore, type TemporaryStore } from "../../test/doubles.ts";
import type { Bearer } from "../ports/host-tokens.ts";
import { type Contacts, createContacts } from "./contacts.ts";

const NOW = Date.UTC(2026, 0, 5, 12);

let temporary: TemporaryStore;
let clock: ManualClock;
let contacts: Contacts;
beforeEach(async () => {
  temporary = await openTemporaryStore();
  clock = manualClock(NOW);
  contacts = createContacts(temporary.store, clock, ["CO"]);
});
afterEach(() => temporary.close());

const bearer = (over: Partial<Bearer> = {}): Bearer => ({
  ...{ sub: "user-1", issuedAt: NOW, phone: "300 123 4567", email: "Ana@Shop.Example", name: "Ana" },
  ...over,
});

describe("a contact that the host puts", () => {
  it("is kept in its canonical spelling", async () => {
    const fields = { phone: "300 123-4567", email: " Ana@Shop.Example ", name: "Ana" };
    const contact = await contacts.put("default", "user-1", fields);
    expect(contact).toEqual({
      ...{ tenant: "default", sub: "user-1", phone: "+573001234567", email: "ana@shop.example", name: "Ana" },
      ...{ phoneVerifiedAt: null, emailVerifiedAt: null, updatedAt: NOW },
    });
    expect(await contacts.read("default", "user-1")).toEqual(contact);
  });

  it("loses what is left out", async () => {
    await contacts.put("default", "user-1", { phone: "3001234567", email: "a@shop.example", name: "Ana" });
    expect(await contacts.put("default", "user-1", { name: "Ana" })).toMatchObject({ phone: null, email: null });
    expect(await contacts.put("default", "user-1", {})).toMatchObject({ name: null });
  });

  it.each([
    { fields: { phone: "6012345678" }, code: "phone_landline" },
    { fields: { phone: "12" }, code: "phone_invalid" },
    { fields: { phone: "" }, code: "phone_invalid" },
    { fields: { phone: "+593991234567" }, code: "country_not_allowed" },
    { fields: { email: "ana@" }, code: "email_invalid" },
    { fields: { phone: "3001234567", email: "" }, code: "email_invalid" },
  ])("is refused whole with $code", async ({ fields, code }) => {
    const put = async () => contacts.put("default", "user-1", fields);
    await expect(put()).rejects.toMatchObject({ code });
    await expect(contacts.read("default", "user-1")).rejects.toMatchObject({ code: "not_found" });
  });

  it("is removed once", async () => {
    await contacts.put("default", "user-1", {});
    await expect(contacts.remove("shop", "user-1")).rejects.toMatchObject({ code: "not_found" });
    await contacts.remove("default", "user-1");
    await expect(contacts.remove("default", "user-1")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("the contact behind a token", () => {
  it("is what its claims say while the host has said nothing", async () => {
    expect(await contacts.ofBearer("default", bearer())).toMatchObject({
      ...{ sub: "user-1", phone: "+573001234567", email: "ana@shop.example", name: "Ana" },
    });
  });

  it("passes over claims that are no number and no address", async () => {
    for (const [index, phone] of ["6012345678", "+593991234567", "hola", "٣٠٠١٢٣٤٥٦٧"].entries()) {
      const contact = await contacts.ofBearer("default", bearer({ sub: `u${index}`, phone, email: "nobody" }));
      expect(contact).toMatchObject({ phone: null, email: null, name: "Ana" });
    }
  });

  it("takes newer tokens, and no older one", async () => {
    await contacts.ofBearer("default", bearer({ issuedAt: NOW + 2_000, name: "new" }));
    expect(await contacts.ofBearer("default", bearer({ issuedAt: NOW, name: "old" }))).toMatchObject({ name: "new" });
    expect(await contacts.ofBearer("default", bearer({ issuedAt: NOW + 3_000, name: "newer" }))).toMatchObject({
      name: "newer",
    });
  });

  it("is what the host put, whatever its claims say", async () => {
    await contacts.put("default", "user-1", { phone: "3109999999" });
    const later = bearer({ issuedAt: NOW + 86_400_000 });
    expect(await contacts.ofBearer("default", later)).toMatchObject({
      phone: "+573109999999",
      email: null,
      name: null,
    });
  });
});
