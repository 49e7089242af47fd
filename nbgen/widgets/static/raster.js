// Painting on an array: a layer is {width, height, channels, data}, one byte a channel. Nothing here knows the page.

export function blankLayer(width, height, channels, colour) {
  const data = new Uint8ClampedArray(width * height * channels);
  return { width, height, channels, data: data.map((_, i) => colour[i % channels]) };
}

/**
 * A stroke about to be painted: what lay beneath, and how much of each pixel the brush has covered so far.
 * `colour` is one of the layer's, or the data of another layer, which comes to light where the brush goes.
 * `hard` strokes cover a pixel wholly or not at all: a mask has no half-tones.
 */
export function beginStroke(layer, colour, hard) {
  return { base: layer.data.slice(), cover: new Float32Array(layer.width * layer.height), colour, hard };
}

/**
 * Paint the stroke on from one point to the next, in pixels of the layer, with a round brush of this diameter.
 * A pixel counts as far from the line as its centre is. Returns the rectangle that changed.
 */
export function strokeTo(layer, stroke, from, to, diameter) {
  const { width, height, channels, data } = layer;
  // Half a diagonal at least: the pixel under the point is painted wherever in it the point lies.
  const radius = Math.max(diameter / 2, Math.SQRT1_2);
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius - 1));
  const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + radius + 1));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius - 1));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius + 1));
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const covered = stroke.hard ? Number(distance <= radius) : Math.min(1, Math.max(0, radius - distance + 0.5));
      const place = y * width + x;
      if (covered <= stroke.cover[place]) continue;
      stroke.cover[place] = covered; // the most, not the sum: a stroke over itself does not grow
      for (let c = 0; c < channels; c++) {
        const i = place * channels + c;
        data[i] = stroke.base[i] + (stroke.colour[stroke.colour.length > channels ? i : c] - stroke.base[i]) * covered;
      }
    }
  }
  return { left, top, width: Math.max(0, right - left + 1), height: Math.max(0, bottom - top + 1) };
}

/** Colour the area around a point that has about the colour found there. Returns how many pixels it has. */
export function floodFill(layer, point, colour, tolerance) {
  const { width, height, channels, data } = layer;
  const start = Math.floor(point.y) * width + Math.floor(point.x);
  const first = data.slice(start * channels, (start + 1) * channels);
  const alike = (place) => {
    let apart = 0;
    for (let c = 0; c < channels; c++) apart = Math.max(apart, Math.abs(data[place * channels + c] - first[c]));
    return apart <= tolerance;
  };
  const seen = new Uint8Array(width * height);
  const waiting = [start];
  seen[start] = 1;
  let count = 0;
  while (waiting.length) {
    const place = waiting.pop();
    count += 1;
    const x = place % width;
    const beside = [x > 0 ? place - 1 : -1, x < width - 1 ? place + 1 : -1, place - width, place + width];
    for (const other of beside) {
      if (other < 0 || other >= width * height || seen[other] || !alike(other)) continue;
      seen[other] = 1;
      waiting.push(other);
    }
  }
  for (let place = 0; place < seen.length; place++) {
    if (seen[place]) for (let c = 0; c < channels; c++) data[place * channels + c] = colour[c];
  }
  return count;
}

/** What part of a mask is painted, from 0 to 1. */
export function paintedShare(layer) {
  let painted = 0;
  for (const value of layer.data) painted += value > 127;
  return painted / layer.data.length;
}

// A painted pixel with an unpainted one beside it; the sheet's own border is none.
function isEdge({ width, height, data }, x, y) {
  const place = y * width + x;
  return (x > 0 && data[place - 1] < 128) || (x < width - 1 && data[place + 1] < 128)
    || (y > 0 && data[place - width] < 128) || (y < height - 1 && data[place + width] < 128);
}

/** Put a part of the layer onto a canvas: a mask as a tint with a firm edge, that lets its picture through, a sketch as it is. */
export function showLayer(painter, layer, tint, area = { left: 0, top: 0, width: layer.width, height: layer.height }) {
  if (!area.width || !area.height) return;
  const shown = painter.createImageData(area.width, area.height);
  for (let y = 0; y < area.height; y++) {
    for (let x = 0; x < area.width; x++) {
      const from = ((area.top + y) * layer.width + area.left + x) * layer.channels;
      const to = (y * area.width + x) * 4;
      if (tint) {
        shown.data.set(tint, to);
        shown.data[to + 3] = layer.data[from] < 128 ? 0 : isEdge(layer, area.left + x, area.top + y) ? 255 : tint[3];
      } else {
        for (let c = 0; c < 4; c++) shown.data[to + c] = c === 3 ? 255 : layer.data[from + Math.min(c, layer.channels - 1)];
      }
    }
  }
  painter.putImageData(shown, area.left, area.top);
}

/** The layer as the bytes of a PNG, at once: what the next cell reads must be on its way before that cell is. */
export function layerToPng(layer) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [layer.width, layer.height];
  showLayer(canvas.getContext("2d"), layer, null);
  const text = atob(canvas.toDataURL("image/png").split(",")[1]);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Fill the layer from the bytes of a PNG of its own size. */
export async function pngToLayer(bytes, layer) {
  const { width, height, channels, data } = layer;
  const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const painter = canvas.getContext("2d", { willReadFrequently: true });
  painter.drawImage(image, 0, 0, width, height);
  const found = painter.getImageData(0, 0, width, height).data;
  for (let place = 0; place < width * height; place++) {
    for (let c = 0; c < channels; c++) {
      const value = found[place * 4 + c];
      data[place * channels + c] = channels === 1 ? (value > 127 ? 255 : 0) : value;
    }
  }
}
