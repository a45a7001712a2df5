// Sorts, filters and opens runs, and shows the HTML of servers in frames. The page works without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const make = (name, text) => Object.assign(document.createElement(name), { textContent: text });
  const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 12 });

  // The HTML of servers ------------------------------------------------------------------------------------

  let pages;
  // In the frame, they could only make the browser complain or connect in advance.
  const idle = "script, link, meta, base, iframe, frame, frameset, object, embed";

  function show(place) {
    pages ??= JSON.parse(byId("pages").textContent);
    const page = new DOMParser().parseFromString(pages[place.dataset.page], "text/html");
    all(idle, page).forEach((element) => element.remove());
    // Links do not work in the frame, but a browser connects as soon as one is pressed.
    const leading = ["href", "xlink:href", "ping", "action", "formaction"];
    all("*", page).forEach((element) => leading.forEach((name) => element.removeAttribute(name)));
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "");
    frame.title = place.dataset.title;
    const lines = all("tr, br, p, li, h1, h2, h3, h4", page).length;
    frame.style.height = `${Math.min(Math.max(2 * lines + 3, 6), 24)}rem`;
    frame.srcdoc = `${byId("frame-head").textContent}<body>${page.body ? page.body.innerHTML : ""}</body></html>`;
    place.replaceChildren(frame);
  }

  // The tables --------------------------------------------------------------------------------------------------------

  function open(body, wanted) {
    const more = body.querySelector(".more");
    more.classList.toggle("open", wanted);
    more.querySelector("details").open = wanted;
    body.querySelector("th button").setAttribute("aria-expanded", wanted);
    if (wanted) all(".page[data-page]", more).filter((place) => !place.querySelector("iframe")).forEach(show);
  }

  function button(cell, label) {
    const made = make("button", cell.textContent);
    made.type = "button";
    if (label) made.setAttribute("aria-label", label);
    cell.replaceChildren(made);
    return made;
  }

  function sort(head) {
    const table = head.closest("table");
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    const numeric = "numeric" in head.dataset;
    const keyed = all("tbody", table).map((body) => {
      const order = body.rows[0].cells[head.cellIndex].dataset.order;
      return { body, order: numeric ? Number(order) : order, none: order === "" };
    });
    const compare = numeric ? (a, b) => a.order - b.order : (a, b) => a.order.localeCompare(b.order, "en", { numeric: true });
    // Empty values come last in both directions.
    keyed.sort((a, b) => a.none - b.none || (ascending ? compare(a, b) : compare(b, a)));
    all("th[aria-sort]", table.tHead).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    table.append(...keyed.map(({ body }) => body));
    limit(table.closest(".job"));
  }

  // Shows the first rows of a long table; rows that the filter hides do not count.
  function limit(job, more = 0) {
    const rest = job.querySelector(".rest");
    if (!rest) return;
    const step = Number(rest.dataset.step);
    rest.dataset.most = more ? Number(rest.dataset.most ?? step) + more : step;
    const right = all("tbody:not([hidden])", job);
    right.forEach((body, n) => body.classList.toggle("later", n >= Number(rest.dataset.most)));
    const left = right.length - Number(rest.dataset.most);
    rest.hidden = left <= 0;
    rest.firstElementChild.textContent = `Show ${Math.min(left, step)} more of ${exact.format(left)}`;
  }

  const bodies = all("tbody[id]");
  let texts;

  function filter() {
    texts ??= bodies.map((body) => [body.dataset.find, ...all(".run, .because", body).map((row) => row.textContent)].join(" ").toLowerCase());
    const words = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = byId("filter-state").value;
    let count = 0;
    bodies.forEach((body, n) => {
      const failed = body.classList.contains("failed");
      const right = { "": true, succeeded: !failed, failed }[state] ?? state === `state:${body.dataset.state}`;
      body.hidden = !(right && words.every((word) => texts[n].includes(word)));
      count += !body.hidden;
    });
    for (const job of all(".job")) {
      limit(job);
      const none = !job.querySelector("tbody:not([hidden])");
      job.classList.toggle("none", none);
      job.querySelector(".nothing").hidden = !none;
    }
    byId("filter-count").textContent = count === bodies.length ? `${exact.format(count)} runs` : `${exact.format(count)} of ${exact.format(bodies.length)} runs`;
  }

  function goTo() {
    const body = byId(decodeURIComponent(location.hash.slice(1)));
    if (body?.tagName !== "TBODY") return;
    if (body.hidden) {
      byId("tools").reset();
      filter();
    }
    body.classList.remove("later");
    open(body, true);
    body.scrollIntoView();
  }

  all(".job thead th").forEach((head) => button(head).addEventListener("click", () => sort(head)));
  for (const job of all(".job")) {
    limit(job);
    job.querySelector(".rest button")?.addEventListener("click", () => limit(job, Number(job.querySelector(".rest").dataset.step)));
  }
  for (const body of bodies) {
    const name = body.querySelector("th");
    const toggle = button(name, `Run ${name.textContent}, details`);
    toggle.setAttribute("aria-expanded", "false");
    toggle.addEventListener("click", () => open(body, toggle.getAttribute("aria-expanded") !== "true"));
  }
  if (bodies.length) {
    byId("tools").hidden = false;
    byId("tools").addEventListener("submit", (event) => event.preventDefault());
    byId("filter-text").addEventListener("input", filter);
    byId("filter-state").addEventListener("change", filter);
    byId("filter-count").textContent = bodies.length === 1 ? "1 run" : `${exact.format(bodies.length)} runs`;
  }
  addEventListener("hashchange", goTo);
  goTo();
})();
