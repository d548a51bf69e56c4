"use strict";
// Values come as Server-Sent Events, read by fetch so that a token travels in a header and in no URL.
// Whatever comes from a gateway is text (textContent): a service may be called like a script.

const KEPT = 300; // points of a chart
const RETRY = 2000; // milliseconds
const TAIL = 200; // requests
const byId = (id) => document.getElementById(id);
const series = { at: [], rate: [], errors: [], half: [], most: [], nearly: [] };
const tail = { ends: [], number: 0, missed: 0, isHeld: false };
let latest = null;
let isPaused = false;
let charts = [];

// ---- words

const count = (value) => Number(value).toLocaleString("en");
const rate = (value) => (value >= 100 ? count(Math.round(value)) : value.toFixed(1));

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.001) return `${Math.round(value * 1e6)} µs`;
  if (value < 1) return `${(value * 1e3).toPrecision(3)} ms`;
  return `${value.toPrecision(3)} s`;
}

function span(value) {
  const left = Math.max(0, Math.round(value));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (left >= size) return `${Math.floor(left / size)} ${unit}`;
  }
  return `${left} s`;
}

const since = (stamp, now) => (stamp ? span(now - Date.parse(stamp) / 1000) : "");

// ---- the page, by nodes that stay

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function put(node, text, className) {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== className) node.className = className;
}

// rows: [[class of the row, [text, class of the cell], ...], ...]; the first cell of each is its heading
function table(id, heads, rows) {
  const node = byId(id);
  if (!node.tHead) {
    const line = node.createTHead().insertRow();
    for (const [text, className] of heads) {
      const head = element("th", text, className);
      head.scope = "col";
      line.append(head);
    }
    node.createTBody();
  }
  const body = node.tBodies[0];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach(([rowClass, ...cells], place) => {
    let row = body.rows[place];
    if (!row) {
      row = body.insertRow();
      cells.forEach((_, column) => row.append(element(column ? "td" : "th")));
      row.cells[0].scope = "row";
    }
    if (row.className !== rowClass) row.className = rowClass;
    cells.forEach(([text, className], column) => put(row.cells[column], String(text), className || ""));
  });
}

function list(id, items) {
  byId(id).replaceChildren(...items);
}

const N = "number";

function showProblems(view) {
  const items = view.problems.map((one) => {
    const about = one.about ? `${one.about}: ` : "";
    const age = one.since ? ` (for ${since(one.since, view.at)})` : "";
    return element("li", `${one.severity}: ${about}${one.cause}${age}`, one.severity);
  });
  if (view.left_out.problems) items.push(element("li", `and ${view.left_out.problems} more, which fastgw status --json tells`, "warning"));
  list("problems", items.length ? items : [element("li", "none", "none")]);
}

function showNow(view) {
  const whole = view.whole;
  const values = [
    ["requests/s", rate(whole.rate), ""],
    ["errors/s", rate(whole.errors), whole.errors ? "bad" : ""],
    ["half within", seconds(whole.latency[0]), ""],
    ["99 % within", seconds(whole.latency[2]), ""],
    ["under way", count(whole.exchanges), ""],
    ["waiting", count(whole.waiting), whole.waiting ? "warn" : ""],
    ["connections", count(whole.connections), ""],
    ["tunnels", count(whole.tunnels), ""],
  ];
  byId("now").replaceChildren(...values.map(([name, text, className]) => {
    const pair = element("div");
    pair.append(element("dt", name), element("dd", text, className));
    return pair;
  }));
}

function showRoutes(view) {
  const wanted = byId("filter").value.toLowerCase();
  const rows = view.routes.filter((one) => one.name.toLowerCase().includes(wanted)).map((one) => [
    "", [one.name], [rate(one.rate), N], [rate(one.errors), one.errors ? `${N} bad` : N],
    ...one.latency.map((value) => [seconds(value), N]), [count(one.active), N], [count(one.requests), N],
  ]);
  if (view.left_out.routes) rows.push(["", [`and ${view.left_out.routes} more`], ...Array(7).fill([""])]);
  table("routes", [["Route"], ["Requests/s", N], ["Errors/s", N], ["Half", N], ["95 %", N], ["99 %", N], ["Under way", N], ["All", N]], rows);
}

function stateClass(state) {
  return state === "up" ? "good" : state.startsWith("breaker") ? "warn" : "bad";
}

function showServices(view) {
  const rows = [];
  for (const one of view.services) {
    const why = [];
    if (one.breaker && one.breaker.state !== "closed") why.push(`breaker ${one.breaker.state}: ${one.breaker.reason}`);
    if (one.queue) why.push(`${one.queue.places} of ${one.queue.limit} places, ${one.queue.queued} in the queue`);
    if (one.shed) why.push(`${one.shed} turned away`);
    const state = [`${one.up} of ${one.of} up`, one.up === one.of ? "good" : one.up ? "warn" : "bad"];
    rows.push(["", [one.name], state, ["", N], ["", N], ["", N], [count(one.waiting), N], [why.join("; ")]]);
    for (const source of one.sources) {
      rows.push(["member", [source.place], [source.state, source.state === "listed" ? "good" : "warn"], ...Array(4).fill(["", N]), [source.why]]);
    }
    for (const member of one.members) {
      const until = member.until ? Date.parse(member.until) / 1000 - view.at : null;
      const next = until === null ? "" : until > 0 ? `; next try in ${span(until)}` : "; being tried";
      rows.push(["member", [member.address], [member.state, stateClass(member.state)], [count(member.requests), N],
        [count(member.failures), N], [count(member.active), N], [count(member.waiting), N], [member.why + next]]);
    }
    if (one.left_out) rows.push(["member", [`and ${one.left_out} more`], ...Array(6).fill([""])]);
  }
  if (view.left_out.services) rows.push(["", [`and ${view.left_out.services} more`], ...Array(6).fill([""])]);
  table("services", [["Service, member"], ["State"], ["Requests", N], ["Failed", N], ["Active", N], ["Waiting", N], ["Why"]], rows);
}

function clock(seconds) {
  const at = new Date(seconds * 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

function takeTail(news) {
  const before = tail.number;
  for (const one of news.ends) {
    if (before && one.number > tail.number + 1) tail.missed += one.number - tail.number - 1;
    tail.number = one.number;
    tail.ends.push(one);
  }
  tail.ends.splice(0, tail.ends.length - TAIL);
  tail.leftOut = news.left_out;
  if (!isPaused) showTail();
}

function forgetTail() {
  Object.assign(tail, { ends: [], number: 0, missed: 0, leftOut: 0 });
}

function showTail() {
  if (tail.isHeld) return;
  const kind = byId("tail-kind").value;
  const wanted = byId("tail-filter").value.toLowerCase();
  const has = (text) => text.toLowerCase().includes(wanted);
  const found = tail.ends.filter((one) => (!kind || one.kind === kind) && [one.route, one.service, one.cause].some(has));
  found.sort((one, other) => other.when - one.when); // workers tell of theirs four times a second, so they come in no order
  const rows = found.map((one) => [
    "", [clock(one.when)], [one.status || "–", one.kind === "failed" ? "bad" : ""], [one.method], [one.path, "path"],
    [seconds(one.ms / 1e3), one.kind === "slow" ? `${N} warn` : N], [one.first_ms === null ? "–" : seconds(one.first_ms / 1e3), N],
    [one.cause], [one.route], [one.service], [one.endpoint], [one.trace],
  ]);
  table("tail", [["Ended"], ["Status"], ["Method"], ["Path"], ["Took", N], ["First byte", N], ["Cause"], ["Route"], ["Service"], ["Endpoint"], ["Trace"]],
    rows.length ? rows : [["", ["none"], ...Array(10).fill([""])]]);
  const more = tail.missed + (tail.leftOut || 0);
  put(byId("tail-note"), more ? `${count(more)} more came too fast to be shown` : "", "");
}

function showDependencies(view) {
  const rows = view.dependencies.map((one) => [
    "", [one.kind], [one.name], [one.told, { connected: "good", quiet: "", failing: "bad" }[one.state] ?? "warn"], [one.why],
  ]);
  const more = view.left_out.dependencies;
  if (more) rows.push(["", [""], [`and ${count(more)} more`], [""], [""]]);
  table("dependencies", [["Kind"], ["Name"], ["State, and what is used"], ["Why"]], rows.length ? rows : [["", ["nothing"], [""], [""], [""]]]);
}

function showWorkers(view) {
  const rows = view.workers.map((one) => [
    "", [`worker ${one.worker}`], [one.state, one.state === "ready" ? "good" : "bad"], [seconds(one.loop_lag), one.loop_lag > 0.05 ? `${N} warn` : N],
    [`${Math.round(one.rss / 1048576)} MiB`, N], [count(one.restarts), one.restarts ? `${N} warn` : N], [count(one.stalls), N], [one.generation, N], [one.pid || "", N],
  ]);
  table("workers", [["Worker"], ["State"], ["Loop late by", N], ["Memory", N], ["Restarts", N], ["Stuck", N], ["Generation", N], ["Process", N]], rows);
}

function showLoads(view) {
  const items = view.loads.map((one) => {
    const item = element("li", undefined, one.ok ? "ok" : "refused");
    const word = one.ok ? `generation ${one.generation} in use` : `refused, generation ${one.generation} stays`;
    item.append(element("strong", `${word}, ${since(one.when, view.at)} ago, by ${one.by}`));
    item.append(element("p", one.lines.length ? one.lines.join("\n") : "nothing has changed"));
    return item;
  });
  if (!items.length) items.push(element("li", "none since the start"));
  const watch = view.watch;
  if (watch) {
    const every = watch.poll_interval ? `, every ${seconds(watch.poll_interval)}` : "";
    const cause = watch.cause ? `: ${watch.cause}` : "";
    const changed = watch.last_trigger ? `, changed ${since(watch.last_trigger, view.at)} ago` : "";
    items.unshift(element("li", `files watched: ${watch.files}, by ${watch.by}${every}${changed}${cause}`, watch.cause ? "refused" : "ok"));
  }
  const fleet = view.fleet;
  if (fleet) {
    const rollout = fleet.rollout;
    const next = rollout && rollout.generation !== fleet.generation ? `, generation ${rollout.generation} ${rollout.phase.replace("_", " ")}` : "";
    const uses = fleet.generation ? `generation ${fleet.generation}` : "nothing of it";
    const leads = fleet.coordinates ? ", coordinates it" : fleet.coordinator ? `, coordinated by ${fleet.coordinator}` : "";
    const why = fleet.reason ? `: ${fleet.reason}` : "";
    const wrong = ["refused", "went_back", "stale"].includes(fleet.state);
    items.unshift(element("li", `fleet ${fleet.key}, ${fleet.node}: ${uses}, ${fleet.state.replace("_", " ")}${why}${next}${leads}`, wrong ? "refused" : "ok"));
  }
  list("loads", items);
}

function showCertificates(view) {
  const rows = view.certificates.map((one) => [
    "", [one.listener], [one.file], [one.days < 0 ? "expired" : `${Math.floor(one.days)} days`, one.days < 14 ? `${N} bad` : one.days < 30 ? `${N} warn` : N],
  ]);
  table("certificates", [["Listener"], ["File"], ["Ends in", N]], rows.length ? rows : [["", ["none"], [""], [""]]]);
}

// ---- charts

function chart(id, lines, format) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--soft").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const node = byId(id);
  node.replaceChildren();
  const options = {
    width: Math.max(280, node.clientWidth), height: 200, cursor: { drag: { setScale: false } },
    axes: [axis, { ...axis, size: 60, values: (_, values) => values.map(format) }],
    scales: { y: { range: (_, low, high) => [0, high || 1] } },
    series: [{}, ...lines.map(([label], place) => ({
      label, stroke: style.getPropertyValue(`--series-${place + 1}`).trim(), width: 1.5, value: (_, value) => (value === null ? "–" : format(value)),
    }))],
  };
  const made = new uPlot(options, [series.at, ...lines.map(([, name]) => series[name])], node);
  return { id, made, draw: () => made.setData([series.at, ...lines.map(([, name]) => series[name])]) };
}

function makeCharts() {
  charts.forEach((one) => one.made.destroy());
  charts = [
    chart("chart-rate", [["requests/s", "rate"], ["errors/s", "errors"]], (value) => rate(value)),
    chart("chart-latency", [["half", "half"], ["99 %", "most"], ["95 %", "nearly"]], (value) => seconds(value)),
  ];
}

function keep(view) {
  const [half, nearly, most] = view.whole.latency;
  for (const [name, value] of Object.entries({ at: view.at, rate: view.whole.rate, errors: view.whole.errors, half, nearly, most })) {
    series[name].push(value);
    if (series[name].length > KEPT) series[name].shift();
  }
}

function show(view) {
  const gateway = view.gateway;
  const state = gateway.draining ? "draining" : `up ${span(gateway.uptime)}`;
  byId("about").textContent = `${gateway.version} (${gateway.build}), ${state}, generation ${gateway.generation}, ${gateway.config}`;
  for (const part of [showProblems, showNow, showRoutes, showServices, showTail, showDependencies, showWorkers, showLoads, showCertificates]) part(view);
  if (!charts.length) makeCharts();
  charts.forEach((one) => one.draw());
}

function take(view) {
  keep(view);
  latest = view;
  if (byId("main").hidden) byId("main").hidden = false;
  if (!isPaused) show(view);
}

// ---- the stream

const TAIL_EVENT = "event: tail\ndata: ";

const tell = (text) => { byId("link").textContent = text; };

async function refusedBy(answer) {
  const found = await answer.json().catch(() => ({}));
  return found.detail || `status ${answer.status}`;
}

async function watch() {
  const token = sessionStorage.getItem("token");
  const answer = await fetch("events", { headers: token ? { authorization: `Bearer ${token}` } : {}, cache: "no-store" });
  if (answer.status === 401) {
    byId("refused").textContent = token ? await refusedBy(answer) : "";
    sessionStorage.removeItem("token");
    byId("ask").hidden = false;
    byId("main").hidden = true;
    tell("a token is needed");
    byId("token").focus();
    return false;
  }
  if (!answer.ok) throw new Error(await refusedBy(answer));
  byId("ask").hidden = true;
  tell("live");
  forgetTail(); // all that is kept comes again, and of another gateway perhaps
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the gateway has ended the connection");
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const one of events) {
      if (one.startsWith("data: ")) take(JSON.parse(one.slice(6)));
      if (one.startsWith(TAIL_EVENT)) takeTail(JSON.parse(one.slice(TAIL_EVENT.length)));
    }
  }
}

async function follow() {
  for (;;) {
    try {
      if (!(await watch())) return;
    } catch (error) {
      tell(`not connected: ${error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value);
  byId("token").value = "";
  follow();
});
byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  byId("pause").textContent = isPaused ? "Go on" : "Pause";
  if (!isPaused && latest) show(latest);
});
byId("tail-pause").addEventListener("click", () => {
  tail.isHeld = !tail.isHeld;
  byId("tail-pause").setAttribute("aria-pressed", String(tail.isHeld));
  byId("tail-pause").textContent = tail.isHeld ? "Let the list go on" : "Hold the list";
  showTail();
});
for (const id of ["tail-kind", "tail-filter"]) byId(id).addEventListener("input", showTail);
byId("filter").addEventListener("input", () => { if (latest) showRoutes(latest); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (latest) makeCharts(); });
addEventListener("resize", () => charts.forEach((one) => one.made.setSize({ width: Math.max(280, byId(one.id).clientWidth), height: 200 })));
follow();
