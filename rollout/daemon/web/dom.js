// Elements from values. What comes from outside is only ever text: nothing here reads markup.

/** Make an element; `attributes` may hold `class`, `on…` listeners and plain attributes; children are nodes or text. */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

/** Put `text` into an element if it is not there already: a row that did not change costs no layout. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute if it differs; null takes it away. */
export function set(element, name, value) {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** A link out of the dashboard, where `target` is an ordinary web address; else its text alone. */
export function outside(target, text = target) {
  const safe = /^https?:\/\//i.test(target);
  return safe ? h("a", { href: target, target: "_blank", rel: "noreferrer noopener" }, text) : h("span", {}, text);
}
