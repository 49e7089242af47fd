// Code beside a panel, and a way to take it along.

import { make } from "./elements.js";

/** Copy a text, and say so in `status`; without permission, or off a secure page, show it there to be copied by hand. */
export async function copyText(text, status, what = "Code", said = "Copied: paste it into a cell.") {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = said;
  } catch {
    const area = make("textarea", { readOnly: true, rows: 6, value: text, "aria-label": what });
    status.replaceChildren("Copy it from here: ", area);
    area.select();
  }
}

/** A line of code with a button that copies it: {row, show(text)}. */
export function codeLine(label, status) {
  const code = make("code");
  const copy = make("button", { type: "button", textContent: label, onclick: () => copyText(code.textContent, status) });
  return { row: make("div", { class: "nbgen-code" }, code, copy), show: (text) => { code.textContent = text; } };
}

const bare = (text) => (/^-?\d+(\.\d+)?$/.test(text) ? text : JSON.stringify(text));

/** Arguments of a Python call from names and values; values are labels, or lists of them. */
export function pythonArguments(pairs) {
  const written = pairs.map(([name, value]) => [name, Array.isArray(value) ? `[${value.map(bare).join(", ")}]` : bare(value)]);
  const plain = written.every(([name]) => /^[A-Za-z_]\w*$/.test(name));
  return plain ? written.map((pair) => pair.join("=")).join(", ") : `**${pythonDict(pairs)}`;
}

/** The same as a dict. */
export function pythonDict(pairs) {
  const value = (each) => (Array.isArray(each) ? `[${each.map(bare).join(", ")}]` : bare(each));
  return `{${pairs.map(([name, each]) => `${JSON.stringify(name)}: ${value(each)}`).join(", ")}}`;
}
