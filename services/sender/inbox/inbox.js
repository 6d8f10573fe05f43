"use strict";
// Asks once a second for emails that arrived since, and shows the chosen one. Everything is set as text, never as markup.

const POLL_MS = 1000;
const SHOWN_MAX = 500;
const byId = (id) => document.getElementById(id);
const list = byId("list");
let latest = 0;
let start = null;
let chosen = null;
let wantedPart = "html";

function waited(ms) {
  if (ms === null) return "";
  if (ms < 1000) return `${ms.toFixed(1)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${(ms / 60000).toFixed(1)} min`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function row(email) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.name = email.name;
  item.dataset.words = [email.campaign, email.to, email.subject].join(" ").toLowerCase();
  const top = element("span", "top", "");
  top.append(element("strong", "", email.subject || "(no subject)"), element("span", "waited", waited(email.event_to_send_ms)));
  const time = email.sent_at_ms ? new Date(email.sent_at_ms).toLocaleTimeString() : "";
  const bottom = element("span", "bottom", "");
  bottom.append(element("span", "campaign", email.campaign), element("span", "", email.to), element("time", "", time));
  button.append(top, bottom);
  button.addEventListener("click", () => choose(email, button));
  item.append(button);
  return item;
}

async function choose(email, button) {
  chosen = email.name;
  for (const other of list.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  byId("subject").textContent = email.subject || "(no subject)";
  byId("to").textContent = email.to;
  byId("campaign").textContent = email.campaign;
  byId("reason").textContent = email.reason || "not given";
  byId("sent").textContent = email.sent_at_ms ? new Date(email.sent_at_ms).toLocaleString() : "";
  byId("waited").textContent = waited(email.event_to_send_ms) || "not measured";
  const place = `/emails/${encodeURIComponent(email.name)}`;
  const answer = await fetch(place);
  const found = answer.ok ? await answer.json() : { text: await answer.text(), has_html: false, has_remote_images: false };
  if (chosen !== email.name) return;
  byId("text").textContent = found.text;
  byId("remote").hidden = !found.has_remote_images;
  byId("tab-html").disabled = !found.has_html;
  byId("tab-html").title = found.has_html ? "" : "This email has no HTML part";
  byId("frame").src = found.has_html ? `${place}/html` : "about:blank";
  showPart(found.has_html ? wantedPart : "text");
  byId("email").hidden = false;
  byId("hint").hidden = true;
}

function showPart(part) {
  for (const name of ["html", "text"]) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(name === part));
    tab.tabIndex = name === part ? 0 : -1;
    byId(`part-${name}`).hidden = name !== part;
  }
}

function pickPart(part) {
  wantedPart = part;
  showPart(part);
}

function filtered() {
  const words = byId("filter").value.trim().toLowerCase();
  let shown = 0;
  for (const item of list.children) {
    item.hidden = !item.dataset.words.includes(words);
    shown += !item.hidden;
  }
  const count = list.children.length;
  const all = count === 0 ? "Waiting for emails …" : `${count === SHOWN_MAX ? "Latest " : ""}${count} email${count === 1 ? "" : "s"}`;
  const text = words === "" ? all : `${shown} of ${all.toLowerCase()}`;
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

byId("filter").addEventListener("input", filtered);

for (const name of ["html", "text"]) {
  const tab = byId(`tab-${name}`);
  const other = name === "html" ? "text" : "html";
  tab.addEventListener("click", () => pickPart(name));
  tab.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    if (byId(`tab-${other}`).disabled) return;
    pickPart(other);
    byId(`tab-${other}`).focus();
  });
}

async function poll() {
  try {
    const answer = await fetch(`/emails?after=${latest}`);
    if (!answer.ok) throw new Error(String(answer.status));
    const now = answer.headers.get("Sendwhen-Inbox-Start");
    const anew = start !== null && now !== start;
    start = now;
    if (anew) {
      // The sender was started again since: its numbers begin anew.
      latest = 0;
      list.replaceChildren();
      setTimeout(poll, 0);
      return;
    }
    const fresh = await answer.json();
    if (fresh.length > 0) {
      latest = fresh[0].number;
      list.prepend(...fresh.map(row));
      while (list.children.length > SHOWN_MAX) list.lastElementChild.remove();
      byId("empty").hidden = true;
    }
    filtered();
  } catch {
    byId("status").textContent = "The sender does not answer. Is sendwhen running?";
    // The list is asked for again as a whole.
    latest = 0;
    list.replaceChildren();
  }
  setTimeout(poll, POLL_MS);
}

poll();
