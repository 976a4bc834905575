// SheKnows' `cloudflare` 0.0.8 for Node, unmodified, a program of 2015 that speaks version 1.
// node node_v1.js FOLDER ADDRESS ZONE: FOLDER has node_modules; prints what it saw as JSON.
"use strict";

const path = require("path");

const [folder, address, zone] = process.argv.slice(2);
const { createClient } = require(path.join(folder, "node_modules", "cloudflare"));

const client = createClient({ email: "demo@example.com", token: "demo-key" });
client.endpoint = address;

// What a call brings, or the words of its error.
const ask = (method, ...given) =>
  new Promise((done) => client[method](...given, (error, answer) => done(error ? `error: ${error.message}` : answer)));

async function main() {
  const saw = {};
  saw.zones = (await ask("listDomains")).map((found) => found.zone_name);
  saw.checked = await ask("zoneCheck", [zone]);
  saw.before = (await ask("listDomainRecords", zone)).length;
  const made = await ask("addDomainRecord", zone, { type: "A", name: "from-node", content: "192.0.2.20" });
  saw.made = [made.rec_id, made.type, made.content, made.auto_ttl];
  const more = { type: "A", name: "from-node", content: "192.0.2.21", ttl: "120", service_mode: "1" };
  const edited = await ask("editDomainRecord", zone, made.rec_id, more);
  saw.edited = [edited.rec.obj.rec_id, edited.rec.obj.content, edited.rec.obj.service_mode];
  saw.after = (await ask("listDomainRecords", zone)).map((found) => [found.rec_id, found.name]);
  saw.stats = Object.keys((await ask("domainStats", zone, "20")).result.objs[0]).includes("trafficBreakdown");
  saw.done = [];
  for (const [method, ...given] of [
    ["secLvl", zone, "high"],
    ["cacheLevel", zone, "basic"],
    ["devmode", zone, true],
    ["clearCache", zone],
    ["zoneFilePurge", zone, `https://${zone}/a.css`],
    ["whitelistIp", "198.51.100.7"],
    ["banIp", "198.51.100.8"],
    ["unlistIp", "198.51.100.7"],
    ["ipv46", zone, false],
    ["async", zone, true],
    ["deleteDomainRecord", zone, made.rec_id],
  ]) {
    const answer = await ask(method, ...given);
    if (typeof answer === "string") saw.done.push(`${method}: ${answer}`);
  }
  saw.settings = (await ask("zoneSettings", zone)).result.objs[0].sec_lvl;
  saw.gone = [
    await ask("deleteDomainRecord", zone, made.rec_id),
    await ask("listDomainRecords", "no.such.example"),
    await ask("checkIp", "192.0.2.1"),
    await ask("minify", zone, "7"),
  ];
  client.token = "wrong";
  saw.wrong = await ask("listDomains");
  console.log(JSON.stringify(saw));
}

main();
