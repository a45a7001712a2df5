// Draws the plots of a page.
"use strict";
(async () => {
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  root.classList.add("js");

  const drawings = await (await unpack(byId("drawings"))).json();
  const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  // For counts, for values that were requested, and for the ticks of axes, no two of which may look the same.
  const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 12 });
  const prefixes = ["", "k", "M", "G", "T", "P"];

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  }

  function quantity(value, unit, format = number) {
    let power = 0;
    if (unit === "bit/s") {
      while (Math.abs(value) >= 1000 && power < prefixes.length - 1) {
        value /= 1000;
        power += 1;
      }
      return `${format.format(value)} ${prefixes[power]}b/s`;
    }
    return unit ? `${format.format(value)} ${unit}` : format.format(value);
  }

  function elapsed(seconds) {
    if (seconds < 60) return `${number.format(seconds)} s`;
    const whole = Math.round(seconds);
    const parts = [[Math.floor(whole / 86400), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "min"], [whole % 60, "s"]];
    return parts.filter(([count]) => count).slice(0, 2).map(([count, name]) => `${count} ${name}`).join(" ");
  }

  function axis(title, more = {}) {
    return {
      title: { display: Boolean(title), text: title, color: colour("soft") },
      border: { color: colour("line") },
      grid: { color: colour("line") },
      ...more,
      ticks: { color: colour("soft"), maxRotation: 0, autoSkipPadding: 12, ...more.ticks },
    };
  }

  function options(more) {
    return {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      ...more,
      plugins: { legend: { align: "start", labels: { color: colour("ink"), usePointStyle: true, boxHeight: 7 } }, ...more.plugins },
    };
  }

  // An axis takes at most half of a drawing, and would cut longer labels at their start.
  function shortened(label, { ctx, width }) {
    ctx.save();
    ctx.font = `${Chart.defaults.font.size}px ${Chart.defaults.font.family}`;
    // Characters, not UTF-16 code units.
    const characters = [...label];
    let shown = label;
    while (characters.length && ctx.measureText(shown).width > 0.4 * width) {
      characters.pop();
      shown = `${characters.join("")}…`;
    }
    ctx.restore();
    return shown;
  }

  function timeLine(drawing) {
    const bars = (succeeded, name, label) => ({
      type: "bar",
      label,
      data: drawing.bars.filter((bar) => bar.succeeded === succeeded).map((bar) => ({ x: [bar.start, bar.end], y: bar.lane, note: bar.note })),
      backgroundColor: colour(name),
      pointStyle: "rectRounded",
      grouped: false,
      minBarLength: 3,
      borderRadius: 2,
      borderSkipped: false,
      maxBarThickness: 18,
      // With very many lanes, bars as high as a lane would be too thin to see.
      barThickness: drawing.lanes.length > 150 ? 3 : undefined,
      // Where bars overlap, failed ones are on top, and the marks of planned starts above them.
      order: succeeded ? 2 : 1,
    });
    const planned = {
      type: "scatter",
      label: "planned start",
      data: drawing.planned.map(([lane, at]) => ({ x: at, y: lane, note: `planned start, ${elapsed(at)} after ${drawing.origin}` })),
      pointStyle: "rectRot",
      radius: 6,
      hoverRadius: 8,
      borderWidth: 1.5,
      borderColor: colour("card"),
      backgroundColor: colour("ink"),
      clip: false,
      order: 0,
    };
    const results = {
      type: "scatter",
      label: "result",
      data: drawing.results.map(([lane, at]) => ({ x: at, y: lane, note: `result, ${elapsed(at)} after ${drawing.origin}` })),
      radius: 3.5,
      hoverRadius: 5,
      borderWidth: 1,
      borderColor: colour("ink"),
      backgroundColor: colour("card"),
      clip: false,
      order: 0,
    };
    const datasets = [bars(true, "series-1", "succeeded"), bars(false, "series-5", "failed"), planned, results];
    return {
      type: "bar",
      data: { labels: drawing.lanes.map((_, lane) => lane), datasets: datasets.filter((dataset) => dataset.data.length) },
      options: options({
        indexAxis: "y",
        interaction: { mode: "nearest", axis: "xy", intersect: false },
        scales: {
          x: axis(`time since ${drawing.origin}`, { type: "linear", min: 0, max: drawing.end, ticks: { stepSize: drawing.step, callback: elapsed } }),
          y: axis(drawing.axis, { type: "category", offset: true, grid: { display: false }, ticks: { autoSkipPadding: 2, callback(lane) { return shortened(drawing.lanes[lane], this.chart); } } }),
        },
        plugins: { tooltip: { callbacks: { title: () => "", label: (item) => item.raw.note } } },
      }),
    };
  }

  function plot(drawing) {
    const points = (line) => drawing.linear ? line.values.map((y, place) => ({ x: drawing.places[place], y })) : line.values;
    const numbers = drawing.lines.flatMap((line) => line.values.filter((value) => value !== null));
    const [lowest, highest] = numbers.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    // From zero, unless the lines would be pressed together; a constant must look constant.
    const range = lowest >= 0 && (lowest <= highest / 2 || lowest === highest) ? { min: 0, suggestedMax: highest * 1.1 || 1 } : { grace: "5%" };
    // A line only joins points at different places.
    const joined = !drawing.linear || new Set(drawing.places).size === drawing.places.length;
    return {
      type: "line",
      data: {
        labels: drawing.linear ? undefined : drawing.places,
        datasets: drawing.lines.map((line, n) => ({
          label: line.title,
          data: points(line),
          borderColor: colour(`series-${(n % 6) + 1}`),
          backgroundColor: colour(`series-${(n % 6) + 1}`),
          pointStyle: ["circle", "triangle", "rect", "rectRot", "star", "cross"][n % 6],
          pointRadius: drawing.places.length > 150 ? 0 : 3,
          borderWidth: 2,
          clip: 6,
          showLine: joined,
        })),
      },
      options: options({
        interaction: { mode: drawing.linear ? "nearest" : "index", intersect: false },
        scales: {
          x: axis(drawing.axis, drawing.linear ? { type: "linear", ticks: { callback: (value) => exact.format(value) } } : { type: "category" }),
          y: axis("", { ...range, ticks: { callback: (value) => quantity(value, drawing.unit, exact) } }),
        },
        plugins: {
          legend: { ...options({}).plugins.legend, display: drawing.lines.length > 1 },
          tooltip: {
            callbacks: {
              title: ([item]) => item && `${drawing.axis} ${drawing.linear ? exact.format(item.parsed.x) : item.label}`,
              label: (item) => `${item.dataset.label}: ${quantity(item.parsed.y, drawing.unit)}`,
            },
          },
        },
      }),
    };
  }

  function draw(canvas) {
    const drawing = drawings[canvas.dataset.drawing];
    Chart.getChart(canvas)?.destroy();
    new Chart(canvas, drawing.kind === "time-line" ? timeLine(drawing) : plot(drawing));
  }

  const canvases = all("canvas[data-drawing]");
  // Before anything is drawn, so that the page does not move while it is read.
  for (const canvas of canvases) {
    const { kind, lanes } = drawings[canvas.dataset.drawing];
    if (kind === "time-line") canvas.parentElement.style.height = `${Math.min(90 + 24 * Math.max(lanes.length, 3), 620)}px`;
  }
  const redraw = () => canvases.filter((canvas) => Chart.getChart(canvas)).forEach(draw);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  // Each is drawn shortly before it becomes visible, as a batch may have hundreds.
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        draw(target);
      }
    }
  }, { rootMargin: "600px" });
  canvases.forEach((canvas) => seen.observe(canvas));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    root.dataset.printing = "";
    canvases.forEach(draw);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    redraw();
  });
})();
