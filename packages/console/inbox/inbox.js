// @ts-check
/** The developer's inbox: what the simulated carrier received, live, and a form that makes it receive something. */
import { createApi, keepKey } from "./api.js";
import { followInbox } from "./live-inbox.js";
import { createMagicNumbers } from "./magic-numbers.js";
import { createMessageList } from "./message-list.js";
import { byId, copyOnClick } from "./page.js";
import { speak, translatePage } from "./texts.js";
import { createVerificationForm } from "./verification-form.js";

const LOCALES = { es: "es-CO", en: "en-GB" };

/**
 * What the page's address says, so that it can be shared.
 *
 * @param {string} name
 */
const readAddress = (name) => new URLSearchParams(location.search).get(name) ?? "";

/**
 * @param {string} name
 * @param {string} value empty to leave it out
 */
function writeAddress(name, value) {
  const url = new URL(location.href);
  if (value === "") url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  history.replaceState(null, "", url);
}

/** @type {import("./texts.js").Language} */
let chosenLanguage = readAddress("lang") === "en" ? "en" : "es";
const language = () => chosenLanguage;
const say = () => speak(chosenLanguage);

/** @type {import("./live-inbox.js").ConnectionState} */
let connection = "connecting";

const filter = byId("filter", HTMLInputElement);
const clear = byId("clear", HTMLButtonElement);
const keyForm = byId("key-form", HTMLFormElement);
const key = byId("key", HTMLInputElement);
const inboxError = byId("inbox-error", HTMLElement);
const announcer = byId("announcer", HTMLElement);
const command = byId("command", HTMLElement);

const api = createApi({ language, say });
const messages = createMessageList(say, () => LOCALES[chosenLanguage]);
const form = createVerificationForm(api, say);
const magicNumbers = createMagicNumbers({ language, say }, form.fill);

function showCounts() {
  const { total, visible } = messages.count();
  const isOpen = connection === "live" || connection === "disconnected";
  byId("count", HTMLElement).textContent = visible === total ? String(total) : `${visible} / ${total}`;
  byId("empty", HTMLElement).hidden = !isOpen || total > 0;
  byId("none-match", HTMLElement).hidden = !isOpen || total === 0 || visible > 0;
  clear.disabled = total === 0;
}

function showConnection() {
  const badge = byId("connection", HTMLElement);
  badge.dataset["state"] = connection;
  byId("connection-text", HTMLElement).textContent = say()(connection);
  byId("offline", HTMLElement).hidden = connection !== "disconnected";
  keyForm.hidden = connection !== "locked";
  inboxError.textContent = connection === "absent" ? say()("absentHint") : "";
  showCounts();
}

async function loadMagicNumbers() {
  if (!magicNumbers.isEmpty()) return;
  const answer = await api.magicNumbers();
  if (answer.ok) magicNumbers.show(answer.data.magicNumbers);
}

const live = followInbox(api, {
  onState(state, failure) {
    connection = state;
    const refusedKey = state === "locked" && key.value !== "";
    byId("key-error", HTMLElement).textContent = refusedKey ? (failure?.message ?? "") : "";
    showConnection();
    if (state === "live") void loadMagicNumbers();
    if (state === "locked") key.focus();
  },
  onList(list) {
    messages.replaceAll(list);
    showCounts();
  },
  onMessage(message) {
    const isNew = messages.put(message);
    showCounts();
    if (!isNew) return;
    messages.highlight(message.id);
    announcer.textContent = say()("newMessage", { to: message.to, text: message.text });
  },
});

function showLanguage() {
  document.documentElement.lang = chosenLanguage;
  document.title = say()("pageTitle");
  translatePage(say(), document);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-language") === chosenLanguage));
  }
  messages.rewrite();
  magicNumbers.rewrite();
  showConnection();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    chosenLanguage = button.getAttribute("data-language") === "en" ? "en" : "es";
    writeAddress("lang", chosenLanguage === "es" ? "" : chosenLanguage);
    showLanguage();
  });
}

filter.value = readAddress("to");
messages.setFilter(filter.value);
filter.addEventListener("input", () => {
  messages.setFilter(filter.value);
  writeAddress("to", filter.value.trim());
  showCounts();
});

clear.addEventListener("click", async () => {
  const answer = await api.clearInbox();
  inboxError.textContent = answer.ok ? "" : answer.message;
  if (!answer.ok) return;
  messages.replaceAll([]);
  showCounts();
  byId("inbox", HTMLElement).focus();
});

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(key.value.trim());
  live.retry();
});

byId("retry", HTMLButtonElement).addEventListener("click", live.retry);
addEventListener("online", live.retry);

command.textContent = [
  `curl -X POST ${new URL("./api/v1/auth/send-verification-sms", location.href)} \\`,
  `  -H 'Content-Type: application/json' \\`,
  `  -d '{"telefono":"300 123 4567"}'`,
].join("\n");
copyOnClick(byId("copy-command", HTMLButtonElement), () => command.textContent ?? "", say);

showLanguage();
