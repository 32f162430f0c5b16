"use strict";
// The recording, as WriteTimeline writes it. An event is an index of at, a task an index of tasks, and
// a text an index of texts.
//   at      the time of each event in ns: the first one since the start of the clock, the others
//           since the event before
//   tasks   [id, name, outcome, error]
//   spans   [task, kind, from, to, flags, text]: from and to are events, kind is a Kind,
//           flags are 1 (began in the recording) and 2 (ended in the recording)
//   arrows  [by, task, from, to]: from and to are events, by is a task, or -1 for a callback
//   idles   [from, to]: events
//   marks   [task, event, text]: cancellations
//   world   of a run with a simulated world, otherwise missing:
//     nodes     names
//     of        the node of each task, an index of nodes, or -1
//     spans     [node, kind, from, to, flags, text]: kind is 0 for an incarnation, 1 for a pause, 2 for a cut,
//               which has the node -1
//     messages  [from, to, sent, arrived, how, text]: from and to are nodes, how is 0 (arrived), 1 (lost)
//               or 2 (under way at the end)
//     marks     [node, event, fault, text]: fault is 1 for a fault, 0 for a log
// The index after the last event stands for the end of the recording.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const Kind = { step: 0, wait: 1, ready: 2, sleep: 3, up: 4, paused: 5, cut: 6, message: 7, fault: 8, log: 9 };
  const kindNames = ["step", "waits", "ready", "sleeps", "node", "paused", "cut", "message", "fault", "log"];
  const { tasks, texts, marks, world } = data;
  const events = data.at.length;

  // ---- The recording.

  const at = new Float64Array(events + 1);
  for (let i = 0; i < events; i++) at[i] = (i > 0 ? at[i - 1] : 0) + data.at[i];
  const start = events > 0 ? at[0] : 0;
  for (let i = 0; i < events; i++) at[i] -= start;
  at[events] = events > 0 ? at[events - 1] : 0;

  const spans = data.spans.map(([task, kind, from, to, flags, what]) =>
    ({ task, kind, from, to, began: (flags & 1) > 0, ended: (flags & 2) > 0, what: texts[what], took: at[to] - at[from] }));
  const arrows = data.arrows.map(([by, task, from, to]) => ({ by, task, from, to }));
  const lanes = tasks.map(([id, name, outcome, err]) => ({ id, name, outcome, err, spans: [], woken: new Map(), marks: [] }));
  for (const s of spans) lanes[s.task].spans.push(s);
  for (const a of arrows) lanes[a.task].woken.set(a.to, a);
  for (const [task, event, text] of marks) if (task >= 0) lanes[task].marks.push({ event, text: texts[text] });
  const steps = spans.filter((s) => s.kind === Kind.step);

  // ---- The world: each node has a lane, the head of the lanes of its tasks. Two more heads are for the network, and
  // for the tasks that belong to no node. What a head shows has the form of a span.

  const heads = [], messages = [], faults = [], cuts = [];
  if (world) {
    document.documentElement.classList.add("with-world");
    const head = (name, node) => {
      const lane = { id: 0, name, node, full: name, outcome: "", err: "", head: true, open: true, spans: [], woken: new Map(), marks: [], logs: [], things: [], members: [], activity: [] };
      heads.push(lanes.length);
      lanes.push(lane);
      return lane;
    };
    const net = head("network", -2);
    for (const [k, name] of world.nodes.entries()) head(name, k);
    const rest = head("the test", -1);
    const headOf = (node) => (node < 0 ? net : lanes[heads[node + 1]]);
    const laneOf = (node) => (node < 0 ? heads[0] : heads[node + 1]);
    for (let i = 0; i < tasks.length; i++) {
      const lane = lanes[i], of = world.of[i] < 0 ? rest : headOf(world.of[i]);
      lane.node = of.node;
      lane.full = of === rest || lane.name === of.name ? lane.name : of.name + "/" + lane.name;
      of.members.push(i);
    }
    for (const s of steps) (world.of[s.task] < 0 ? rest : headOf(world.of[s.task])).activity.push(s);
    for (const [node, kind, from, to, flags, what] of world.spans) {
      const s = { task: laneOf(node), kind: Kind.up + kind, from, to, began: (flags & 1) > 0, ended: (flags & 2) > 0, what: texts[what], took: at[to] - at[from] };
      spans.push(s);
      headOf(node).spans.push(s);
      headOf(node).things.push(s);
      if (s.kind === Kind.cut) cuts.push(s);
    }
    for (const [from, to, sent, arrived, how, what] of world.messages) {
      if (from < 0 || to < 0) continue;
      const m = { task: laneOf(from), to: arrived, peer: laneOf(to), kind: Kind.message, from: sent, how, began: true, ended: how < 2, what: texts[what], took: at[arrived] - at[sent] };
      messages.push(m);
      headOf(from).things.push(m);
    }
    for (const [node, event, fault, what] of world.marks) {
      const m = { task: laneOf(node), kind: fault ? Kind.fault : Kind.log, from: event, to: event, began: true, ended: true, what: texts[what], took: 0 };
      (fault ? headOf(node).marks : headOf(node).logs).push(m);
      headOf(node).things.push(m);
      if (fault) faults.push(m);
    }
    for (const i of heads) lanes[i].things.sort((a, b) => a.from - b.from);
    // Cuts at the same time are drawn on tracks, one below the other. The fault that begins a cut is on its track.
    const free = []; // the end of the last cut of each track
    for (const c of cuts) {
      c.track = free.findIndex((end) => end <= c.from);
      if (c.track < 0) c.track = free.length;
      free[c.track] = c.to;
    }
    net.tracks = Math.max(free.length, 1);
    for (const m of net.marks) m.track = cuts.find((c) => c.from >= m.from && c.from <= m.from + 2)?.track;
  }
  for (const lane of lanes) lane.full ??= lane.name;

  // ---- Axes: each maps events to positions. The view is an interval of positions.

  const axes = {
    order: { position: (event) => event, length: Math.max(events, 1), least: 4 },
    time: { position: (event) => at[event], length: Math.max(at[events], 1), least: 10 },
  };
  let axisName = at[events] === 0 || data.virtual && !world ? "order" : "time";
  let axis = axes[axisName];
  let view = { from: 0, to: 0 }; // positions

  // eventAt returns the newest event whose position is not greater than the given one.
  function eventAt(position) {
    let low = 0, high = events;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (axis.position(middle) <= position) low = middle; else high = middle - 1;
    }
    return low;
  }

  // ---- Words.

  function duration(ns) {
    if (ns === 0) return "0 s";
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
      if (Math.abs(ns) >= size) return trim(ns / size) + " " + unit;
    }
    return trim(ns) + " ns";
  }
  const trim = (n) => (Math.abs(n) >= 1000 ? n.toFixed(1) : n.toPrecision(4)).replace(/\.?0+$/, "");
  const clock = (event) => ((at[event] + start) / 1e9).toFixed(at[events] < 1e6 ? 9 : 6) + " s";
  const took = (s) => (s.began ? "" : "at least ") + duration(s.took) + (s.began && !s.ended ? " so far" : "");
  const nameOf = (task) => (task < 0 ? "a callback" : lanes[task].full);
  const count = (n, what) => n.toLocaleString("en") + " " + what + (n === 1 ? "" : "s");
  const did = (s) => s.to - s.from; // the number of events in a step, its end included

  function describe(s) {
    if (s.kind >= Kind.up) return describeWorld(s);
    const lines = [lanes[s.task].full + ": " + kindNames[s.kind] + (s.kind !== Kind.step && s.what ? ", " + forWhat(s) : "")];
    lines.push("at " + clock(s.from) + ", took " + took(s));
    if (s.kind === Kind.step && s.what) lines.push("then " + s.what);
    return lines.join("\n");
  }
  const ends = ["arrived", "lost", "under way at the end"];
  function describeWorld(s) {
    if (s.kind === Kind.message) {
      return lanes[s.task].name + " → " + lanes[s.peer].name + (s.what ? ": " + s.what : "") + "\nsent at " + clock(s.from) + ", " + ends[s.how] + (s.ended ? " after " + duration(s.took) : "");
    }
    if (s.from === s.to) return (s.kind === Kind.log ? lanes[s.task].name + ": " : "") + s.what + "\nat " + clock(s.from);
    return (s.kind === Kind.cut ? "cut: " : lanes[s.task].name + ": ") + s.what + "\nat " + clock(s.from) + ", took " + took(s);
  }
  const forWhat = (s) => (s.kind === Kind.sleep ? s.what.replace(/^sleep /, "") : "for " + s.what);

  // ---- The view: which lanes and positions are shown.

  const timeline = $("timeline"), scroll = $("scroll"), canvas = $("canvas"), ruler = $("ruler"), overview = $("overview");
  let rows = [];                  // indices of lanes
  let rowOf = new Int32Array(0);  // by lane; -1 if it is not shown
  let rowHeight = 24;
  let withArrows = true, withMessages = true;
  let chosen = { task: -1, span: null };
  let wanted = "";
  let colors = {};
  let map = null;                 // the overview, drawn once

  function filter() {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    rows = [];
    rowOf = new Int32Array(lanes.length).fill(-1);
    const matches = (lane) => { const name = lane.full.toLowerCase(); return words.every((w) => name.includes(w)); };
    const add = (i) => { rowOf[i] = rows.length; rows.push(i); };
    let found = 0;
    const addTasks = (list, open) => {
      const shown = list.filter((i) => matches(lanes[i]));
      found += shown.length;
      return open || words.length ? shown : [];
    };
    if (!world) addTasks([...lanes.keys()], true).forEach(add);
    for (const i of heads) {
      const lane = lanes[i], inside = addTasks(lane.members, lane.open);
      const empty = lane.node < 0 && !lane.members.length && !lane.things.length;
      if (!empty && (matches(lane) || inside.length)) add(i);
      inside.forEach(add);
    }
    overview.style.height = rows.length > 40 ? "72px" : "";
    $("found").textContent = words.length ? found.toLocaleString("en") + " of " + count(tasks.length, "task") : "";
    map = null;
    layout();
  }

  function layout() {
    const height = scroll.clientHeight;
    const most = rows.every((i) => lanes[i].head) ? 72 : 36;
    rowHeight = Math.max(22, Math.min(most, Math.floor(height / Math.max(rows.length, 1))));
    $("tall").style.height = Math.max(rows.length * rowHeight, height) + "px";
    $("pane").style.height = height + "px";
    draw();
  }

  function show(from, to) {
    const size = Math.min(Math.max(to - from, Math.min(axis.least, axis.length)), axis.length);
    from = Math.min(Math.max((from + to - size) / 2, 0), axis.length - size);
    view = { from, to: from + size };
    $("tip").hidden = true;
    draw();
  }
  const showAll = () => show(0, axis.length);

  // zoom multiplies the length of the view by factor. The given position keeps its place on the screen.
  function zoom(factor, position) {
    position ??= chosen.span && chosen.span.task >= 0 && seen(chosen.span)
      ? middle(chosen.span) : (view.from + view.to) / 2;
    const size = Math.min(Math.max((view.to - view.from) * factor, Math.min(axis.least, axis.length)), axis.length);
    const share = (position - view.from) / (view.to - view.from);
    show(position - share * size, position + (1 - share) * size);
  }
  const middle = (s) => (Math.max(axis.position(s.from), view.from) + Math.min(axis.position(s.to), view.to)) / 2;
  const seen = (s) => axis.position(s.to) >= view.from && axis.position(s.from) <= view.to;
  const pan = (share) => { const d = (view.to - view.from) * share; show(view.from + d, view.to + d); };

  function setAxis(name) {
    const a = eventAt(view.from), b = eventAt(view.to);
    const whole = view.to - view.from >= axis.length;
    axisName = name;
    axis = axes[name];
    map = null;
    state();
    if (whole) showAll(); else show(axis.position(a), axis.position(b));
    if (chosen.span) reveal();
  }

  // ---- Drawing.

  let due = false;
  function draw() {
    if (!due) {
      due = true;
      requestAnimationFrame(() => { due = false; paint(); });
    }
  }

  // surface sets the resolution of a canvas to its size on the screen, and returns its context.
  function surface(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = "12px system-ui, sans-serif";
    g.textBaseline = "middle";
    return g;
  }

  const paneWidth = () => Math.max(ruler.clientWidth, 1);
  const x = (event) => (axis.position(event) - view.from) / (view.to - view.from) * paneWidth();

  function paint() {
    const width = paneWidth(), height = $("pane").clientHeight;
    const first = Math.floor(scroll.scrollTop / rowHeight);
    const last = Math.min(rows.length, Math.ceil((scroll.scrollTop + height) / rowHeight));
    const y = (row) => row * rowHeight - scroll.scrollTop;
    canvas.style.height = height + "px";
    const g = surface(canvas, width, height);
    paintBack(g, width, height);
    let drawn = 0;
    for (let row = first; row < last; row++) paintRow(g, lanes[rows[row]], rows[row], y(row), width);
    const sent = paintMessages(g, width, first, last, y);
    for (let row = first; row < last; row++) drawn += paintLane(g, lanes[rows[row]], rows[row], y(row), width);
    for (let row = first; row < last; row++) if (lanes[rows[row]].head) paintMarks(g, lanes[rows[row]], y(row), width);
    const strong = chosen.span?.kind === Kind.message ? line(chosen.span, first, last, y) : null;
    if (strong) paintMessage(g, chosen.span, strong, 3, true);
    const { shown, all } = paintArrows(g, width, first, last, y);
    paintNames(first, last, y);
    paintRuler(width);
    paintOverview();
    $("notice").textContent = sent.shown < sent.all ? "messages: selection only" : shown < all ? "wakes: selection only" : "";
    $("notice").title = $("notice").textContent ? "There are too many to show. Zoom in, or select a lane to see what belongs to it." : "";
    if (world) Object.assign(timeline.dataset, { messages: sent.shown, bands: cuts.filter(seen).length, faults: faults.filter(seen).length });
    Object.assign(timeline.dataset, { lanes: last - first, steps: drawn, arrows: shown, from: view.from, to: view.to, axis: axisName });
  }

  // ticks returns round positions in the view. They are at least space pixels apart.
  function ticks(width, space) {
    const least = (view.to - view.from) * space / width;
    let step = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
    for (const factor of [1, 2, 5, 10]) {
      if (step * factor >= least) { step *= factor; break; }
    }
    if (axisName === "order" || step < 1) step = Math.max(Math.round(step), 1);
    const found = [];
    for (let p = Math.ceil(view.from / step) * step; p <= view.to; p += step) found.push(p);
    return { found, step };
  }

  function paintBack(g, width, height) {
    g.fillStyle = colors.idle;
    for (const [from, to] of data.idles) {
      const a = x(from), b = x(to);
      if (b > 0 && a < width) g.fillRect(a, 0, Math.max(b - a, 1), height);
    }
    for (const c of cuts) {
      const a = Math.max(x(c.from), -2), b = Math.min(x(c.to), width + 2);
      if (b <= 0 || a >= width) continue;
      g.fillStyle = colors.cut;
      g.globalAlpha = 0.13;
      g.fillRect(a, 0, Math.max(b - a, 1), height);
      g.globalAlpha = 0.6;
      g.fillRect(a, 0, 1, height);
      g.fillRect(b, 0, 1, height);
      g.globalAlpha = 1;
    }
    g.fillStyle = colors.grid;
    for (const p of ticks(width, 90).found) g.fillRect(Math.round((p - view.from) / (view.to - view.from) * width), 0, 1, height);
  }

  const fills = () => [colors.step, colors.wait, colors.ready, colors.sleep, colors.up, colors.paused, colors.cut];
  const inks = () => [colors["step-text"], colors["wait-text"], colors.back, colors["sleep-text"]];

  // firstIn returns the index of the first span that ends in the view or later.
  function firstIn(list) {
    let low = 0, high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (axis.position(list[middle].to) < view.from) low = middle + 1; else high = middle;
    }
    return low;
  }

  // paintRow draws what is behind a lane.
  function paintRow(g, lane, task, top, width) {
    if (task === chosen.task || lane.head) {
      g.fillStyle = task === chosen.task ? colors.chosen : colors.head;
      g.globalAlpha = cuts.length ? 0.6 : 1; // the bands shine through
      g.fillRect(0, top, width, rowHeight);
      g.globalAlpha = 1;
    }
    g.fillStyle = lane.head ? colors.line : colors.grid;
    g.fillRect(0, lane.head ? top : top + rowHeight - 1, width, 1);
    if (lane.node >= 0 && lane.head) g.fillRect(0, Math.round(top + rowHeight / 2), width, 1);
  }

  // paintLane draws a lane, and returns the number of its steps in the view. A span on the same pixel
  // as the span before it is not drawn.
  function paintLane(g, lane, task, top, width) {
    if (lane.head) return paintHead(g, lane, top, width);
    const pad = Math.max(3, Math.round(rowHeight * 0.16));
    const height = rowHeight - 2 * pad;
    const fill = fills(), ink = inks();
    const list = lane.spans;
    const begin = firstIn(list);
    let drawn = 0, end = list.length;
    // Steps are drawn last, so that waits do not hide steps that take no time.
    for (const pass of [0, 1]) {
      let edge = -Infinity;
      for (let i = begin; i < end; i++) {
        const s = list[i];
        const a = x(s.from), b = x(s.to);
        if (a > width) { end = i; break; }
        if ((s.kind === Kind.step) !== (pass === 1)) continue;
        if (pass === 1) drawn++;
        const left = Math.max(a, -2), right = Math.min(b, width + 2);
        if (Math.max(right, left + 1) <= edge) continue;
        const thin = s.kind === Kind.ready ? Math.round(height * 0.3) : 0;
        const w = Math.max(right - left - (right - left > 4 ? 1 : 0), pass === 1 ? 2 : 1);
        g.fillStyle = fill[s.kind];
        g.fillRect(left, top + pad + thin, w, height - 2 * thin);
        edge = Math.max(left + 1, right - 1);
        if (s === chosen.span) {
          g.strokeStyle = colors.text;
          g.lineWidth = 2;
          g.strokeRect(left, top + pad - 1, w, height + 2);
        }
        const text = s.kind === Kind.step ? (rowHeight >= 18 && w > 44 ? "step" : "") : s.kind === Kind.ready ? "" : s.what;
        if (text && w > 30) {
          g.fillStyle = ink[s.kind];
          label(g, text, left + 5, top + rowHeight / 2 + 0.5, w - 10);
        }
      }
    }
    for (const m of lane.marks) diamond(g, x(m.event), top + rowHeight / 2, width);
    const bad = lane.outcome === "failed" || lane.outcome === "panicked";
    if (bad && list.length) diamond(g, x(list[list.length - 1].to), top + rowHeight / 2, width);
    return drawn;
  }

  const barHeight = () => Math.min(rowHeight - 8, 20);

  // barOf returns the top and the height of the bar of a thing in the lane of a head.
  function barOf(lane, top, thing) {
    if (thing?.track === undefined || lane.tracks === 1) return [top + (rowHeight - barHeight()) / 2, barHeight()];
    const height = (rowHeight - 4) / lane.tracks;
    return [top + 2 + thing.track * height, Math.max(height - 1, 1)];
  }

  // paintHead draws the lane of a node: its incarnations and pauses, and what its tasks do if their lanes are not shown.
  // Of the network it draws the cuts.
  function paintHead(g, lane, top, width) {
    for (const s of lane.spans) {
      const a = x(s.from), b = x(s.to), [bar, height] = barOf(lane, top, s);
      if (b < 0 || a > width) continue;
      const left = Math.max(a, -4), right = Math.min(b, width + 4), w = Math.max(right - left, 2);
      if (s.kind === Kind.paused) {
        hatch(g, left, bar, w, height);
      } else {
        g.fillStyle = s.kind === Kind.cut ? colors.cut : colors.up;
        g.fillRect(left, bar, w, height);
        if (s.kind === Kind.up) {
          g.fillStyle = colors["up-edge"];
          if (s.began && a >= -4) g.fillRect(left, bar - 3, 3, height + 6);
          if (s.ended && b <= width + 4) g.fillRect(right - 1, bar, 1, height);
        }
        g.fillStyle = s.kind === Kind.cut ? colors["cut-text"] : colors["up-text"];
        if (w > 24 && height > 8) label(g, s.what.replace(/^incarnation (\d+).*/, "#$1"), Math.max(left, 0) + (s.kind === Kind.cut ? 13 : 8), bar + height / 2 + (s.kind === Kind.cut ? 1 : lane.open ? 0 : -1), w - 14);
      }
      if (s === chosen.span) {
        g.strokeStyle = colors.text;
        g.lineWidth = 2;
        g.strokeRect(left, bar - 1, w, height + 2);
      }
    }
    if (!lane.open) {
      const [bar, height] = barOf(lane, top);
      g.fillStyle = colors.step;
      let edge = -Infinity;
      for (let i = firstIn(lane.activity); i < lane.activity.length; i++) {
        const s = lane.activity[i], a = x(s.from), w = Math.max(x(s.to) - a, 1.5);
        if (a > width) break;
        if (a + w <= edge) continue;
        g.fillRect(a, bar + height - 4, w, 4);
        edge = a + w;
      }
    }
    return 0;
  }

  function hatch(g, left, top, w, h) {
    g.save();
    g.beginPath();
    g.rect(left, top, w, h);
    g.clip();
    g.fillStyle = colors.head;
    g.globalAlpha = 0.55;
    g.fillRect(left, top, w, h);
    g.globalAlpha = 1;
    g.strokeStyle = colors.paused;
    g.lineWidth = 2;
    g.beginPath();
    for (let p = left - h - (left % 7); p < left + w; p += 7) { g.moveTo(p, top + h); g.lineTo(p + h, top); }
    g.stroke();
    g.restore();
  }

  // paintMarks draws the faults and the logs of a head.
  function paintMarks(g, lane, top, width) {
    const [logs, tall] = barOf(lane, top);
    g.fillStyle = colors.dim;
    let edge = -Infinity;
    for (let i = firstIn(lane.logs); i < lane.logs.length; i++) {
      const a = x(lane.logs[i].from);
      if (a > width) break;
      if (a < edge + 2 && lane.logs[i] !== chosen.span) continue;
      g.fillRect(a - 0.75, logs - 4, 1.5, 7);
      if (lane.logs[i] === chosen.span) g.fillRect(a - 1.5, logs - 6, 3, tall + 8);
      edge = a;
    }
    for (const m of lane.marks) {
      const a = x(m.from), [bar, height] = barOf(lane, top, m), cy = bar + height / 2;
      if (a < -8 || a > width + 8) continue;
      const size = Math.min(7, height / 2 + 2);
      g.fillStyle = colors.back;
      rhombus(g, a, cy, size + 1.5);
      g.fillStyle = colors.bad;
      rhombus(g, a, cy, size);
      if (m === chosen.span) {
        g.strokeStyle = colors.text;
        g.lineWidth = 2;
        g.stroke();
      }
    }
  }

  // line returns the ends of a message on the screen, or null if it is not there.
  function line(m, first, last, y) {
    const from = rowOf[m.task], to = rowOf[m.peer];
    if (from < 0 || to < 0 || !seen(m) || Math.max(from, to) < first || Math.min(from, to) >= last) return null;
    const half = (lane) => (lanes[lane].spans.length ? barHeight() / 2 : 2), down = to > from ? 1 : -1;
    const l = { ax: x(m.from), ay: y(from) + rowHeight / 2 + half(m.task) * down, bx: x(m.to), by: y(to) + rowHeight / 2 - half(m.peer) * down, down };
    if (from === to) { l.by = l.ay = y(from) + rowHeight / 2 - half(m.task) - 2; l.down = 0; }
    if (m.how === 1 && l.down) { l.bx = l.ax + (l.bx - l.ax) * 0.8; l.by = l.ay + (l.by - l.ay) * 0.8; }
    return l;
  }

  // paintMessages draws the messages on the screen. If there are too many, it draws only those of the chosen node.
  function paintMessages(g, width, first, last, y) {
    const most = 6000, list = [];
    if (withMessages) {
      for (const m of messages) {
        const l = line(m, first, last, y);
        if (l) list.push([m, l]);
      }
    }
    const own = ([m]) => m.task === chosen.task || m.peer === chosen.task;
    const drawn = list.length > most ? list.filter(own).slice(0, most) : list;
    const dense = drawn.length / width; // messages in a pixel
    const focus = lanes[chosen.task]?.head && lanes[chosen.task].node >= 0;
    for (const [m, l] of drawn) {
      if (m === chosen.span) continue;
      g.globalAlpha = focus ? (own([m]) ? 0.9 : 0.15) : dense > 0.8 ? 0.35 : dense > 0.3 ? 0.6 : 0.9;
      paintMessage(g, m, l, 1.2, dense < 0.3 || focus && own([m]));
    }
    g.globalAlpha = 1;
    return { shown: drawn.length, all: list.length };
  }

  function paintMessage(g, m, l, thick, withHead) {
    g.strokeStyle = g.fillStyle = m.how === 1 ? colors.bad : colors.message;
    g.lineWidth = thick;
    g.setLineDash(m.how ? [4, 3] : []);
    g.beginPath();
    g.moveTo(l.ax, l.ay);
    g.lineTo(l.bx, l.by);
    g.stroke();
    g.setLineDash([]);
    if (m.how === 1) cross(g, l.bx, l.by);
    else if (m.how === 0 && withHead) head(g, l);
  }

  function head(g, l) {
    const angle = Math.atan2(l.by - l.ay, l.bx - l.ax);
    g.beginPath();
    g.moveTo(l.bx, l.by);
    for (const side of [0.42, -0.42]) g.lineTo(l.bx - 7 * Math.cos(angle + side), l.by - 7 * Math.sin(angle + side));
    g.fill();
  }

  function cross(g, cx, cy) {
    g.lineWidth = 1.8;
    g.beginPath();
    g.moveTo(cx - 3.5, cy - 3.5); g.lineTo(cx + 3.5, cy + 3.5);
    g.moveTo(cx + 3.5, cy - 3.5); g.lineTo(cx - 3.5, cy + 3.5);
    g.stroke();
  }

  function rhombus(g, cx, cy, r) {
    g.beginPath();
    g.moveTo(cx, cy - r); g.lineTo(cx + r, cy); g.lineTo(cx, cy + r); g.lineTo(cx - r, cy);
    g.closePath();
    g.fill();
  }

  function diamond(g, cx, cy, width) {
    if (cx < -5 || cx > width + 5) return;
    g.fillStyle = colors.bad;
    rhombus(g, cx, cy, 5);
  }

  const widths = new Map();
  function label(g, text, left, y, room) {
    let w = widths.get(text);
    if (w === undefined) {
      if (widths.size > 5000) widths.clear();
      widths.set(text, w = g.measureText(text).width);
    }
    if (w > room) {
      const keep = Math.floor(text.length * room / w) - 1;
      if (keep < 3) return;
      text = text.slice(0, keep) + "…";
    }
    g.fillText(text, left, y);
  }

  // paintArrows draws the wakes of the tasks on the screen. If there are too many, it draws only those
  // of the chosen task.
  function paintArrows(g, width, first, last, y) {
    const most = 2500;
    let list = [], all = 0;
    if (withArrows) {
      for (const a of arrows) {
        if (axis.position(a.to) < view.from || axis.position(a.from) > view.to) continue;
        const to = rowOf[a.task], from = a.by < 0 ? to : rowOf[a.by];
        if (to < 0 || from < 0 || Math.max(from, to) < first || Math.min(from, to) >= last) continue;
        list.push(a);
      }
      all = list.length;
      if (all > most) list = list.filter((a) => a.task === chosen.task || a.by === chosen.task).slice(0, most);
    }
    g.lineWidth = 1;
    const outside = new Set(); // of arrows that leave the screen close together, only one is drawn
    for (const a of list) {
      const strong = a.task === chosen.task || a.by === chosen.task;
      const ends = [rowOf[a.task], a.by < 0 ? rowOf[a.task] : rowOf[a.by]].filter((row) => row >= first && row < last);
      if (ends.length < 2) {
        const key = ends[0] + " " + Math.round(x(a.from) / 6) + " " + (rowOf[a.task] > ends[0] || rowOf[a.by] > ends[0]);
        if (outside.has(key)) continue;
        outside.add(key);
      }
      g.globalAlpha = strong || chosen.task < 0 ? 0.9 : 0.3;
      g.strokeStyle = g.fillStyle = colors.wake;
      const ax = x(a.from), bx = x(a.to), to = y(rowOf[a.task]);
      if (a.by < 0) {
        triangle(g, ax, to + 1, 1);
        continue;
      }
      const from = y(rowOf[a.by]), down = to > from;
      if (a.by === a.task) continue;
      const ay = from + (down ? rowHeight * 0.8 : rowHeight * 0.2), by = to + (down ? 3 : rowHeight - 3);
      g.beginPath();
      g.moveTo(ax, ay);
      g.bezierCurveTo(ax, (ay + by) / 2, bx, (ay + by) / 2, bx, by - (down ? 4 : -4));
      g.stroke();
      triangle(g, bx, by - (down ? 5 : -5), down ? 1 : -1);
    }
    g.globalAlpha = 1;
    return { shown: list.length, all };
  }

  function triangle(g, cx, y, direction) {
    g.beginPath();
    g.moveTo(cx - 3.5, y); g.lineTo(cx + 3.5, y); g.lineTo(cx, y + 6 * direction);
    g.fill();
  }

  // paintNames keeps one element for each lane on the screen, and none for the other lanes.
  const elements = new Map();
  function paintNames(first, last, y) {
    const list = $("names");
    list.style.height = $("pane").clientHeight + "px";
    for (const [row, element] of elements) {
      if (row < first || row >= last || element.task !== rows[row]) { element.remove(); elements.delete(row); }
    }
    for (let row = first; row < last; row++) {
      const lane = lanes[rows[row]];
      let element = elements.get(row);
      if (!element) {
        element = document.createElement("li");
        element.task = rows[row];
        element.className = "lane" + (lane.head ? " head" : world ? " inside" : "");
        if (lane.outcome === "failed" || lane.outcome === "panicked") element.classList.add("bad");
        const text = document.createElement("span");
        text.textContent = lane.name;
        if (lane.head && lane.members.length) element.append(foldButton(element.task));
        element.append(text);
        if (lane.head && lane.members.length) element.append(Object.assign(document.createElement("small"), { textContent: count(lane.members.length, "task") }));
        element.title = lane.head ? lane.name : lane.name + " (task " + lane.id + ")" + (lane.outcome ? ", " + lane.outcome : "") + (lane.err ? ": " + lane.err : "");
        element.setAttribute("aria-posinset", row + 1);
        element.setAttribute("aria-setsize", rows.length);
        element.addEventListener("click", () => { choose(element.task, null); timeline.focus(); });
        elements.set(row, element);
        list.append(element);
      }
      element.style.top = y(row) + "px";
      element.style.height = rowHeight + "px";
      element.classList.toggle("chosen", rows[row] === chosen.task);
    }
  }

  // foldButton shows or hides the tasks of a node.
  function foldButton(task) {
    const b = document.createElement("button");
    b.type = "button";
    b.className = "fold";
    b.tabIndex = -1;
    b.textContent = lanes[task].open ? "▾" : "▸";
    b.setAttribute("aria-expanded", String(lanes[task].open));
    b.setAttribute("aria-label", "Tasks of " + lanes[task].name);
    b.addEventListener("click", (e) => { e.stopPropagation(); openHeads([task], !lanes[task].open); timeline.focus(); });
    return b;
  }

  // openHeads shows or hides the tasks of nodes.
  function openHeads(list, open) {
    for (const i of list) lanes[i].open = open;
    for (const e of elements.values()) e.remove();
    elements.clear();
    if (rowOf[chosen.task] < 0) choose(-1, null);
    state();
    filter();
  }
  const anyOpen = () => heads.some((i) => lanes[i].open && lanes[i].members.length);

  function paintRuler(width) {
    const g = surface(ruler, width, 26);
    const { found, step } = ticks(width, 90);
    for (const p of found) {
      const left = (p - view.from) / (view.to - view.from) * width;
      g.fillStyle = colors.line;
      g.fillRect(Math.round(left), 18, 1, 8);
      let text;
      if (axisName === "order") {
        if (p >= events) continue;
        text = "#" + p + "  " + duration(at[p] + start);
      } else {
        const digits = Math.max(0, Math.min(9, 9 - Math.floor(Math.log10(step))));
        text = ((p + start) / 1e9).toFixed(digits) + " s";
      }
      g.fillStyle = colors.dim;
      if (left + g.measureText(text).width + 4 < width) g.fillText(text, left + 4, 12);
    }
  }

  function paintOverview() {
    const width = overview.clientWidth, height = overview.clientHeight;
    if (!width || !height) return;
    const g = surface(overview, width, height);
    if (!map || map.shownWidth !== width || map.shownHeight !== height) {
      map = document.createElement("canvas");
      const m = surface(map, width, height);
      map.shownWidth = width;
      map.shownHeight = height;
      const h = height / Math.max(rows.length, 1), fill = fills();
      const scale = width / axis.length;
      for (const step of [false, true]) {
        for (const s of spans) {
          const row = rowOf[s.task];
          if (row < 0 || (s.kind === Kind.step) !== step || s.kind === Kind.paused) continue;
          const a = axis.position(s.from) * scale, b = axis.position(s.to) * scale;
          m.fillStyle = fill[s.kind];
          m.fillRect(a, row * h + (h > 4 ? 1 : 0), Math.max(b - a, step ? 1 : 0.5), Math.max(h - (h > 4 ? 2 : 0), 0.75));
        }
      }
    }
    g.drawImage(map, 0, 0, width, height);
    for (const m of faults) {
      g.fillStyle = colors.bad;
      g.fillRect(axis.position(m.from) / axis.length * width - 0.75, 0, 1.5, height);
    }
    const a = view.from / axis.length * width, b = view.to / axis.length * width;
    const tall = Math.max(rows.length * rowHeight, 1);
    const top = scroll.scrollTop / tall * height, bottom = Math.min((scroll.scrollTop + scroll.clientHeight) / tall, 1) * height;
    g.fillStyle = colors.back;
    g.globalAlpha = 0.6;
    g.fillRect(0, 0, a, height);
    g.fillRect(b, 0, width - b, height);
    g.globalAlpha = 1;
    g.strokeStyle = colors.text;
    g.lineWidth = 1.5;
    g.strokeRect(a + 1, top + 1, Math.max(b - a - 2, 2), Math.max(bottom - top - 2, 4));
  }

  // ---- The selection.

  function choose(task, span) {
    chosen = { task, span };
    if (span) reveal();
    if (task >= 0) revealRow(rowOf[task]);
    paintSelection();
    draw();
  }

  // reveal brings the chosen span into view.
  function reveal() {
    const s = chosen.span, a = axis.position(s.from), b = axis.position(s.to), size = view.to - view.from;
    if (b < view.from || a > view.to || (b - a < size && (a < view.from || b > view.to))) {
      const center = b - a < size ? (a + b) / 2 : a + size * 0.4;
      show(center - size / 2, center + size / 2);
    }
  }

  function revealRow(row) {
    if (row < 0) return;
    const top = row * rowHeight, height = scroll.clientHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + rowHeight > scroll.scrollTop + height) scroll.scrollTop = top + rowHeight - height;
  }

  // goTo selects a task. If the search hides the task, goTo ends the search.
  function goTo(task, span) {
    if (rowOf[task] < 0) {
      $("search").value = wanted = "";
      filter();
    }
    choose(task, span);
    timeline.focus();
  }

  function element(tag, text, ...children) {
    const e = document.createElement(tag);
    if (text) e.textContent = text;
    e.append(...children);
    return e;
  }

  function link(text, run) {
    const b = element("button", text);
    b.type = "button";
    b.title = text;
    b.addEventListener("click", run);
    return b;
  }

  function paintSelection() {
    const box = $("selected");
    box.replaceChildren();
    const lane = lanes[chosen.task];
    if (!lane) {
      box.append(Object.assign(element("p", "Select a task or a span with the mouse or the keyboard."), { className: "hint" }));
      return;
    }
    const list = element("dl");
    const row = (name, ...value) => list.append(element("dt", name), element("dd", "", ...value));
    if (lane.head) {
      selectionOfWorld(lane, chosen.span, row);
      box.append(list);
      return;
    }
    if (lane.node >= 0) row("node", link(lanes[heads[lane.node + 1]].name, () => goTo(heads[lane.node + 1], null)));
    row("task", lane.name + " (" + lane.id + ")");
    row("ended", lane.outcome ? lane.outcome + (lane.err ? ": " + lane.err : "") : "not yet");
    const s = chosen.span;
    if (!s) {
      const own = lane.spans.filter((s) => s.kind === Kind.step);
      row("steps", own.length.toLocaleString("en") + ", " + duration(own.reduce((sum, s) => sum + s.took, 0)) + " in all");
    } else {
      row(kindNames[s.kind], s.kind === Kind.step ? (s.what ? "then " + s.what : "") : s.what ? forWhat(s) : "");
      row("at", clock(s.from) + " (event #" + s.from + (s.began ? "" : ", or before") + ")");
      row("took", took(s) + (s.kind === Kind.step ? ", " + count(did(s), "event") : ""));
      const woken = lane.woken.get(s.kind === Kind.step ? s.from : -1);
      if (woken) row(lane.spans[0] && woken.from === lane.spans[0].from && lane.spans[0].kind === Kind.ready ? "made by" : "woken by", woken.by < 0 ? "a callback or timer" : link(nameOf(woken.by), () => goTo(woken.by, spanAt(woken.by, woken.from))));
      const on = s.kind === Kind.wait && /^task "/.test(s.what) ? lanes.findIndex((l) => "task " + JSON.stringify(l.name) === s.what) : -1;
      if (on >= 0) row("see", link(lanes[on].name, () => goTo(on, null)));
    }
    box.append(list);
  }

  // selectionOfWorld lists what is known of a node, or of the selected thing of it.
  function selectionOfWorld(lane, s, row) {
    const number = (n) => n.toLocaleString("en");
    if (!s) {
      row(lane.node >= 0 ? "node" : "lane", lane.name);
      if (lane.members.length) row("tasks", number(lane.members.length));
      if (lane.node >= 0) {
        const i = heads[lane.node + 1];
        row("incarnations", number(lane.spans.filter((s) => s.kind === Kind.up).length));
        row("messages", number(messages.filter((m) => m.task === i).length) + " sent, " + number(messages.filter((m) => m.peer === i && m.how === 0).length) + " received");
        row("logs", number(lane.logs.length));
      }
      if (lane.node !== -1) row("faults", number(lane.marks.length));
      return;
    }
    if (s.kind === Kind.message) {
      row("message", s.what);
      row("from", link(lane.name, () => goTo(s.task, null)));
      row("to", link(lanes[s.peer].name, () => goTo(s.peer, null)));
      row("sent at", clock(s.from) + " (event #" + s.from + ")");
      row(ends[s.how], s.ended ? "at " + clock(s.to) + ", after " + duration(s.took) : "");
      return;
    }
    row(kindNames[s.kind], s.what);
    if (lane.node >= 0) row(s.kind === Kind.up ? "name" : "node", lane.name);
    row("at", clock(s.from) + " (event #" + s.from + (s.began ? "" : ", or before") + ")");
    if (s.to > s.from) row("took", took(s));
  }

  // spanAt returns the span of a task at an event.
  function spanAt(task, event) {
    const list = lanes[task].spans;
    return list.findLast((s) => s.from <= event && event <= s.to) ?? null;
  }

  function table(box, list, columns, hint) {
    if (hint) box.append(Object.assign(element("p", hint), { className: "hint" }));
    if (!list.length) {
      box.append(Object.assign(element("p", "There are none."), { className: "hint" }));
      return;
    }
    const head = element("tr");
    for (const [name, kind] of columns) head.append(Object.assign(element("th", name), { className: kind, scope: "col" }));
    const body = element("tbody");
    for (const s of list) {
      const row = element("tr");
      for (const [, kind, value] of columns) {
        const cell = Object.assign(element("td"), { className: kind });
        if (kind[0] === "t") cell.append(link(kind === "t" ? lanes[s.task].full : value(s), () => goTo(s.task, s)));
        else { cell.textContent = value(s); cell.title = cell.textContent; }
        row.append(cell);
      }
      body.append(row);
    }
    box.append(element("table", "", element("thead", "", head), body));
  }

  function tables() {
    const most = 50;
    const timeless = steps.every((s) => s.took === 0);
    const slow = steps.slice().sort((a, b) => b.took - a.took || did(b) - did(a) || a.from - b.from).slice(0, most);
    table($("slow"), slow, [
      ["task", "t"], ["then", "", (s) => s.what],
      timeless ? ["events", "n", (s) => String(did(s))] : ["took", "n", (s) => took(s)],
    ], timeless && steps.length ? "No time passes in these steps. The steps with the most events come first." : "");
    const long = spans.filter((s) => s.kind === Kind.wait || s.kind === Kind.sleep)
      .sort((a, b) => b.took - a.took || a.from - b.from).slice(0, most);
    if (world) table($("faults"), faults, [["at", "at", (s) => clock(s.from)], ["fault", "text", (s) => s.what]]);
    table($("long"), long, [["task", "t"], ["for", "", (s) => (s.kind === Kind.sleep ? s.what : s.what || "not known")], ["took", "n", (s) => took(s)]]);
  }

  // ---- Mouse.

  // hit returns the task and the span under the mouse.
  function hit(e) {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((e.clientY - box.top + scroll.scrollTop) / rowHeight);
    if (row < 0 || row >= rows.length) return { task: -1, span: null };
    const task = rows[row], px = e.clientX - box.left;
    if (world) {
      const thing = hitWorld(lanes[task], px, e.clientY - box.top);
      if (thing) return { task: thing.task, span: thing };
    }
    let best = null;
    const list = lanes[task].spans;
    for (let i = firstIn(list); i < list.length; i++) {
      const s = list[i], a = x(s.from), b = Math.max(x(s.to), a + 2);
      if (a > px + 3) break;
      if (lanes[task].tracks > 1) {
        const [top, height] = barOf(lanes[task], row * rowHeight - scroll.scrollTop + box.top, s);
        if (e.clientY < top || e.clientY > top + height) continue;
      }
      if (px >= a - 1 && px <= b + 1 && (!best || s.kind === Kind.step || s.kind === Kind.paused || b - a < 4)) best = s;
    }
    return { task, span: best };
  }

  // hitWorld returns the mark, the message, or the log at a point, in this order.
  function hitWorld(lane, px, py) {
    const nearest = (list, most) => {
      let best = null;
      for (const m of list ?? []) {
        const d = Math.abs(x(m.from) - px);
        if (d <= most) { best = m; most = d; }
      }
      return best;
    };
    const mark = lane.head ? nearest(lane.marks, 7) : null;
    if (mark) return mark;
    const first = Math.floor(scroll.scrollTop / rowHeight), last = Math.ceil((scroll.scrollTop + scroll.clientHeight) / rowHeight);
    let best = null, most = 4;
    for (const m of withMessages ? messages : []) {
      if (axis.position(m.from) > view.to || axis.position(m.to) < view.from) continue;
      const l = line(m, first, last, (row) => row * rowHeight - scroll.scrollTop);
      if (!l) continue;
      const dx = l.bx - l.ax, dy = l.by - l.ay;
      const share = Math.min(Math.max(((px - l.ax) * dx + (py - l.ay) * dy) / (dx * dx + dy * dy || 1), 0), 1);
      const d = Math.hypot(l.ax + share * dx - px, l.ay + share * dy - py);
      if (d < most) { best = m; most = d; }
    }
    return best ?? (lane.head ? nearest(lane.logs, 3) : null);
  }

  let drag = null;
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    canvas.setPointerCapture(e.pointerId);
    drag = { x: e.clientX, y: e.clientY, view, top: scroll.scrollTop, moved: false };
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!drag) return hover(e);
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag.moved = true;
    canvas.classList.add("drag");
    $("tip").hidden = true;
    const d = dx / paneWidth() * (drag.view.to - drag.view.from);
    scroll.scrollTop = drag.top - dy;
    show(drag.view.from - d, drag.view.to - d);
  });
  canvas.addEventListener("pointerup", (e) => {
    if (drag && !drag.moved) {
      const { task, span } = hit(e);
      chosen = { task, span };
      paintSelection();
      draw();
    }
    drag = null;
    canvas.classList.remove("drag");
    timeline.focus();
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  canvas.addEventListener("dblclick", (e) => { const { span } = hit(e); if (span) zoomTo(span); });

  function hover(e) {
    const { span } = hit(e), tip = $("tip");
    tip.hidden = !span;
    if (!span) return;
    tip.textContent = describe(span);
    const right = e.clientX + 14 + tip.offsetWidth > innerWidth;
    tip.style.left = Math.max(0, right ? e.clientX - 14 - tip.offsetWidth : e.clientX + 14) + "px";
    tip.style.top = Math.min(e.clientY + 16, innerHeight - tip.offsetHeight - 4) + "px";
  }

  function zoomTo(s) {
    const a = axis.position(s.from), b = axis.position(s.to), margin = Math.max((b - a) * 0.5, axis.least);
    show(a - margin, b + margin);
  }

  function wheel(e) {
    const scrolls = scroll.scrollHeight > scroll.clientHeight + 1 && e.currentTarget === scroll;
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) {
      e.preventDefault();
      pan((e.deltaX || e.deltaY) / 1000);
    } else if (e.ctrlKey || e.metaKey || e.altKey || !scrolls) {
      e.preventDefault();
      const box = ruler.getBoundingClientRect();
      const share = Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1);
      const lines = e.deltaMode === 1 ? 30 : 1;
      zoom(Math.exp(Math.min(Math.max(e.deltaY * lines, -300), 300) / 300), view.from + share * (view.to - view.from));
    }
  }
  scroll.addEventListener("wheel", wheel, { passive: false });
  ruler.addEventListener("wheel", wheel, { passive: false });
  scroll.addEventListener("scroll", () => { $("tip").hidden = true; draw(); });

  function overviewTo(e) {
    const box = overview.getBoundingClientRect();
    const center = (e.clientX - box.left) / box.width * axis.length, size = view.to - view.from;
    show(center - size / 2, center + size / 2);
    scroll.scrollTop = (e.clientY - box.top) / box.height * rows.length * rowHeight - scroll.clientHeight / 2;
  }
  overview.addEventListener("pointerdown", (e) => { overview.setPointerCapture(e.pointerId); overviewTo(e); });
  overview.addEventListener("pointermove", (e) => { if (e.buttons & 1) overviewTo(e); });

  // ---- Keys.

  function moveRow(by) {
    if (!rows.length) return;
    const row = chosen.task < 0 || rowOf[chosen.task] < 0 ? (by < 0 ? rows.length : -1) : rowOf[chosen.task];
    choose(rows[Math.min(Math.max(row + by, 0), rows.length - 1)], null);
  }

  function moveSpan(by) {
    if (chosen.task < 0 || rowOf[chosen.task] < 0) return moveRow(1);
    const list = lanes[chosen.task].things ?? lanes[chosen.task].spans;
    if (!list.length) return;
    let i = list.indexOf(chosen.span);
    i = i < 0 ? (by > 0 ? Math.min(firstIn(list), list.length - 1) : list.length - 1) : Math.min(Math.max(i + by, 0), list.length - 1);
    choose(chosen.task, list[i]);
  }

  const page = () => Math.max(Math.floor(scroll.clientHeight / rowHeight) - 1, 1);
  const own = {
    ArrowUp: () => moveRow(-1), ArrowDown: () => moveRow(1),
    PageUp: () => moveRow(-page()), PageDown: () => moveRow(page()),
    Home: () => moveRow(-rows.length), End: () => moveRow(rows.length),
    ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
    ",": () => moveSpan(-1), ".": () => moveSpan(1),
    Enter: () => {
      if (chosen.span) zoomTo(chosen.span);
      else if (lanes[chosen.task]?.head) openHeads([chosen.task], !lanes[chosen.task].open);
    },
    Escape: () => choose(-1, null),
  };
  const everywhere = {
    "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": showAll,
    "/": () => { $("search").focus(); $("search").select(); },
    o: () => setAxis("order"), t: () => setAxis("time"),
    w: () => { withArrows = !withArrows; state(); draw(); },
    m: () => { withMessages = !withMessages; state(); draw(); },
    n: () => { if (world) openHeads(heads, !anyOpen()); },
    d: () => setTheme(theme === "dark" ? "light" : "dark"),
    "?": () => $("dialog").showModal(),
  };
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || $("dialog").open) return;
    if (e.target === $("search")) {
      if (e.key === "Escape" || e.key === "Enter") {
        if (e.key === "Escape") { e.target.value = wanted = ""; filter(); }
        else if (rows.length && (chosen.task < 0 || rowOf[chosen.task] < 0)) choose(rows[0], null);
        timeline.focus();
        e.preventDefault();
      }
      return;
    }
    const run = everywhere[e.key] ?? (timeline.contains(e.target) || e.target === document.body ? own[e.key] : null);
    if (run) { run(); e.preventDefault(); }
  });

  // ---- Buttons, theme, size.

  let theme;
  function setTheme(name) {
    theme = name;
    document.documentElement.dataset.theme = name;
    const style = getComputedStyle(document.documentElement);
    for (const c of ["back", "panel", "text", "dim", "line", "grid", "step", "step-text", "ready", "wait", "wait-text", "sleep", "sleep-text", "wake", "bad", "idle", "chosen",
      "head", "up", "up-text", "up-edge", "paused", "message", "cut", "cut-text"]) {
      colors[c] = style.getPropertyValue("--" + c).trim();
    }
    map = null;
    state();
    draw();
  }

  function state() {
    const press = (id, on) => $(id).setAttribute("aria-pressed", String(on));
    press("order", axisName === "order");
    press("time", axisName === "time");
    press("arrows", withArrows);
    press("messages", withMessages);
    press("tasks", anyOpen());
    press("theme", theme === "dark");
  }

  const click = (id, run) => $(id).addEventListener("click", run);
  click("in", () => zoom(0.5));
  click("out", () => zoom(2));
  click("all", showAll);
  click("order", everywhere.o);
  click("time", everywhere.t);
  click("arrows", everywhere.w);
  click("messages", everywhere.m);
  click("tasks", everywhere.n);
  click("theme", everywhere.d);
  click("help", everywhere["?"]);
  $("search").addEventListener("input", (e) => { wanted = e.target.value; scroll.scrollTop = 0; filter(); });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  new ResizeObserver(() => { map = null; layout(); }).observe(timeline);

  timeline.setAttribute("aria-label", "Timeline of " + count(tasks.length, "task") + " and " + count(steps.length, "step"));
  setTheme(dark.matches ? "dark" : "light");
  paintSelection();
  tables();
  filter();
  if (world && rows.length * 22 > scroll.clientHeight) openHeads(heads, false); // otherwise the nodes are far apart
  showAll();
})();
