// Which axis runs where: from axes and cells to pages of rows and columns, without touching the page.

/** The places an axis can stand; any number of axes can be pages, one each of the others. */
export const ROLES = ["columns", "rows", "inside", "pages"];

/** The state that a comparison opens in: the last axis runs along columns, the one before along rows. */
export function startingState(data) {
  const roles = data.roles ?? data.axes.map((_, number) => {
    const fromEnd = data.axes.length - 1 - number;
    return fromEnd === 0 ? "columns" : fromEnd === 1 ? "rows" : "pages";
  });
  return {
    roles: [...roles],
    hidden: data.axes.map(() => new Set()),
    page: data.axes.map(() => -1), // -1 shows every value of a page axis
  };
}

/** Give an axis a role. Whichever axis had it takes the old one, except that pages are shared. */
export function assignRole(state, number, role) {
  const old = state.roles[number];
  const holder = role === "pages" ? -1 : state.roles.indexOf(role);
  if (holder >= 0) state.roles[holder] = old;
  state.roles[number] = role;
}

/** Swap rows and columns. */
export function transpose(state) {
  const swapped = { rows: "columns", columns: "rows" };
  state.roles = state.roles.map((role) => swapped[role] ?? role);
}

/** A function from positions along all axes to the number of the cell there, or undefined. */
export function finder(data) {
  const numbers = new Map(data.cells.map((cell, number) => [cell.at.join(","), number]));
  return (at) => numbers.get(at.join(","));
}

/** The positions of an axis that are shown. */
export function shown(data, state, number) {
  const all = data.axes[number].labels.map((_, position) => position);
  return all.filter((position) => !state.hidden[number].has(position));
}

/**
 * The pages to draw: {title, rows, columns, slots} where slots[row][column] is a list of cell numbers,
 * undefined for a cell that was left out. Pages without a single cell are dropped.
 */
export function pagesOf(data, state, find) {
  const withRole = (role) => state.roles.flatMap((each, number) => (each === role ? [number] : []));
  const along = (number) => (number === undefined ? [{}] : shown(data, state, number).map((position) => ({ [number]: position })));
  const [column] = withRole("columns");
  const [row] = withRole("rows");
  const [inside] = withRole("inside");
  let combinations = [{}];
  for (const number of withRole("pages")) {
    const positions = shown(data, state, number).filter((position) => state.page[number] < 0 || state.page[number] === position);
    combinations = combinations.flatMap((each) => positions.map((position) => ({ ...each, [number]: position })));
  }
  const labelled = (number) => (number === undefined ? null : {
    title: data.axes[number].title,
    labels: shown(data, state, number).map((position) => data.axes[number].labels[position]),
  });
  return combinations
    .map((fixed) => ({
      title: Object.entries(fixed).map(([number, position]) => `${data.axes[number].title}: ${data.axes[number].labels[position]}`).join(", "),
      rows: labelled(row),
      columns: labelled(column),
      slots: along(row).map((down) => along(column).map((across) => along(inside).map((within) => {
        const places = { ...fixed, ...down, ...across, ...within };
        return find(data.axes.map((_, number) => places[number]));
      }))),
    }))
    .filter((page) => page.slots.some((line) => line.some((slot) => slot.some((number) => number !== undefined))));
}
