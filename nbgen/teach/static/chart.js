// A small chart on a canvas: lines told apart by colour and dash, a dot or marks, linear or logarithmic axes.
import { colours, minus } from "./plane.js";

const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2]];
const EDGE = { left: 52, right: 12, top: 30, bottom: 42 };
const LETTERS = "14px system-ui, sans-serif";

export class Chart {
  constructor(host, { label, height = 240, onResize = () => {} }) {
    this.canvas = host.appendChild(document.createElement("canvas"));
    this.canvas.className = "nbgen-chart";
    this.canvas.style.height = `${height}px`;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.pen = this.canvas.getContext("2d");
    this.observer = new ResizeObserver(onResize);
    this.observer.observe(this.canvas);
  }

  // what: { title, xlabel, ylabel, series: [{ label, strong, colour? }], ylim?, log? (both axes), logy?, dot?, line?, marks? }
  // lines: one [xs, ys] a series.
  draw(what, lines) {
    const { canvas, pen } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const look = colours();
    pen.fillStyle = look.paper;
    pen.fillRect(0, 0, width, height);
    pen.font = LETTERS;
    const marks = what.marks ?? [];
    const logx = Boolean(what.log);
    const logy = Boolean(what.log || what.logy);
    const x = axis([...lines.flatMap(([xs]) => [...xs]), ...marks.map((mark) => mark.x)], logx, what.xlim);
    const y = axis([...lines.flatMap(([, ys]) => [...ys]), ...marks.map((mark) => mark.y)], logy, what.ylim);
    const px = (value) => EDGE.left + x.part(value) * (width - EDGE.left - EDGE.right);
    const py = (value) => height - EDGE.bottom - y.part(value) * (height - EDGE.top - EDGE.bottom);

    pen.fillStyle = look.ink;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.font = `600 ${LETTERS}`;
    pen.fillText(what.title ?? "", 4, 12);
    pen.font = LETTERS;
    pen.strokeStyle = look.grid;
    pen.lineWidth = 1;
    pen.fillStyle = look.quiet;
    for (const tick of x.ticks) {
      rule(pen, px(tick), EDGE.top, px(tick), height - EDGE.bottom);
      pen.textAlign = "center";
      pen.fillText(written(tick), px(tick), height - EDGE.bottom + 12);
    }
    for (const tick of y.ticks) {
      rule(pen, EDGE.left, py(tick), width - EDGE.right, py(tick));
      pen.textAlign = "right";
      pen.fillText(written(tick), EDGE.left - 6, py(tick));
    }
    pen.textAlign = "center";
    pen.fillText(what.xlabel ?? "", (EDGE.left + width - EDGE.right) / 2, height - 9);
    pen.save();
    pen.beginPath();
    pen.rect(EDGE.left, EDGE.top, width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom);
    pen.clip();
    if (what.line !== undefined) {
      pen.strokeStyle = look.quiet;
      rule(pen, px(what.line), EDGE.top, px(what.line), height);
    }
    what.series.forEach((series, number) => {
      const colour = series.colour ?? number;
      const [xs, ys] = lines[number];
      pen.strokeStyle = look.series[colour % look.series.length];
      pen.lineWidth = series.strong ? 2.6 : 1.4;
      pen.setLineDash(DASHES[colour % DASHES.length]);
      pen.beginPath();
      for (let place = 0; place < xs.length; place += 1) {
        if (Number.isFinite(ys[place])) pen.lineTo(px(xs[place]), py(ys[place]));
      }
      pen.stroke();
    });
    pen.setLineDash([]);
    pen.restore();
    if (what.dot) disc(pen, px(what.dot[0]), py(what.dot[1]), 6, look.ink, look.paper);
    for (const mark of marks) {
      disc(pen, px(mark.x), py(mark.y), 6, look.series[mark.colour % look.series.length], look.paper);
    }
  }

  dispose() { this.observer.disconnect(); }
}

// The same lines in words, as a list in the page: `lines` are drawn beside the names as in the chart.
export function key(parent, series) {
  const look = colours();
  parent.replaceChildren(...series.map(({ label, strong, colour }, number) => {
    const item = document.createElement("li");
    const line = item.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
    line.setAttribute("width", 34);
    line.setAttribute("height", 10);
    line.setAttribute("aria-hidden", "true");
    const drawn = line.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "line"));
    const which = colour ?? number;
    const told = {
      x1: 1, x2: 33, y1: 5, y2: 5, stroke: look.series[which % look.series.length], "stroke-width": strong ? 3 : 1.6,
      "stroke-dasharray": DASHES[which % DASHES.length].join(" "),
    };
    for (const [name, value] of Object.entries(told)) drawn.setAttribute(name, value);
    item.append(` ${label}`);
    if (strong) item.style.fontWeight = "600";
    return item;
  }));
}

function rule(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function disc(pen, x, y, radius, colour, edge) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.strokeStyle = edge;
  pen.lineWidth = 2;
  pen.fill();
  pen.stroke();
}

// Ends, ticks, and where a value lies between the ends, 0 to 1.
function axis(values, log, limits) {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let [low, high] = limits ?? (usable.length ? [Math.min(...usable), Math.max(...usable)] : [log ? 0.1 : 0, 1]);
  if (log) {
    [low, high] = [low / 1.25, high * 1.25];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
      for (const digit of high / low > 300 ? [1] : high / low > 30 ? [1, 3] : [1, 2, 5]) {
        const tick = digit * 10 ** power;
        if (tick >= low && tick <= high) ticks.push(tick);
      }
    }
    return { ticks, part: (value) => Math.log(value / low) / Math.log(high / low) };
  }
  if (high === low) high = low + 1;
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((digit) => digit * power >= rough * 0.999);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step) ticks.push(tick);
  return { ticks, part: (value) => (value - low) / (high - low) };
}

function written(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(0).replace("-", "\u2212");
  return minus(value);
}
