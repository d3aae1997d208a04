// @ts-check
import { byId, copyOnClick, part } from "./page.js";
import { isTextKey } from "./texts.js";

/** @typedef {import("./api.js").InboxMessage} InboxMessage */

/** As many as the gateway hands out at once. */
const MAX_SHOWN = 200;

/**
 * Tells whether a message goes to an address, however the address is written. Digits compare with digits, so that
 * `300 123 4567` finds `+573001234567`.
 *
 * @param {string} filter empty for every message
 * @param {string} to
 */
export function isFor(filter, to) {
  const wanted = filter.trim().toLowerCase();
  const digits = wanted.replace(/[\s()+.-]/g, "");
  return /^\d+$/.test(digits) ? to.replace(/\D/g, "").includes(digits) : to.toLowerCase().includes(wanted);
}

/**
 * Writes when a message was sent: the time alone today, the day as well before.
 *
 * @param {string} at ISO 8601
 * @param {Date} now
 * @param {string} locale
 */
export function writeTime(at, now, locale) {
  const date = new Date(at);
  const time = /** @type {const} */ ({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const isToday = date.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(locale, isToday ? time : { day: "numeric", month: "short", ...time }).format(date);
}

/**
 * Puts a text into an element with one of its words marked.
 *
 * @param {HTMLElement} element
 * @param {string} text
 * @param {string | null} word
 */
function writeMarked(element, text, word) {
  const at = word === null ? -1 : text.indexOf(word);
  if (word === null || at < 0) {
    element.textContent = text;
    return;
  }
  const mark = document.createElement("mark");
  mark.textContent = word;
  element.replaceChildren(text.slice(0, at), mark, text.slice(at + word.length));
}

/**
 * The messages on the page, newest first, each once whatever is heard of it.
 *
 * @param {() => import("./texts.js").Say} say
 * @param {() => string} locale for dates and plurals
 */
export function createMessageList(say, locale) {
  const list = byId("messages", HTMLOListElement);
  const template = byId("message-template", HTMLTemplateElement);
  /** @type {Map<string, { message: InboxMessage, readonly item: HTMLElement }>} */
  const shown = new Map();
  let filter = "";

  /** @param {string} key */
  const label = (key) => (isTextKey(key) ? say()(key) : key);

  /** @param {InboxMessage} message */
  const meta = ({ channel, encoding, segments }) => {
    if (channel !== "sms" || segments === null) return "";
    const plural = new Intl.PluralRules(locale()).select(segments) === "one" ? "segments_one" : "segments_other";
    return [say()(plural, { n: segments }), encoding].filter((known) => known !== null).join(" · ");
  };

  /**
   * @param {HTMLElement} item
   * @param {InboxMessage} message
   */
  function write(item, message) {
    part(item, "channel").textContent = label(`channel_${message.channel}`);
    part(item, "to").textContent = message.to;
    part(item, "state").textContent = label(`state_${message.state}`);
    part(item, "state").dataset["state"] = message.state;
    const time = part(item, "time");
    time.setAttribute("datetime", message.at);
    time.textContent = writeTime(message.at, new Date(), locale());
    time.title = new Date(message.at).toLocaleString(locale());
    part(item, "subject").textContent = message.subject;
    part(item, "subject").hidden = message.subject === null;
    writeMarked(part(item, "text"), message.text, message.code);
    part(item, "code-box").hidden = message.code === null;
    part(item, "code").textContent = message.code;
    const copy = part(item, "copy");
    // A button that has just said "copied" goes on saying it when the message changes its state meanwhile.
    if (!copy.classList.contains("copied")) copy.textContent = say()("copy");
    copy.setAttribute("aria-label", say()("copyCode", { code: message.code ?? "" }));
    part(item, "meta").textContent = meta(message);
    item.hidden = !isFor(filter, message.to);
  }

  /** @param {InboxMessage} message */
  function insert(message) {
    const copy = document.importNode(template.content, true).firstElementChild;
    if (!(copy instanceof HTMLElement)) throw new Error("the message template is empty");
    copyOnClick(part(copy, "copy"), () => shown.get(message.id)?.message.code ?? "", say);
    const older = [...shown.values()].filter((other) => other.message.seq < message.seq);
    const next = older.reduce(
      (newest, other) => (newest === undefined || other.message.seq > newest.message.seq ? other : newest),
      older[0],
    );
    list.insertBefore(copy, next?.item ?? null);
    shown.set(message.id, { message, item: copy });
    write(copy, message);
    return copy;
  }

  /** @param {string} id */
  function remove(id) {
    shown.get(id)?.item.remove();
    shown.delete(id);
  }

  return {
    /**
     * Shows a message, or what has become of one already shown.
     *
     * @param {InboxMessage} message
     * @returns {boolean} whether it is a new one
     */
    put(message) {
      const known = shown.get(message.id);
      if (known !== undefined) {
        known.message = message;
        write(known.item, message);
        return false;
      }
      insert(message);
      const oldest = [...shown.values()].sort((a, b) => b.message.seq - a.message.seq).slice(MAX_SHOWN);
      for (const { message: old } of oldest) remove(old.id);
      return true;
    },

    /**
     * Shows these messages and no others.
     *
     * @param {readonly InboxMessage[]} messages
     */
    replaceAll(messages) {
      const kept = new Set(messages.map(({ id }) => id));
      for (const id of [...shown.keys()]) if (!kept.has(id)) remove(id);
      for (const message of messages) this.put(message);
    },

    /** @param {string} id */
    highlight(id) {
      shown.get(id)?.item.classList.add("new");
    },

    /** @param {string} wanted */
    setFilter(wanted) {
      filter = wanted;
      this.rewrite();
    },

    /** Writes all of them again: the language or the filter has changed. */
    rewrite() {
      for (const { item, message } of shown.values()) write(item, message);
    },

    /** @returns {{ readonly total: number, readonly visible: number }} */
    count: () => ({
      total: shown.size,
      visible: [...shown.values()].filter(({ item }) => !item.hidden).length,
    }),
  };
}
