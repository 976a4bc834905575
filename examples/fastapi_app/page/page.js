"use strict";
// What a service says is text and never markup: everything goes through textContent.

const at = (id) => document.getElementById(id);
let zone = null;
let progress = null;

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function say(fault) {
  at("fault").hidden = !fault;
  at("fault").textContent = fault || "";
}

async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "content-type": "application/json" };
  }
  const reply = await fetch(path, options);
  if (reply.ok) return reply.status === 204 ? null : reply.json();
  const told = await reply.json().catch(() => ({}));
  const wait = reply.headers.get("retry-after");
  if (reply.status === 401) show(false);
  throw new Error(`${told.detail && typeof told.detail === "string" ? told.detail : `HTTP ${reply.status}`}` + (wait ? ` (wait ${wait} s)` : ""));
}

// Runs what a person asked for; a fault is shown, and the next success takes it away.
const doing = (work) => async (event) => {
  event?.preventDefault();
  try {
    await work(event);
    say("");
  } catch (error) {
    say(error.message);
  }
};

function show(inside) {
  at("inside").hidden = at("sign-out").hidden = !inside;
  at("sign-in").hidden = inside;
  if (!inside) stop();
}

async function enter() {
  const names = await ask("GET", "zones");
  at("zones").replaceChildren(...names.map((name) => {
    const item = element("li"), button = element("button", name);
    button.addEventListener("click", doing(() => open(name)));
    item.append(button);
    return item;
  }));
  show(true);
}

const of = (name, more) => `zones/${encodeURIComponent(name)}/${more}`;

async function open(name) {
  const [records, attack] = await Promise.all([ask("GET", of(name, "records")), ask("GET", of(name, "attack"))]);
  zone = name;
  for (const button of at("zones").querySelectorAll("button")) button.setAttribute("aria-current", button.textContent === name);
  at("zone-name").textContent = name;
  at("attack").setAttribute("aria-pressed", attack.on);
  at("records").replaceChildren(...records.map((record) => {
    const row = element("tr"), last = element("td"), button = element("button", "Delete", { "aria-label": `Delete ${record.type} ${record.name}` });
    const proxied = record.service_mode === null ? "" : record.service_mode ? "yes" : "no";
    for (const text of [record.name, record.type, record.content, record.ttl === 1 ? "auto" : record.ttl, proxied]) row.append(element("td", text));
    button.addEventListener("click", doing(async () => {
      await ask("DELETE", of(name, `records/${encodeURIComponent(record.rec_id)}`));
      await open(name);
    }));
    last.append(button);
    row.append(last);
    return row;
  }));
  at("zone").hidden = false;
}

async function attack() {
  const on = at("attack").getAttribute("aria-pressed") !== "true";
  const kept = `level of ${zone}`;
  const body = { on };
  if (!on && sessionStorage.getItem(kept)) body.level = sessionStorage.getItem(kept);
  const told = await ask("PUT", of(zone, "attack"), body);
  if (on && told.former && told.former !== "help") sessionStorage.setItem(kept, told.former);
  await open(zone);
}

function stop() {
  progress?.close();
  progress = null;
  at("audit-begin").hidden = false;
  at("audit-stop").hidden = true;
}

function audit() {
  let zones = 0, findings = 0;
  stop();
  progress = new EventSource("audit");
  at("audit-begin").hidden = true;
  at("audit-stop").hidden = false;
  at("findings").replaceChildren();
  const status = (text) => { at("audit-status").textContent = text; };
  const line = (kind, text) => {
    const item = element("li");
    item.append(element("span", kind, { class: kind }), element("span", text));
    at("findings").append(item);
  };
  status("Listing the zones…");
  progress.addEventListener("began", (event) => {
    zones = JSON.parse(event.data).zones;
    findings = 0;
    at("findings").replaceChildren();  // a browser that lost the connection begins anew
    at("progress").max = Math.max(zones, 1);
    at("progress").value = 0;
  });
  progress.addEventListener("zone", (event) => {
    const told = JSON.parse(event.data);
    at("progress").value = zones - told.left;
    findings += told.findings.length;
    if (told.failure) line("failed", `${told.zone}: ${told.failure}`);
    for (const finding of told.findings) line(finding.severity, `${told.zone}: ${finding.message}`);
    status(`${zones - told.left} of ${zones} zones, ${findings} findings`);
  });
  progress.addEventListener("ended", (event) => {
    const told = JSON.parse(event.data);
    stop();
    status(`${told.complete ? "Done" : "Done, and not every zone could be read"}: ${zones} zones, ${findings} findings`);
  });
  progress.addEventListener("failed", (event) => {
    stop();
    status(`Failed: ${JSON.parse(event.data).detail}`);
  });
}

at("sign-in").addEventListener("submit", doing(async (event) => {
  const form = event.target, given = new FormData(form);
  await ask("POST", "session", { email: given.get("email") || null, key: given.get("key") });
  form.reset();
  await enter();
}));
at("sign-out").addEventListener("click", doing(async () => {
  await ask("DELETE", "session");
  at("zone").hidden = true;
  show(false);
}));
at("new-record").addEventListener("submit", doing(async (event) => {
  await ask("POST", of(zone, "records"), Object.fromEntries(new FormData(event.target)));
  event.target.reset();
  await open(zone);
}));
at("attack").addEventListener("click", doing(attack));
at("audit-begin").addEventListener("click", audit);
at("audit-stop").addEventListener("click", () => {
  stop();
  at("audit-status").textContent = "Stopped.";
});
