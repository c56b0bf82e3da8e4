"use strict";
(function () {
  const data = JSON.parse(document.getElementById("payload").textContent);
  const NS = "http://www.w3.org/2000/svg";
  const STATES = {
    done: ["#0072b2", "square"], suspect: ["#e69f00", "triangle"], failed: ["#d55e00", "cross"],
    skipped: ["#cc79a7", "diamond"], running: ["#56b4e9", "circle"], waiting: ["#5a6570", "ring"],
  };
  // Viridis at eleven even steps.
  const RAMP = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];
  // Columns to pixels: what the map itself needs. Details come in chunks of rows.
  const columns = data.columns, chunks = data.chunks, wanted = {};
  const pixels = columns.id.map((id, row) => {
    const pixel = { row: row, chunk: Math.floor(row / data.per_chunk) };
    for (const name in columns) pixel[name] = columns[name][row];
    return pixel;
  });
  const world = document.getElementById("world"), detail = document.getElementById("detail");
  const legend = document.getElementById("legend"), layerBox = document.getElementById("layer"), pick = document.getElementById("pick");

  function svg(name, attributes, parent) {
    const node = document.createElementNS(NS, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(node);
    return node;
  }
  function html(name, text, parent, className) {
    const node = document.createElement(name);
    if (text !== undefined && text !== null) node.textContent = text;
    if (className) node.className = className;
    if (parent) parent.appendChild(node);
    return node;
  }
  function number(value) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value), exact = Number(value.toPrecision(3));
    return size > 0 && (size < 1e-3 || size >= 1e5) ? exact.toExponential() : String(exact);
  }

  // Shapes differ as well as colours.
  function shape(kind, x, y, size) {
    const h = size / 2, a = x - h, b = x + h, c = y - h, d = y + h;
    if (kind === "triangle") return `M${x} ${c}L${b} ${d}L${a} ${d}Z`;
    if (kind === "diamond") return `M${x} ${c}L${b} ${y}L${x} ${d}L${a} ${y}Z`;
    if (kind === "cross") {
      const t = h / 2.2;
      return `M${a} ${c + t}L${a + t} ${c}L${x} ${y - t}L${b - t} ${c}L${b} ${c + t}L${x + t} ${y}L${b} ${d - t}L${b - t} ${d}L${x} ${y + t}L${a + t} ${d}L${a} ${d - t}L${x - t} ${y}Z`;
    }
    if (kind === "circle" || kind === "ring") return `M${a} ${y}A${h} ${h} 0 1 1 ${b} ${y}A${h} ${h} 0 1 1 ${a} ${y}Z`;
    return `M${a} ${c}H${b}V${d}H${a}Z`;
  }
  function ramp(fraction) {
    const at = Math.max(0, Math.min(1, fraction)) * 10, k = Math.min(9, Math.floor(at)), part = at - k;
    const one = parseInt(RAMP[k].slice(1), 16), two = parseInt(RAMP[k + 1].slice(1), 16);
    const mix = (bits) => Math.round(((one >> bits) & 255) * (1 - part) + ((two >> bits) & 255) * part);
    return `rgb(${mix(16)},${mix(8)},${mix(0)})`;
  }

  const inUnit = (unit) => unit && unit !== "1" ? ` (${unit})` : "";
  const layers = [{ name: "state" }];
  data.parameters.forEach((p) => layers.push({
    name: `${p.name}, posterior mean${inUnit(p.unit)}`, low: p.low, high: p.high,
    value: (pixel) => p.means[pixel.row],
  }));
  for (const item of data.scores) for (const set of ["default", "calibrated"]) layers.push({
    name: `DISO of ${item.stream.toUpperCase()}, ${item.period} years, ${set}`, low: 0, high: 1, over: true,
    value: (pixel) => item[set][pixel.row],
  });

  for (const line of data.grid) {
    svg("line", { class: "grid", x1: line.x1, x2: line.x2, y1: line.y1, y2: line.y2 }, world);
    const at = line.vertical ? { x: line.x1 + 3, y: data.height - 5 } : { x: 3, y: line.y1 - 3 };
    svg("text", at, world).textContent = line.label;
  }
  for (const line of data.lines) svg("path", { class: line.kind, d: line.d }, world);
  const marks = pixels.map((pixel) => {
    const mark = svg("path", { class: "pixel" }, world);
    svg("title", {}, mark).textContent = `pixel ${pixel.id}, ${pixel.name}: ${pixel.state} ${pixel.reason}`;
    mark.addEventListener("pointerenter", () => { if (pinned === null) show(pixel, 200); });
    mark.addEventListener("click", () => choose(pixel));
    return mark;
  });
  const unfinished = svg("g", {}, world);
  let pinned = null, shown = null, timer = 0;

  function paint() {
    const layer = layers[Number(layerBox.value)];
    legend.textContent = "";
    pixels.forEach((pixel, k) => {
      const [colour, kind] = STATES[pixel.state], mark = marks[k];
      if (!layer.value) {
        mark.setAttribute("d", shape(kind, pixel.x, pixel.y, data.size));
        mark.setAttribute("fill", kind === "ring" ? "#fff" : colour);
        const open = kind === "ring" && pinned !== pixel;
        mark.style.stroke = open ? colour : "";
        mark.style.strokeWidth = open ? 1.8 : "";
        return;
      }
      const value = layer.value(pixel), known = value !== null && value !== undefined;
      mark.setAttribute("d", shape(known ? "square" : "ring", pixel.x, pixel.y, known ? data.size : data.size / 2));
      mark.setAttribute("fill", known ? ramp((value - layer.low) / (layer.high - layer.low)) : "#fff");
      mark.style.stroke = known || pinned === pixel ? "" : "#5a6570";
      mark.style.strokeWidth = "";
    });
    if (!layer.value) {
      for (const state in STATES) {
        const n = pixels.filter((pixel) => pixel.state === state).length;
        if (!n) continue;
        const [colour, kind] = STATES[state], item = html("span", null, legend);
        const icon = svg("svg", { width: 16, height: 16, "aria-hidden": "true" }, item);
        svg("path", { d: shape(kind, 8, 8, 12), fill: kind === "ring" ? "#fff" : colour, stroke: colour }, icon);
        item.appendChild(document.createTextNode(` ${state} ${n}`));
      }
    } else {
      html("span", number(layer.low), legend);
      html("span", null, legend, "ramp").style.background = `linear-gradient(to right, ${RAMP.join(",")})`;
      html("span", number(layer.high) + (layer.over ? " and more" : ""), legend);
      html("span", "small ring: none", legend);
    }
  }

  function thumbnail(detail, j, parent) {
    const p = data.parameters[j], box = html("div", null, parent), [mean, low, high, edge] = detail.parameters[j];
    html("strong", p.name, box);
    const picture = svg("svg", { viewBox: "0 0 120 34", role: "img", "aria-label": `posterior density of ${p.name} between its prior bounds` }, box);
    const density = detail.densities[j];
    density.forEach((height, k) => {
      const w = 120 / density.length, h = height / 99 * 32;
      svg("rect", { x: k * w, y: 34 - h, width: w, height: h, fill: "#56b4e9" }, picture);
    });
    const at = (p.default - p.low) / (p.high - p.low) * 120;
    svg("line", { x1: at, x2: at, y1: 0, y2: 34, stroke: "#8a5a00", "stroke-width": 2, "stroke-dasharray": "4 2" }, picture);
    svg("rect", { x: .5, y: .5, width: 119, height: 33, fill: "none", stroke: "#8a949e" }, picture);
    html("div", `${number(mean)} (${number(low)} to ${number(high)})${p.unit === "1" ? "" : ` ${p.unit}`}`, box).style.border = "0";
    if (edge) html("span", `at ${edge} edge of the prior`, box, "edge");
  }

  function series(one, days, parent) {
    const box = html("div", null, parent, "series"), unit = (data.streams.find((s) => s.name === one.stream) || {}).unit || "";
    html("strong", `${one.stream.toUpperCase()}, 8-day means${inUnit(unit)}`, box);
    const W = 420, H = 150, L = 42, B = 18;
    const every = [].concat(one.observed, one.default, one.calibrated).filter((v) => v !== null);
    if (!every.length) return;
    const low = Math.min(0, ...every), high = Math.max(...every), first = days[0], last = days[days.length - 1];
    const x = (day) => L + (day - first) / Math.max(1, last - first) * (W - L - 4), y = (v) => 4 + (high - v) / Math.max(1e-9, high - low) * (H - B - 8);
    const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `time series of ${one.stream}: observed, default and calibrated` }, box);
    if (one.validation !== null) svg("rect", { x: x(one.validation), y: 0, width: W - x(one.validation), height: H - B, fill: "#e3f1ea" }, picture);
    for (const v of [low, (low + high) / 2, high]) {
      svg("line", { x1: L, x2: W, y1: y(v), y2: y(v), stroke: "#d5dde4" }, picture);
      svg("text", { x: L - 3, y: Math.min(H - B, y(v) + 4), "text-anchor": "end", "font-size": 10 }, picture).textContent = number(v);
    }
    const years = [];
    for (let year = new Date(first * 864e5).getUTCFullYear(); year <= new Date(last * 864e5).getUTCFullYear(); year++) years.push(year);
    const step = Math.ceil(years.length / 8);
    years.forEach((year, k) => {
      const at = x(Math.max(first, Date.UTC(year, 0, 1) / 864e5));
      if (k % step === 0) svg("text", { x: at, y: H - 4, "font-size": 10 }, picture).textContent = year;
    });
    const draw = (values, attributes) => {
      let d = "", before = null;
      values.forEach((v, k) => {
        if (v === null) { before = null; return; }
        d += (before === null || days[k] - before > 31 ? "M" : "L") + x(days[k]).toFixed(1) + " " + y(v).toFixed(1);
        before = days[k];
      });
      svg("path", Object.assign({ d: d, fill: "none" }, attributes), picture);
    };
    one.observed.forEach((v, k) => { if (v !== null) svg("circle", { cx: x(days[k]), cy: y(v), r: 1.6, fill: "none", stroke: "#000", "stroke-width": .7 }, picture); });
    draw(one.default, { stroke: "#b87700", "stroke-width": 1.3, "stroke-dasharray": "5 3" });
    draw(one.calibrated, { stroke: "#0072b2", "stroke-width": 1.5 });
    const key = html("div", null, box, "key");
    html("span", "○ observed  ", key, "o"); html("span", "- - default  ", key, "d"); html("span", "— calibrated", key, "c");
    if (one.validation !== null) html("span", "  (green: validation years)", key);
  }

  // Files opened from disk may load scripts, which call this, but not read data.
  window.masmPixels = (number, chunk) => {
    chunks[number] = chunk;
    if (shown !== null && shown.chunk === number) show(shown, 0);
  };
  function load(number) {
    if (wanted[number]) return;
    wanted[number] = true;
    const script = document.createElement("script");
    script.src = data.files[number];
    script.onerror = () => {
      wanted[number] = false;
      if (shown !== null && shown.chunk === number) waiting(`Its details are in ${data.files[number]}, which is not beside this page: copy the whole run folder.`);
    };
    document.head.appendChild(script);
  }
  function waiting(text) {
    const old = document.getElementById("waiting");
    if (old) old.textContent = text; else html("p", text, detail).id = "waiting";
  }

  function show(pixel, delay) {
    shown = pixel;
    clearTimeout(timer);
    detail.textContent = "";
    html("h3", `Pixel ${pixel.id}: ${pixel.name}`, detail);
    html("p", `${place(pixel.lat, "N", "S")}, ${place(pixel.lon, "E", "W")}; ${pixel.state} ${pixel.reason}`, detail);
    for (const item of data.scores) {
      const before = item.default[pixel.row], after = item.calibrated[pixel.row];
      if (before !== null || after !== null) html("p", `DISO of ${item.stream.toUpperCase()}, ${item.period} years: ${number(before)} → ${number(after)}`, detail);
    }
    if (chunks[pixel.chunk]) more(pixel, chunks[pixel.chunk]);
    else if (data.files[pixel.chunk]) {
      waiting("Loading its details …");
      timer = setTimeout(() => load(pixel.chunk), delay);
    }
  }
  function more(pixel, chunk) {
    const found = chunk.pixels[pixel.row];
    if (!found) return;
    if (found.runs !== undefined) html("p", `${found.runs} model runs, ${number(found.minutes)} min`, detail);
    if (found.files.length) {
      const line = html("p", "Files: ", detail);
      found.files.forEach((file, k) => {
        if (k) line.appendChild(document.createTextNode(", "));
        html("a", file.text, line).setAttribute("href", file.href);
      });
    }
    if (found.parameters) {
      html("p", "Posterior mean (5 to 95 %); dashed: default; box: the prior.", detail, "sources");
      const thumbs = html("div", null, detail, "thumbs");
      data.parameters.forEach((_, j) => thumbnail(found, j, thumbs));
    }
    for (const one of found.series || []) series(one, chunk.axes[one.axis], detail);
  }
  function place(degrees, plus, minus) {
    return `${Math.abs(degrees).toFixed(3)}° ${degrees < 0 ? minus : plus}`;
  }
  function choose(pixel) {
    pinned = pixel;
    marks.forEach((mark, k) => mark.classList.toggle("chosen", pixels[k] === pixel));
    if (pixel) { pick.value = String(pixel.row); show(pixel, 0); world.insertBefore(marks[pixel.row], unfinished); }
    paint();
  }

  layers.forEach((layer, k) => { html("option", layer.name, layerBox).value = k; });
  html("option", "none chosen", pick).value = "";
  pixels.forEach((pixel, k) => { html("option", `${pixel.id}: ${pixel.name}`, pick).value = k; });
  layerBox.addEventListener("change", paint);
  pick.addEventListener("change", () => choose(pick.value === "" ? null : pixels[Number(pick.value)]));
  layerBox.value = "0";
  paint();
  pick.value = String(data.start);
  show(pixels[data.start], 0);
})();
