// @ts-check
/** The page's own elements, and what every part of it does with them. */

/**
 * Finds an element that the page is known to have.
 *
 * @template {Element} Kind
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return element;
}

/**
 * Finds a named part inside a copy of a template.
 *
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export function part(root, name) {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof HTMLElement)) throw new Error(`the template has no part ${name}`);
  return element;
}

/**
 * Copies a text, also where the browser keeps its clipboard for secure pages only.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
async function copyText(text) {
  if (navigator.clipboard !== undefined) {
    const copied = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    if (copied) return true;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden";
  document.body.append(area);
  const focused = document.activeElement;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}

const COPIED_MS = 1_500;

/**
 * Copies a text when a button is pressed, and lets the button say so for a moment.
 *
 * @param {HTMLElement} button
 * @param {() => string} text
 * @param {() => import("./texts.js").Say} say
 */
export function copyOnClick(button, text, say) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let restoring;
  button.addEventListener("click", async () => {
    const copied = await copyText(text());
    clearTimeout(restoring);
    button.textContent = say()(copied ? "copied" : "copyFailed");
    button.classList.toggle("copied", copied);
    restoring = setTimeout(() => {
      button.textContent = say()("copy");
      button.classList.remove("copied");
    }, COPIED_MS);
  });
}
