import type { ErrorCode } from "@mestore/sms-gateway-contract/errors";
import { anyNumber, type Chapter, fail, pass, refusedWith, type Step, unexpected } from "./kit.ts";

/** One number in the ways people write it. */
const spellings = (e164: string): readonly string[] => {
  const national = e164.slice("+57".length);
  const grouped = `${national.slice(0, 3)} ${national.slice(3, 6)} ${national.slice(6)}`;
  return [e164, `57${national}`, national, grouped, `+57 ${grouped.replaceAll(" ", "-")}`];
};

const oneNumber: Step = {
  name: "five spellings are one number",
  run: async ({ gateway }) => {
    const number = anyNumber();
    for (const spelling of spellings(number)) {
      const answer = await gateway.getLimits(spelling);
      if (!answer.ok) return unexpected(`"${spelling}"`, answer);
      if (answer.data.phone !== number) return fail(`"${spelling}" was read as ${answer.data.phone}`);
    }
    return pass(`all read as ${number}`);
  },
};

const refusal = (name: string, phone: string, code: ErrorCode): Step => ({
  name,
  run: async ({ gateway }) => refusedWith(await gateway.getLimits(phone), code),
});

export const PHONES: Chapter = {
  title: "phones",
  isSending: false,
  steps: [
    oneNumber,
    refusal("a landline is refused", "6012345678", "phone_landline"),
    refusal("a number that is too short is refused", "30012345", "phone_invalid"),
    refusal("a foreign number without + is not guessed at", "5512345678", "phone_invalid"),
    refusal("digits of other scripts are refused", "٣٠٠١٢٣٤٥٦٧", "phone_invalid"),
    refusal("a premium number is refused", "+979123456789", "phone_invalid"),
    refusal("a country that is not allowed is refused", "+8501921234567", "country_not_allowed"),
  ],
};
