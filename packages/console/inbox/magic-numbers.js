// @ts-check
import { byId } from "./page.js";

const PHONE_WIDTH = "(max-width: 52rem)";

/**
 * The table of numbers that bring about an outcome. On a phone it starts folded, so that the inbox is near.
 *
 * @param {{ readonly language: () => import("./texts.js").Language, readonly say: () => import("./texts.js").Say }} page
 * @param {(number: string) => void} onChoose
 */
export function createMagicNumbers({ language, say }, onChoose) {
  const panel = byId("magic", HTMLDetailsElement);
  const rows = byId("magic-rows", HTMLTableSectionElement);
  /** @type {readonly import("./api.js").MagicNumber[]} */
  let numbers = [];

  panel.hidden = true;
  panel.open = !matchMedia(PHONE_WIDTH).matches;

  /** @param {import("./api.js").MagicNumber} magic */
  function row(magic) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "number";
    button.textContent = magic.number;
    button.setAttribute("aria-label", say()("useNumber", { number: magic.number }));
    button.addEventListener("click", () => onChoose(magic.number));
    const line = document.createElement("tr");
    const number = document.createElement("th");
    number.scope = "row";
    number.append(button);
    const outcome = document.createElement("td");
    outcome.textContent = magic[language()];
    line.append(number, outcome);
    return line;
  }

  const write = () => {
    panel.hidden = numbers.length === 0;
    rows.replaceChildren(...numbers.map(row));
  };

  return {
    /** @param {readonly import("./api.js").MagicNumber[]} found */
    show(found) {
      numbers = found;
      write();
    },
    isEmpty: () => numbers.length === 0,
    /** Writes them again: the language has changed. */
    rewrite: write,
  };
}
