// Shows, sorts, filters and folds runs, and unpacks their details. The page can be read without it, but not all of it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const make = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 12 });

  // The details of a run ----------------------------------------------------------------------------------------------

  const unpacked = new Map();
  // In the frame, they could only make the browser complain or connect in advance.
  const idle = "script, link, meta, base, iframe, frame, frameset, object, embed";

  // Shows the HTML of a server, and instead of its text.
  function showPage(place, title) {
    const page = new DOMParser().parseFromString(JSON.parse(place.dataset.page), "text/html");
    all(idle, page).forEach((element) => element.remove());
    // Links do not work in the frame, but a browser connects as soon as one is pressed.
    const leading = ["href", "xlink:href", "ping", "action", "formaction"];
    all("*", page).forEach((element) => leading.forEach((name) => element.removeAttribute(name)));
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "");
    frame.title = title;
    const lines = all("tr, br, p, li, h1, h2, h3, h4", page).length;
    frame.style.height = `${Math.min(Math.max(2 * lines + 3, 6), 24)}rem`;
    frame.srcdoc = `${byId("frame-head").textContent}<body>${page.body ? page.body.innerHTML : ""}</body></html>`;
    place.replaceChildren(frame);
    for (const form of all(".form", place.closest(".more"))) form.open = form.contains(place);
  }

  async function open(body, wanted) {
    const { block } = body.dataset;
    const columns = body.rows[0].cells.length;
    if (wanted && block) {
      if (!unpacked.has(block)) unpacked.set(block, unpack(byId(`block-${block}`)).then((response) => response.json()));
      const details = (await unpacked.get(block))[body.id];
      // It may have been opened again in the meantime.
      if (body.dataset.block) body.insertAdjacentHTML("beforeend", `<tr class="more"><td colspan="${columns}">${details}</td></tr>`);
      delete body.dataset.block;
    }
    const more = body.querySelector(".more");
    more?.classList.toggle("open", wanted);
    more?.querySelector("details:not(.more details details)")?.toggleAttribute("open", wanted);
    body.querySelector("th button").setAttribute("aria-expanded", wanted);
    const title = `Result of ${body.closest(".job").querySelector("h2 bdi").textContent}, run ${body.querySelector("th").textContent}`;
    if (wanted) all(".page", more).filter((place) => !place.querySelector("iframe")).forEach((place) => showPage(place, title));
  }

  // The runs of a job -------------------------------------------------------------------------------------------------

  // Each run of the table is [key, succeeded, failed or skipped, state, text to search, what each column is sorted by, HTML if it is not in the page].
  const [ORDERS, HTML] = [4, 5];
  const jobs = all(".job").map((section) => {
    const table = section.querySelector("table.runs");
    const bodies = new Map([...table.tBodies].map((body, n) => [n, body]));
    const count = Number(section.dataset.count);
    return { section, table, bodies, count, step: Number(section.querySelector(".rest").dataset.step), most: 0, prepared: false, runs: null, order: null, matches: null, linked: null };
  });
  let loading;
  let fits = () => true;

  function load() {
    loading ??= unpack(byId("table")).then((response) => response.json()).then((table) => {
      jobs.forEach((job, n) => {
        job.runs = table[n];
        job.order = [...job.runs.keys()];
        job.matches = job.order;
      });
    });
    return loading;
  }

  function button(cell, label, ...content) {
    const made = make("button", "");
    made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    made.append(...content);
    cell.prepend(made);
    return made;
  }

  function prepareRun(body) {
    const name = body.querySelector("th");
    const toggle = button(name, `Run ${name.textContent}, details`, ...name.childNodes);
    toggle.setAttribute("aria-expanded", "false");
    toggle.addEventListener("click", () => open(body, toggle.getAttribute("aria-expanded") !== "true"));
  }

  function prepare(job) {
    if (job.prepared) return;
    job.prepared = true;
    all("thead th", job.table).forEach((head) => button(head, "", ...head.childNodes).addEventListener("click", () => sort(job, head)));
    job.bodies.forEach(prepareRun);
    job.section.querySelector(".rest button").addEventListener("click", () => more(job));
  }

  // Shows the first of the runs that match, in their order, and one that a link leads to.
  function fill(job) {
    if (!job.runs) return;
    prepare(job);
    const shown = job.matches.slice(0, job.most);
    if (job.linked !== null && !shown.includes(job.linked)) shown.push(job.linked);
    const missing = shown.filter((n) => !job.bodies.has(n));
    const made = document.createElement("template");
    made.innerHTML = `<table>${missing.map((n) => job.runs[n][HTML]).join("")}</table>`;
    all("tbody", made.content).forEach((body, place) => {
      prepareRun(body);
      job.bodies.set(missing[place], body);
    });
    // The headings stay, as one may have the focus.
    [...job.table.tBodies].forEach((body) => body.remove());
    job.table.append(...shown.map((n) => job.bodies.get(n)));
    const left = job.matches.length - shown.length;
    const rest = job.section.querySelector(".rest");
    rest.hidden = left <= 0;
    rest.firstElementChild.textContent = `Show ${Math.min(left, job.step)} more of ${exact.format(left)}`;
    job.section.classList.toggle("none", !job.matches.length);
    job.section.querySelector(".nothing").hidden = job.matches.length > 0;
  }

  function select(job) {
    job.most = job.step;
    job.linked = null;
    job.matches = job.order.filter((n) => fits(job.runs[n]));
  }

  async function sort(job, head) {
    await load();
    const column = head.cellIndex;
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    const numeric = "numeric" in head.dataset;
    const orders = job.runs.map((run) => numeric && run[ORDERS][column] !== "" ? Number(run[ORDERS][column]) : run[ORDERS][column]);
    const compare = numeric ? (a, b) => a - b : new Intl.Collator("en", { numeric: true }).compare;
    // Empty values come last in both directions, and what is equal stays in the order of runs.
    job.order = [...job.runs.keys()].sort((a, b) => (orders[a] === "") - (orders[b] === "") || (ascending ? 1 : -1) * compare(orders[a], orders[b]));
    all("th[aria-sort]", job.table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    select(job);
    fill(job);
  }

  async function more(job) {
    await load();
    job.most += job.step;
    fill(job);
  }

  // All jobs ----------------------------------------------------------------------------------------------------------

  // A table is filled shortly before it becomes visible, as a batch may have a thousand.
  const seen = new IntersectionObserver(async (entries) => {
    for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
      seen.unobserve(target);
      const job = jobs.find(({ table }) => table === target);
      prepare(job);
      if (job.bodies.size < job.count && !job.runs) await load();
      fill(job);
    }
  }, { rootMargin: "600px" });

  function fold(job, wanted) {
    if (!wanted) prepare(job);
    job.section.classList.toggle("folded", wanted);
    job.section.querySelector("h2 button").setAttribute("aria-expanded", !wanted);
  }

  let searching = false;

  async function filter() {
    await load();
    const words = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = byId("filter-state").value;
    fits = ([, outcome, itsState, text]) => ["", outcome, `state:${itsState}`].includes(state) && words.every((word) => text.includes(word));
    const before = searching;
    searching = words.length > 0 || state !== "";
    for (const job of jobs) {
      select(job);
      // What is found is shown; afterwards jobs are folded as they were.
      if (searching && !before) job.folded = job.section.classList.contains("folded");
      if (searching !== before) fold(job, !searching && job.folded);
      if (job.matches.length) job.section.classList.remove("none");
      else fill(job);
      seen.unobserve(job.table);
      seen.observe(job.table);
    }
    count();
  }

  function count() {
    const total = jobs.reduce((sum, job) => sum + job.count, 0);
    const found = jobs.reduce((sum, job) => sum + (job.matches?.length ?? job.count), 0);
    byId("filter-count").textContent = total === 1 ? "1 run" : found === total ? `${exact.format(total)} runs` : `${exact.format(found)} of ${exact.format(total)} runs`;
  }

  async function goTo() {
    const key = location.hash.slice(1);
    const job = jobs.find(({ section }) => section.id === key.replace(/^run-(\d+)-.*/, "job-$1"));
    if (!job) return;
    fold(job, false);
    if (key === job.section.id) {
      job.section.scrollIntoView();
      return;
    }
    await load();
    const linked = job.runs.findIndex(([name]) => name === key);
    if (linked < 0) return;
    if (!job.matches.includes(linked)) {
      byId("tools").reset();
      await filter();
    }
    job.linked = linked;
    fill(job);
    const body = job.bodies.get(linked);
    all(".linked").forEach((other) => other.classList.remove("linked"));
    body.classList.add("linked");
    await open(body, true);
    body.scrollIntoView();
  }

  async function download({ dataset }) {
    const packed = await unpack(byId(dataset.download));
    const link = make("a", "");
    link.href = URL.createObjectURL(new Blob([await packed.blob()], { type: dataset.kind }));
    link.download = dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  const total = jobs.reduce((sum, job) => sum + job.count, 0);
  const narrow = matchMedia("(max-width: 44rem)").matches;
  const many = document.querySelector("main").classList.contains("many");
  for (const job of jobs) {
    job.most = job.step;
    const heading = job.section.querySelector("h2");
    const toggle = button(heading, "", ...[...heading.childNodes].filter((node) => node.className !== "count"));
    toggle.addEventListener("click", () => fold(job, toggle.getAttribute("aria-expanded") === "true"));
    fold(job, many || (narrow && jobs.length > 1 && (jobs.length > 10 || total > 100)));
    seen.observe(job.table);
  }
  if (jobs.length) {
    byId("tools").hidden = false;
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    byId("tools").addEventListener("focusin", load);
    byId("filter-text").addEventListener("input", filter);
    byId("filter-state").addEventListener("change", filter);
    byId("fold-all")?.addEventListener("click", () => jobs.forEach((job) => fold(job, true)));
    byId("unfold-all")?.addEventListener("click", () => jobs.forEach((job) => fold(job, false)));
    count();
  }
  all("[data-download]").forEach((each) => each.addEventListener("click", () => download(each)));
  addEventListener("beforeprint", () => jobs.forEach(fill));
  addEventListener("hashchange", goTo);
  goTo();
})();
