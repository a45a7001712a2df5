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
      plugins: { legend: { align: "start", labels: { color: colour("ink"), usePointStyle: true, boxHeight: 7, filter: ({ text }) => text } }, ...more.plugins },
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
    // Failed runs are hollow and have a cross, so that they can be told without their colour.
    const bars = (succeeded, label, style) => ({
      type: "bar",
      label,
      data: drawing.bars.filter((bar) => bar.succeeded === succeeded).map((bar) => ({ x: [bar.start, bar.end], y: bar.lane, note: bar.note })),
      ...style,
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
    const failed = {
      type: "scatter",
      label: "failed",
      data: [
        ...drawing.bars.filter((bar) => !bar.succeeded).map((bar) => ({ x: (bar.start + bar.end) / 2, y: bar.lane, note: bar.note })),
        ...drawing.unrun.map(([lane, at, note]) => ({ x: at, y: lane, note })),
      ],
      pointStyle: "crossRot",
      radius: drawing.lanes.length > 60 ? 3 : 5,
      hoverRadius: 7,
      borderWidth: 2,
      borderColor: colour("series-5"),
      clip: false,
      order: 0,
    };
    const datasets = [
      bars(true, "succeeded", { backgroundColor: colour("series-1") }),
      bars(false, "", { backgroundColor: colour("bad-back"), borderColor: colour("series-5"), borderWidth: 1.5 }),
      failed,
      planned,
      results,
    ];
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

  // Labels may be the names of hosts, which have room when they are turned.
  function categories(title, labels) {
    const words = labels.some((label) => !/^[\d.,: to]*$/.test(label));
    return axis(title, { type: "category", ticks: { autoSkip: !words || labels.length > 20, maxRotation: words ? 40 : 0, callback(place) { return shortened(this.getLabelForValue(place), this.chart); } } });
  }

  function values(drawing, more) {
    // Half a run does not exist.
    const precision = drawing.unit ? undefined : 0;
    return axis("", { ...more, ticks: { ...more.ticks, precision, callback: (value) => quantity(value, drawing.unit, exact) } });
  }

  function plot(drawing) {
    const points = (line) => drawing.linear ? line.values.map((y, n) => ({ x: (line.places.length ? line.places : drawing.places)[n], y })) : line.values;
    const highest = drawing.lines.reduce((most, line) => line.values.reduce((high, value) => Math.max(high, value ?? 0), most), 0);
    const percents = drawing.unit === "%" && highest === 100;
    const range = drawing.from_zero ? { beginAtZero: true, [percents ? "max" : "suggestedMax"]: percents ? 100 : highest * 1.05 || 1 } : { grace: "5%" };
    const faint = drawing.lines.filter((line) => line.faint).length;
    const radius = drawing.dots && drawing.places.length <= 150 ? 3 : 0;
    return {
      type: drawing.bars ? "bar" : "line",
      data: {
        labels: drawing.linear ? undefined : drawing.places,
        datasets: drawing.lines.map((line, n) => ({
          label: line.title,
          data: points(line),
          borderColor: colour(`series-${(n % 6) + 1}`),
          backgroundColor: colour(`series-${(n % 6) + 1}`),
          borderDash: [[], [7, 4], [2, 3]][Math.floor(n / 6) % 3],
          pointStyle: drawing.dots ? ["circle", "triangle", "rect", "rectRot", "star", "cross"][n % 6] : "circle",
          pointRadius: line.marked.length ? line.values.map((_, place) => line.marked.includes(place) ? 3.5 : radius) : radius,
          borderWidth: drawing.bars ? 0 : line.faint ? 1 : faint ? 3 : 2,
          order: line.faint ? 2 : 1,
          maxBarThickness: 40,
          clip: 6,
        })),
      },
      options: options({
        interaction: { mode: drawing.linear ? "nearest" : "index", axis: "x", intersect: false },
        scales: {
          x: drawing.linear ? axis(drawing.axis, { type: "linear", min: drawing.begin ?? undefined, ticks: { callback: (value) => exact.format(value) } }) : categories(drawing.axis, drawing.places),
          y: values(drawing, range),
        },
        plugins: {
          // A line for each point would be more than the plot.
          legend: { labels: { ...options({}).plugins.legend.labels, ...(drawing.dots ? {} : { pointStyle: "line" }), filter: ({ datasetIndex }) => faint <= 8 || !drawing.lines[datasetIndex].faint }, align: "start", display: drawing.lines.length > 1 },
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

  // In a history, all drawings have the places of the first one.
  const buckets = () => axis("", { type: "category", grid: { display: false } });

  function history(drawing) {
    const { places } = drawings[0];
    const dashed = (at) => ({
      type: "line",
      data: places.map(() => drawing.usual?.[at] ?? null),
      borderColor: colour("soft"),
      borderDash: [4, 4],
      borderWidth: 1,
      pointRadius: 0,
      pointHitRadius: 0,
      order: 3,
    });
    const last = places.map(() => null);
    last[drawing.last_place] = drawing.last;
    return {
      type: "bar",
      data: {
        labels: places,
        datasets: [
          { type: "line", data: last, showLine: false, pointStyle: "rectRot", radius: 6, hoverRadius: 7, borderColor: colour("card"), borderWidth: 1.5, backgroundColor: colour(drawing.mark), clip: 8, order: 0 },
          { type: "line", data: drawing.middle, borderColor: colour("series-1"), backgroundColor: colour("series-1"), borderWidth: 2, pointRadius: places.length > 60 ? 1.5 : 3, clip: 6, order: 1 },
          { data: drawing.low.map((low, place) => low === null ? null : [low, drawing.high[place]]), backgroundColor: `${colour("series-1")}38`, minBarLength: 2, categoryPercentage: 1, barPercentage: 0.86, grouped: false, order: 2 },
          dashed(0),
          dashed(1),
        ],
      },
      options: options({
        interaction: { mode: "index", intersect: false },
        scales: {
          x: buckets(),
          y: axis("", { ...(drawing.from_zero ? { beginAtZero: true } : {}), grace: "5%", ticks: { maxTicksLimit: 6, precision: drawing.unit ? undefined : 0, callback: (value) => quantity(value, drawing.unit) } }),
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            displayColors: false,
            filter: ({ datasetIndex, raw }) => datasetIndex < 2 && raw !== null,
            callbacks: {
              label({ datasetIndex, dataIndex, raw }) {
                if (datasetIndex === 0) return `last run ${quantity(raw, drawing.unit)}`;
                const [low, high] = [drawing.low, drawing.high].map((of) => quantity(of[dataIndex], drawing.unit));
                const runs = drawing.runs[dataIndex];
                return [`median ${quantity(raw, drawing.unit)}, p10 to p90 ${low} to ${high}`, `${exact.format(runs)} run${runs === 1 ? "" : "s"}`];
              },
            },
          },
        },
      }),
    };
  }

  function counts(drawing) {
    return {
      type: "bar",
      data: {
        labels: drawings[0].places,
        // A minimum length would show bars that are not there.
        datasets: [{ data: drawing.counts.map((count) => count || null), backgroundColor: colour(drawing.colour), minBarLength: 3, categoryPercentage: 1, barPercentage: 0.86 }],
      },
      options: options({
        interaction: { mode: "index", intersect: false },
        scales: { x: buckets(), y: axis("", { beginAtZero: true, ticks: { maxTicksLimit: 6, precision: 0, callback: (value) => exact.format(value) } }) },
        plugins: { legend: { display: false }, tooltip: { displayColors: false, callbacks: { label: (item) => `${exact.format(item.raw)} ${item.raw === 1 ? "run" : "runs"}${drawing.what}` } } },
      }),
    };
  }

  function boxes(drawing) {
    const bar = (from, to, more) => ({ type: "bar", data: drawing.boxes.map((box) => box && [box[from], box[to]]), grouped: false, minBarLength: 2, ...more });
    const dots = (part) => drawing.boxes.map((box) => box && Math.min(box[part], drawing.end));
    const wide = ({ chart }) => Math.max(3, Math.min(13, (chart.chartArea?.width ?? 0) / drawing.places.length / 2.6));
    const extreme = {
      type: "line",
      showLine: false,
      pointStyle: ({ parsed }) => parsed?.y === drawing.end && drawing.boxes.some((box) => box?.[6] > drawing.end) ? "triangle" : "circle",
      radius: 2.5,
      borderWidth: 1.5,
      borderColor: colour("series-1"),
      backgroundColor: colour("card"),
      clip: 6,
      order: 1,
    };
    return {
      type: "bar",
      data: {
        labels: drawing.places,
        datasets: [
          { type: "line", data: drawing.boxes.map((box) => box && box[3]), showLine: false, pointStyle: "line", radius: wide, hoverRadius: wide, borderWidth: 2.5, borderColor: colour("ink"), order: 0 },
          { ...extreme, data: dots(0) },
          { ...extreme, data: dots(6) },
          bar(2, 4, { backgroundColor: colour("box"), borderColor: colour("series-1"), borderWidth: 1.5, borderSkipped: false, maxBarThickness: 28, order: 2 }),
          bar(1, 5, { backgroundColor: colour("series-1"), barThickness: 2, order: 3 }),
        ],
      },
      options: options({
        interaction: { mode: "index", intersect: false },
        scales: { x: categories(drawing.axis, drawing.places), y: values(drawing, { beginAtZero: true, suggestedMax: drawing.end * 1.05 }) },
        plugins: {
          legend: { display: false },
          tooltip: {
            filter: ({ datasetIndex }) => datasetIndex === 0,
            displayColors: false,
            callbacks: {
              title: ([item]) => item && `${drawing.axis} ${item.label}`,
              label: ({ dataIndex }) => ["smallest", "5 %", "25 %", "median", "75 %", "95 %", "largest"].map((name, part) => `${name}: ${quantity(drawing.boxes[dataIndex][part], drawing.unit)}`),
            },
          },
        },
      }),
    };
  }

  function shares(drawing) {
    const most = Math.max(...drawing.cells.map(([, , share]) => share));
    const span = (row) => drawing.edges.slice(row, row + 2).map((edge) => quantity(Math.max(edge, 0), drawing.unit)).join(" to ");
    return {
      type: "bar",
      data: {
        labels: drawing.places.map((_, place) => place),
        datasets: [{
          data: drawing.cells.map(([column, row, share]) => ({ x: column, y: [drawing.edges[row], drawing.edges[row + 1]], row, share })),
          backgroundColor: drawing.cells.map(([, , share]) => `rgb(${colour("shade")} / ${0.1 + 0.9 * share / most})`),
          grouped: false,
          barPercentage: 1,
          categoryPercentage: 1,
        }],
      },
      options: options({
        interaction: { mode: "nearest", axis: "xy", intersect: true },
        scales: {
          x: axis(drawing.axis, { type: "category", grid: { display: false }, ticks: { callback: (place) => drawing.places[place] } }),
          y: values(drawing, { min: drawing.edges[0], max: drawing.edges.at(-1), ticks: { includeBounds: false } }),
        },
        plugins: {
          legend: { display: false },
          tooltip: { displayColors: false, callbacks: { title: ([item]) => item && drawing.places[item.raw.x], label: ({ raw }) => `${span(raw.row)}: ${number.format(100 * raw.share)} % of the packets` } },
        },
      }),
    };
  }

  // Two plots above each other with one time axis: the delays of packets, and the rate of the throughput tests.
  function underLoad(drawing) {
    const styles = {
      idle: { name: "series-1", pointStyle: "circle", radius: 2.5 },
      loaded: { name: "series-2", pointStyle: "triangle", radius: 3.5 },
      uncertain: { name: "series-6", pointStyle: "cross", radius: 3 },
    };
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
    const step = steps.find((each) => drawing.end / each <= 8) ?? Math.ceil(drawing.end / 8);
    const end = step * Math.ceil(drawing.end / step);
    const inside = (value) => Math.min(value, drawing.highest);
    const groups = drawing.groups.flatMap(({ title, state, median, marks }) => {
      const { name, pointStyle, radius } = styles[state];
      const base = { yAxisID: "delay", state, borderColor: colour(name), backgroundColor: colour(name), clip: 6 };
      const spread = marks.filter(([, low, , high]) => low < high).flatMap(([x, low, , high]) => [{ x, y: inside(low) }, { x, y: inside(high) }, { x, y: null }]);
      return [
        { ...base, type: "scatter", label: title, data: marks.map(([x, low, y, high]) => ({ x, y: inside(y), values: [low, y, high] })), pointStyle, radius, hoverRadius: radius + 2, borderWidth: pointStyle === "cross" ? 1.5 : 0, order: 2 },
        { ...base, type: "line", label: "", data: spread, pointRadius: 0, pointHitRadius: 0, borderWidth: 1, order: 3 },
        { ...base, type: "line", label: "", data: median === null ? [] : [marks[0], marks.at(-1)].map(([x]) => ({ x, y: median })), pointRadius: 0, pointHitRadius: 0, borderWidth: 1.5, borderDash: [6, 4], order: 1 },
      ];
    });
    const rate = {
      type: "line",
      label: "throughput",
      yAxisID: "rate",
      data: [...drawing.rates, [end, drawing.rates.at(-1)[1]]].map(([x, y]) => ({ x, y })),
      stepped: true,
      fill: "origin",
      pointRadius: 0,
      pointStyle: "rect",
      borderWidth: 1.5,
      borderColor: colour("series-3"),
      backgroundColor: `${colour("series-3")}40`,
      order: 4,
    };
    const delayTitle = drawing.title.replace(" under load", "");
    return {
      type: "scatter",
      data: { datasets: [...groups, rate].filter((dataset) => dataset.data.length) },
      options: options({
        interaction: { mode: "nearest", axis: "xy", intersect: false },
        scales: {
          x: axis(`time since ${drawing.origin}`, { type: "linear", min: 0, max: end, ticks: { stepSize: step, callback: elapsed } }),
          rate: axis("Throughput", { axis: "y", position: "left", stack: "all", stackWeight: 1, beginAtZero: true, grace: "5%", ticks: { callback(value) { return value === this.max ? "" : quantity(value, "bit/s", exact); } } }),
          delay: axis(delayTitle, { axis: "y", position: "left", stack: "all", stackWeight: 2, beginAtZero: true, max: drawing.highest, ticks: { includeBounds: false, callback: (value) => quantity(value, drawing.unit, exact) } }),
        },
        plugins: {
          legend: { align: "start", labels: { ...options({}).plugins.legend.labels, filter: ({ text }) => text } },
          tooltip: {
            displayColors: false,
            callbacks: {
              title: ([item]) => item && `${elapsed(item.parsed.x)} after ${drawing.origin}`,
              label: ({ dataset, parsed, raw }) => {
                if (dataset.yAxisID === "rate") return `throughput: ${quantity(parsed.y, "bit/s")}`;
                if (!raw.values) return `median: ${quantity(parsed.y, drawing.unit)}`;
                const [low, middle, high] = raw.values;
                return low < high ? `${quantity(middle, drawing.unit)} (${quantity(low, drawing.unit)} to ${quantity(high, drawing.unit)})` : quantity(middle, drawing.unit);
              },
            },
          },
        },
      }),
    };
  }

  function draw(canvas) {
    const drawing = drawings[canvas.dataset.drawing];
    Chart.getChart(canvas)?.destroy();
    new Chart(canvas, { "time-line": timeLine, plot, boxes, shares, "under-load": underLoad, history, counts }[drawing.kind](drawing));
  }

  const canvases = all("canvas[data-drawing]");
  // Before anything is drawn, so that the page does not move while it is read.
  for (const canvas of canvases) {
    const { kind, lanes } = drawings[canvas.dataset.drawing];
    if (kind === "time-line") canvas.parentElement.style.height = `${Math.min(90 + 18 * Math.max(lanes.length, 3), 460)}px`;
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
