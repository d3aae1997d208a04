// @ts-check
import { byId, copyOnClick } from "./page.js";

/** @typedef {"ask" | "type" | "done"} Step */
/** @typedef {"sms" | "email"} Medium */

const ENDPOINTS = /** @type {const} */ ({
  sms: { send: "send-verification-sms", verify: "verify-phone-otp", field: "telefono" },
  email: { send: "send-verification-email", verify: "verify-email-otp", field: "email" },
});

/**
 * Writes a wait the way a clock does: `0:42`, `12:05`.
 *
 * @param {number} seconds
 */
export const writeWait = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

const MS_PER_SECOND = 1_000;

/**
 * The form that runs a verification on the open endpoints, as a visitor of the host application would.
 *
 * @param {import("./api.js").Api} api
 * @param {() => import("./texts.js").Say} say
 */
export function createVerificationForm(api, say) {
  const forms = {
    ask: byId("ask", HTMLFormElement),
    type: byId("type", HTMLFormElement),
    done: byId("done", HTMLElement),
  };
  const inputs = { sms: byId("phone", HTMLInputElement), email: byId("email", HTMLInputElement) };
  const fields = { sms: byId("phone-field", HTMLElement), email: byId("email-field", HTMLElement) };
  const code = byId("code", HTMLInputElement);
  const send = byId("send", HTMLButtonElement);
  const verify = byId("verify", HTMLButtonElement);
  const resend = byId("resend", HTMLButtonElement);
  const errors = { ask: byId("ask-error", HTMLElement), type: byId("type-error", HTMLElement) };
  const token = byId("token", HTMLElement);

  /** @type {Step} */
  let step = "ask";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let countdown;

  /** @returns {Medium} */
  const medium = () => (new FormData(forms.ask).get("medium") === "email" ? "email" : "sms");

  /** @param {Medium} chosen */
  function choose(chosen) {
    for (const radio of forms.ask.querySelectorAll("input[type=radio]")) {
      if (radio instanceof HTMLInputElement) radio.checked = radio.value === chosen;
    }
    fields.sms.hidden = chosen !== "sms";
    fields.email.hidden = chosen !== "email";
  }

  function forgive() {
    clearInterval(countdown);
    for (const error of Object.values(errors)) error.replaceChildren();
    for (const input of [inputs.sms, inputs.email, code]) input.removeAttribute("aria-invalid");
    for (const button of [send, verify, resend]) button.disabled = false;
  }

  /** @param {Step} next */
  function goTo(next) {
    forgive();
    step = next;
    for (const [name, form] of Object.entries(forms)) {
      form.hidden = name !== next;
      const mark = byId(`step-${name}`, HTMLElement);
      if (name === next) mark.setAttribute("aria-current", "step");
      else mark.removeAttribute("aria-current");
    }
    const focused = next === "ask" ? inputs[medium()] : next === "type" ? code : forms.done;
    focused.focus();
  }

  /**
   * Says what went wrong, and holds the buttons back for as long as the gateway would refuse them.
   *
   * @param {import("./api.js").Failure} failure
   * @param {readonly HTMLButtonElement[]} held
   */
  function complain(failure, held) {
    const place = errors[step === "type" ? "type" : "ask"];
    const text = document.createElement("p");
    text.textContent = failure.message;
    place.replaceChildren(text);
    if (failure.retryAfterSeconds <= 0) return;

    const wait = document.createElement("p");
    wait.className = "wait";
    // The text above is announced once; a clock that is read aloud every second helps nobody.
    wait.setAttribute("aria-hidden", "true");
    place.append(wait);
    const until = Date.now() + failure.retryAfterSeconds * MS_PER_SECOND;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / MS_PER_SECOND);
      wait.textContent = say()("tryAgainIn", { time: writeWait(Math.max(left, 0)) });
      for (const button of held) button.disabled = left > 0;
      if (left > 0) return;
      clearInterval(countdown);
      place.replaceChildren();
    };
    tick();
    countdown = setInterval(tick, MS_PER_SECOND / 4);
  }

  /**
   * Lets a button say that it is at work while it is.
   *
   * @template Result
   * @param {HTMLButtonElement} button
   * @param {"sending" | "verifying"} text
   * @param {() => Promise<Result>} work
   */
  async function busy(button, text, work) {
    button.disabled = true;
    button.textContent = say()(text);
    const result = await work();
    button.disabled = false;
    button.textContent = say()(button === send ? "send" : button === verify ? "verify" : "resend");
    return result;
  }

  const address = () => inputs[medium()].value.trim();

  /** @param {HTMLButtonElement} button */
  async function askForCode(button) {
    forgive();
    const { send: endpoint, field } = ENDPOINTS[medium()];
    const answer = await busy(button, "sending", () => api.auth(endpoint, { [field]: address() }));
    if (answer.ok) {
      goTo("type");
      code.value = "";
      byId("sent", HTMLElement).textContent = answer.data.message;
      return;
    }
    if (answer.status === 422 && step === "ask") inputs[medium()].setAttribute("aria-invalid", "true");
    complain(answer, [button]);
  }

  async function checkCode() {
    forgive();
    const { verify: endpoint, field } = ENDPOINTS[medium()];
    const otp = code.value.replace(/[\s-]/g, "");
    const answer = await busy(verify, "verifying", () => api.auth(endpoint, { [field]: address(), otp }));
    if (!answer.ok) {
      code.setAttribute("aria-invalid", "true");
      code.select();
      complain(answer, answer.code === "too_many_failures" ? [verify, resend] : [verify]);
      return;
    }
    const { message, verification_status: status, verification_token: proof } = answer.data;
    byId("done-message", HTMLElement).textContent = message;
    byId("phone-verified", HTMLElement).textContent = String(status.phone_verified);
    byId("email-verified", HTMLElement).textContent = String(status.email_verified);
    token.textContent = proof;
    goTo("done");
  }

  forms.ask.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!send.disabled) void askForCode(send);
  });
  forms.ask.addEventListener("change", () => choose(medium()));
  for (const input of [inputs.sms, inputs.email]) {
    // Another address has waits of its own.
    input.addEventListener("input", forgive);
  }
  forms.type.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!verify.disabled) void checkCode();
  });
  resend.addEventListener("click", () => void askForCode(resend));
  byId("change", HTMLButtonElement).addEventListener("click", () => goTo("ask"));
  byId("again", HTMLButtonElement).addEventListener("click", () => {
    inputs[medium()].value = "";
    goTo("ask");
  });
  copyOnClick(byId("copy-token", HTMLButtonElement), () => token.textContent ?? "", say);

  return {
    /**
     * Begins again with this number.
     *
     * @param {string} number
     */
    fill(number) {
      choose("sms");
      inputs.sms.value = number;
      goTo("ask");
      send.focus();
    },
  };
}
