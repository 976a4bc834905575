"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const LEVELS = ["critical", "high", "medium", "low", "info"];
  const byId = (id) => document.getElementById(id);
  const number = (n) => n.toLocaleString("en");
  const plural = (n, one) => `${number(n)} ${one}${n === 1 ? "" : "s"}`;

  // Whatever the audit read becomes text, never markup.
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const icon = (level) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#i-${level}`);
    svg.append(use);
    return svg;
  };

  // -- theme ---------------------------------------------------------------------------------------
  const root = document.documentElement;
  const remembered = (() => { try { return localStorage.getItem("cfclient-theme"); } catch { return null; } })();
  const theme = (name) => {
    if (name === "system") delete root.dataset.theme; else root.dataset.theme = name;
    try { localStorage.setItem("cfclient-theme", name); } catch { /* a file may have no storage */ }
  };
  for (const input of document.querySelectorAll("input[name=theme]")) {
    if (input.value === remembered) { input.checked = true; theme(remembered); }
    input.addEventListener("change", () => theme(input.value));
  }

  // -- pages of a list -----------------------------------------------------------------------------
  const pager = (name, redraw) => {
    const state = { page: 0, size: Number(byId(`${name}-size`).value), all: false };
    const turn = (step) => { state.page += step; redraw(); };
    byId(`${name}-back`).addEventListener("click", () => turn(-1));
    byId(`${name}-next`).addEventListener("click", () => turn(1));
    byId(`${name}-size`).addEventListener("change", (event) => {
      state.size = Number(event.target.value); state.page = 0; redraw();
    });
    state.cut = (items, noun) => {
      const size = state.all || !state.size ? Math.max(items.length, 1) : state.size;
      const last = Math.max(0, Math.ceil(items.length / size) - 1);
      state.page = Math.min(Math.max(state.page, 0), last);
      const from = state.page * size;
      const shown = items.slice(from, from + size);
      byId(`${name}-back`).disabled = state.page === 0;
      byId(`${name}-next`).disabled = state.page === last;
      byId(`${name}-where`).textContent = items.length
        ? `${number(from + 1)} to ${number(from + shown.length)} of ${plural(items.length, noun)}`
        : `no ${noun}s`;
      return shown;
    };
    return state;
  };

  // -- findings ------------------------------------------------------------------------------------
  const findings = data.findings.map(([zone, rule, level, message, records], index) => ({
    index, level, message, records, zone: data.zones[zone], rule: data.rules[rule],
    text: [data.zones[zone], data.rules[rule].id, message, ...records].join("\n").toLowerCase(),
  }));
  const filter = { words: "", levels: new Set([0, 1, 2, 3, 4]), rule: "", zone: "" };
  const sort = { key: "severity", up: true };
  const ORDER = {
    severity: (a, b) => a.level - b.level,
    zone: (a, b) => (a.zone < b.zone ? -1 : a.zone > b.zone ? 1 : 0),
    message: (a, b) => (a.message < b.message ? -1 : a.message > b.message ? 1 : 0),
    rule: (a, b) => (a.rule.id < b.rule.id ? -1 : a.rule.id > b.rule.id ? 1 : 0),
  };
  const pages = pager("findings", () => drawFindings());

  const row = (finding) => {
    const tr = make("tr");
    tr.setAttribute("role", "row");
    const cell = (className) => {
      const td = make("td", className);
      td.setAttribute("role", "cell");
      tr.append(td);
      return td;
    };
    const severity = make("span", `sev ${LEVELS[finding.level]}`);
    severity.append(icon(LEVELS[finding.level]), LEVELS[finding.level]);
    cell("").append(severity);
    cell("zone").append(make("bdi", "", finding.zone));
    const what = cell("what");
    what.append(make("bdi", "", finding.message));
    if (finding.records.length) what.append(make("bdi", "recs", finding.records.join(", ")));
    const link = make("a", "", finding.rule.id);
    link.href = `#rule-${finding.rule.number}`;
    link.addEventListener("click", () => { byId(`rule-${finding.rule.number}`).open = true; });
    cell("rulename").append(link);
    return tr;
  };

  function drawFindings() {
    const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = findings.filter((finding) =>
      filter.levels.has(finding.level)
      && (!filter.rule || finding.rule.id === filter.rule)
      && (!filter.zone || finding.zone === filter.zone)
      && words.every((word) => finding.text.includes(word)));
    const order = ORDER[sort.key];
    found.sort((a, b) => (sort.up ? order(a, b) : order(b, a)) || a.index - b.index);
    const body = byId("findings-rows");
    body.replaceChildren(...pages.cut(found, "finding").map(row));
    byId("findings-none").hidden = found.length > 0;
    byId("findings-count").textContent = `${number(found.length)} of ${plural(findings.length, "finding")}`;
    byId("zone-chip").hidden = !filter.zone;
    byId("zone-chip-name").textContent = filter.zone;
    byId("clear").hidden = !(filter.words || filter.rule || filter.zone || filter.levels.size < 5);
    for (const th of document.querySelectorAll("#findings-table th[data-key]")) {
      if (th.dataset.key === sort.key) th.setAttribute("aria-sort", sort.up ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    }
    const only = filter.levels.size === 1 ? [...filter.levels][0] : -1;
    for (const card of document.querySelectorAll("button.card")) {
      card.setAttribute("aria-pressed", String(Number(card.dataset.level) === only));
    }
  }
  const changed = () => { pages.page = 0; drawFindings(); };

  const syncControls = () => {
    byId("words").value = filter.words;
    byId("rule-choice").value = filter.rule;
    for (const box of document.querySelectorAll("input[name=level]")) box.checked = filter.levels.has(Number(box.value));
  };
  const show = (changes) => {
    Object.assign(filter, { words: "", rule: "", zone: "", levels: new Set([0, 1, 2, 3, 4]) }, changes);
    syncControls();
    changed();
    byId("findings-title").scrollIntoView();
    byId("findings-title").focus({ preventScroll: true });
  };

  byId("words").addEventListener("input", (event) => { filter.words = event.target.value; changed(); });
  byId("rule-choice").addEventListener("change", (event) => { filter.rule = event.target.value; changed(); });
  for (const box of document.querySelectorAll("input[name=level]")) {
    box.addEventListener("change", () => {
      if (box.checked) filter.levels.add(Number(box.value)); else filter.levels.delete(Number(box.value));
      changed();
    });
  }
  for (const button of document.querySelectorAll("#findings-table thead button")) {
    button.addEventListener("click", () => {
      const key = button.parentElement.dataset.key;
      sort.up = sort.key === key ? !sort.up : true;
      sort.key = key;
      changed();
    });
  }
  byId("zone-chip").addEventListener("click", () => { filter.zone = ""; changed(); byId("words").focus(); });
  byId("clear").addEventListener("click", () => {
    Object.assign(filter, { words: "", rule: "", zone: "", levels: new Set([0, 1, 2, 3, 4]) });
    syncControls();
    changed();
    byId("words").focus();
  });
  for (const card of document.querySelectorAll("button.card")) {
    card.addEventListener("click", () => {
      const level = Number(card.dataset.level);
      if (card.getAttribute("aria-pressed") === "true") {
        filter.levels = new Set([0, 1, 2, 3, 4]); syncControls(); changed();
      } else show({ levels: new Set([level]) });
    });
  }
  for (const button of document.querySelectorAll("button[data-rule]")) {
    button.addEventListener("click", () => show({ rule: button.dataset.rule }));
  }

  // -- the heat map --------------------------------------------------------------------------------
  const heat = byId("heat-rows");
  if (heat) {
    const columns = [...document.querySelectorAll("#heat-table thead button[data-rule]:not([data-rule=''])")].map((button) => button.dataset.rule);
    const rows = new Map(data.zones.map((zone) => [zone, { zone, cells: new Map(), total: 0, levels: [0, 0, 0, 0, 0] }]));
    for (const finding of findings) {
      const entry = rows.get(finding.zone);
      entry.total += 1;
      entry.levels[finding.level] += 1;
      const cell = entry.cells.get(finding.rule.id) || { count: 0, level: finding.level };
      cell.count += 1;
      cell.level = Math.min(cell.level, finding.level);
      entry.cells.set(finding.rule.id, cell);
    }
    const worst = (a, b) => {
      for (let level = 0; level < 5; level += 1) if (a.levels[level] !== b.levels[level]) return b.levels[level] - a.levels[level];
      return a.zone < b.zone ? -1 : 1;
    };
    const orders = { worst, most: (a, b) => b.total - a.total || worst(a, b), name: (a, b) => (a.zone < b.zone ? -1 : 1) };
    const zonePages = pager("heat", () => drawHeat());
    const heatRow = (entry) => {
      const tr = make("tr");
      const head = make("th");
      head.scope = "row";
      const button = make("button", "", entry.zone);
      button.type = "button";
      button.title = entry.zone;
      button.addEventListener("click", () => show({ zone: entry.zone }));
      head.append(button);
      tr.append(head, make("td", "total", number(entry.total)));
      for (const rule of columns) {
        const td = make("td");
        const hit = entry.cells.get(rule);
        if (hit) {
          const level = LEVELS[hit.level];
          const box = make("div", `cell ${level}`);
          box.title = `${entry.zone}: ${rule}, ${level}`;
          box.append(icon(level), make("span", "sr", level));
          if (hit.count > 1) box.append(make("span", "", number(hit.count)));
          box.addEventListener("click", () => show({ zone: entry.zone, rule }));
          td.append(box);
        }
        tr.append(td);
      }
      return tr;
    };
    const drawHeat = () => {
      const words = byId("heat-words").value.toLowerCase();
      const entries = [...rows.values()].filter((entry) => entry.zone.toLowerCase().includes(words));
      entries.sort(orders[byId("heat-order").value]);
      heat.replaceChildren(...zonePages.cut(entries, "zone").map(heatRow));
    };
    byId("heat-words").addEventListener("input", () => { zonePages.page = 0; drawHeat(); });
    byId("heat-order").addEventListener("change", () => { zonePages.page = 0; drawHeat(); });
    drawHeat();
  }

  drawFindings();

  // -- on paper all findings that are chosen are printed, and the rules are open ---------------------
  let closed = [];
  addEventListener("beforeprint", () => {
    pages.all = true;
    drawFindings();
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => {
    pages.all = false;
    drawFindings();
    for (const details of closed) details.open = false;
  });
})();
